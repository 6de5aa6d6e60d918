"""Faces stand where the page looks for them, and nothing of the films is shown that should not be."""

import json
import shutil
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pyarrow.parquet as pq
import pytest

from emodal_data.clips.store import find_places
from emodal_data.core.config import ReportConfig
from emodal_data.core.label_words import DEFAULT_CLASSES
from emodal_data.core.sizes import FACE_SIDE_PX
from emodal_data.dataset.folder import read_manifest
from emodal_data.presentation.report import write_report
from emodal_data.presentation.report.clip_table import clip_table, read_ledger
from emodal_data.presentation.report.pictures import Sheet, write_pictures
from emodal_model.data.previews import Preview, read_previews


def write(reported: Path, folder: Path, config: ReportConfig, before: Path | None = None) -> list[Sheet]:
    clips = clip_table(read_ledger(reported), reported, DEFAULT_CLASSES)
    key = read_manifest(reported)["ingest_key"]
    places = find_places(reported.parent / "clips", key, frozenset(clips.index))
    return write_pictures(folder, clips, places, config, key, before)


def pictures(reported: Path, folder: Path, config: ReportConfig) -> list[list[dict[str, Any]]]:
    """The entries of every script, in the order of the table."""
    entries = []
    for sheet in write(reported, folder, config):
        text = (folder / f"clips-{sheet.name}.js").read_text()
        call = text.removeprefix("emodal.receive(").removesuffix(");\n")
        kind, values, name = json.loads(f"[{call}]")
        assert (kind, name, len(values)) == ("pictures", sheet.name, sheet.stop - sheet.start)
        entries.append(values)
    return entries


def portrait(folder: Path, sheets: list[Sheet], n: int) -> np.ndarray:
    (sheet,) = [sheet for sheet in sheets if sheet.start <= n < sheet.stop]
    faces = cv2.imread(str(folder / f"faces-{sheet.name}.jpg"), cv2.IMREAD_GRAYSCALE)
    assert faces.shape == (8 * FACE_SIDE_PX, 8 * FACE_SIDE_PX)
    row, column = divmod(n - sheet.start, 8)
    return faces.reshape(8, FACE_SIDE_PX, 8, FACE_SIDE_PX)[row, :, column].astype(int)


@pytest.mark.parametrize("place", [0, 9, 59, 60, 95 - 8])
def test_every_face_is_at_the_place_of_its_clip_on_the_sheet(
    reported: Path, tmp_path: Path, place: int
) -> None:
    sheets = write(reported, tmp_path, ReportConfig())
    edges = [sheet.start for sheet in sheets] + [96]
    assert [sheet.stop for sheet in sheets] == edges[1:]
    assert all(edge % 12 == 0 for edge in edges)  # films stay whole
    clip_id = clip_table(read_ledger(reported), reported, DEFAULT_CLASSES).index[place]
    (reel,) = (reported.parent / "clips").glob(f"f{int(clip_id[1:3])}-*/*.parquet")
    stored = pq.read_table(reel).to_pylist()[int(clip_id[3:])]
    face = cv2.imdecode(
        np.frombuffer(stored["image"] or stored["preview_frame"], np.uint8), cv2.IMREAD_GRAYSCALE
    )
    # The faces are noise, the hardest picture there is for a JPEG; another place's would differ by 85 levels.
    assert np.abs(portrait(tmp_path, sheets, place) - face).mean() < 12


def test_a_clip_s_entry_holds_its_frame_its_sound_and_the_box_of_its_face(
    reported: Path, tmp_path: Path
) -> None:
    entries = pictures(reported, tmp_path, ReportConfig())
    assert entries[0][0]["box"] == [0.0156, 0.0156, 0.3281, 0.3281]  # 10 to 210 pixels of 640
    assert entries[0][0]["frame"].startswith("data:image/jpeg;base64,")
    assert entries[0][0]["sound"].startswith("data:audio/webm;base64,")
    assert set(entries[0][7]) == {"frame", "sound"}  # no face was found


def test_a_training_finds_frames_and_sounds_in_the_report_of_its_dataset(
    reported: Path, tmp_path: Path
) -> None:
    entries = [entry for part in pictures(reported, tmp_path, ReportConfig()) for entry in part]
    found = read_previews(reported, ["c0711", "c0000", "nobody"])
    assert found == {
        clip_id: Preview(entries[place]["frame"], entries[place]["sound"])
        for clip_id, place in (("c0000", 0), ("c0711", 95))
    }


def test_frames_and_sounds_are_left_out_when_they_are_not_wanted(reported: Path, tmp_path: Path) -> None:
    entries = pictures(reported, tmp_path, ReportConfig(frames=False, sound=False))
    first, *others = [entry for part in entries for entry in part]
    assert all(entry == {} for entry in others)
    assert set(first["tracks"]) == {"start_s", "end_s", "voice", "mouths", "scores", "chosen", "per_track"}
    sheets = write(reported, tmp_path, ReportConfig(frames=False, sound=False))
    faceless = portrait(tmp_path, sheets, 7)
    assert np.abs(faceless - 128).max() <= 2  # the frame is not shown in the face's place either
    assert portrait(tmp_path, sheets, 0).std() > 30
    silent = pictures(reported, tmp_path, ReportConfig(sound=False))
    assert {name for part in silent for entry in part for name in entry} == {"frame", "box", "tracks"}
    assert silent[0][0]["tracks"]["portraits"].startswith("data:image/jpeg;base64,")


def test_sheets_have_the_same_bytes_every_time(reported: Path, tmp_path: Path) -> None:
    for name in ("one", "two"):
        sheets = write(reported, tmp_path / name, ReportConfig())
    files = sorted(path.name for path in (tmp_path / "one").iterdir())
    names = sorted(sheet.name for sheet in sheets)
    assert files == [
        f"{kind}-{name}.{suffix}" for kind, suffix in (("clips", "js"), ("faces", "jpg")) for name in names
    ] + ["sheets.json"]
    for name in files:
        assert (tmp_path / "one" / name).read_bytes() == (tmp_path / "two" / name).read_bytes()


def test_sheets_of_an_earlier_report_are_kept_unless_they_were_damaged(
    reported: Path, tmp_path: Path
) -> None:
    one, two, three = (tmp_path / name for name in ("one", "two", "three"))
    sheets = write(reported, one, ReportConfig())
    first, *_, second = sheets
    assert write(reported, two, ReportConfig(), before=one) == sheets
    assert {path.name: path.stat().st_ino for path in one.glob("*-*")} == {
        path.name: path.stat().st_ino for path in two.glob("*-*")
    }
    whole = (one / f"faces-{second.name}.jpg").read_bytes()
    (one / f"faces-{second.name}.jpg").unlink()
    (one / f"faces-{second.name}.jpg").write_bytes(whole[:-9])
    write(reported, three, ReportConfig(), before=one)
    assert (three / f"faces-{second.name}.jpg").read_bytes() == whole
    assert (three / f"faces-{first.name}.jpg").stat().st_ino == (
        one / f"faces-{first.name}.jpg"
    ).stat().st_ino
    other = write(reported, tmp_path / "silent", ReportConfig(sound=False), before=one)
    assert {sheet.name for sheet in other}.isdisjoint(sheet.name for sheet in sheets)


def test_without_the_clip_store_the_page_says_what_is_missing(reported: Path, tmp_path: Path) -> None:
    dataset = shutil.copytree(reported, tmp_path / "dataset")
    write_report(dataset, read_manifest(dataset), tmp_path / "no-store")
    page = (dataset / "report" / "index.html").read_text()
    assert "96 of 96 clips are no longer in the clip store" in page
    assert "no longer in the clip store" not in (reported / "report" / "index.html").read_text()
