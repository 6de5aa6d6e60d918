"""The charts' script is made once: a later report takes it from the one before, unless that one is not whole."""

from pathlib import Path

import pytest

from emodal_data.presentation.report import vega
from emodal_data.presentation.report.vega import vega_script


def test_the_script_of_an_earlier_report_is_taken_over(
    reported: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = reported / "report" / "app" / "vega.js"
    monkeypatch.setattr(vega, "_bundle", lambda: b"made anew")
    assert vega_script(before) == before.read_bytes()
    assert b"vegaEmbed" in before.read_bytes()


@pytest.mark.parametrize("change", ["cut", "changed", "of another version", "gone"])
def test_a_script_that_is_not_whole_or_not_ours_is_made_anew(
    reported: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, change: str
) -> None:
    whole = (reported / "report" / "app" / "vega.js").read_bytes()
    before = tmp_path / "vega.js"
    head, _, body = whole.partition(b"\n")
    other = {
        "cut": whole[:-1],
        "changed": whole[:-1] + b" ",
        "of another version": head.replace(b"vl-convert ", b"vl-convert 0.") + b"\n" + body,
    }
    if change in other:
        before.write_bytes(other[change])
    monkeypatch.setattr(vega, "_bundle", lambda: b"made anew")
    assert vega_script(before).endswith(b"\nmade anew")
