"""What the end of a test run says about skipped tests."""

from tests.skipped import skipped_lines


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
