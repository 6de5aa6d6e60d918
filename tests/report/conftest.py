"""A report of clips that were never in a film, and a browser to look at it with."""

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from published import fake_clips, publish

from emodal_data.clear_clips import clear_clips
from emodal_data.config import DatasetConfig
from emodal_data.dataset import plan_dataset

if TYPE_CHECKING:
    from playwright.sync_api import Browser

#: As a browser on a build machine wants them; it talks to nobody.
_ARGUMENTS = [
    *("--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-sync"),
    *("--disable-background-networking", "--disable-component-update"),
]


#: A film may be called anything its file system allows.
HOSTILE_NAME = 'f7 <img src=x onerror="document.title=1">, "é" & co.mp4'


def write_fake_report(folder: Path, films: int = 8, per_film: int = 12) -> Path:
    """A dataset with its report: 96 clips, every eighth without a face, some turned away, some with two votes."""
    config = DatasetConfig()
    rows, clips, measures = fake_clips(folder / "clips", films, per_film)
    measures.loc["c0100", "yaw_deg"] = -61.5
    clips.loc["c0101", ["label", "tied"]] = [None, True]
    second = rows.iloc[[0, 13]].assign(annotator="ben", label=["sad", "sad"], row=[900, 901])
    rows = rows.assign(annotator="anna")
    rows = type(rows)([*rows.to_dict("records"), *second.to_dict("records")])
    for table in (rows, clips):
        table["film"] = table["film"].replace("f7.mp4", HOSTILE_NAME)
    clear = clear_clips(clips, measures, config.clips, config.face, config.audio)
    return publish(plan_dataset(rows, clear, config), folder / "dataset", config)


@pytest.fixture(scope="session")
def reported(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_fake_report(tmp_path_factory.mktemp("reported"))


@pytest.fixture(scope="session")
def browser() -> "Iterator[Browser]":
    sync_api = pytest.importorskip("playwright.sync_api", reason="playwright is not installed (extra dev)")
    chromium = shutil.which("chromium") or shutil.which("google-chrome")
    if chromium is None:
        pytest.skip("no chromium on this machine to look at the report with")
    with sync_api.sync_playwright() as playwright:
        started = playwright.chromium.launch(executable_path=chromium, args=_ARGUMENTS)
        yield started
        started.close()
