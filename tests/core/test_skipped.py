"""What the end of a test run says about skipped tests."""

import re
from pathlib import Path

from tests.skipped import skipped_lines

TESTS = Path(__file__).parents[1]


def test_skipped_tests_are_counted_by_what_brings_them_the_largest_group_first() -> None:
    shared = "no real media at /x/shared/media"
    skipped = [("b.py", "the extra dask is not installed"), ("a.py", shared), ("c.py", shared)]
    assert list(skipped_lines([*skipped, ("a.py", "bad weather")])) == [
        "   2 skipped; to have them: put the folder shared, with its films, tables and photos, beside the checkout",
        f"          2 {shared}: a.py, c.py",
        "   1 skipped; to have them: make setup",
        "          1 the extra dask is not installed: b.py",
        "   1 skipped; to have them: see the reason",
        "          1 bad weather: a.py",
    ]


def test_every_reason_to_skip_has_a_way_to_have_the_test() -> None:
    pattern = re.compile(r"(?:pytest\.skip\(|importorskip\(|skipif\()[^\"]*(?:\"[^\" ]+\"[^\"]*)?\"([^\"]+)")
    reasons = {
        reason
        for path in TESTS.rglob("test_*.py")
        for reason in pattern.findall(path.read_text())
        if " " in reason
    }
    assert len(reasons) > 20
    without = [reason for reason in reasons if "see the reason" in next(skipped_lines([("", reason)]))]
    assert without == []
