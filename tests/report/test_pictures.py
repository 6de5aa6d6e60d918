"""Faces stand where the page looks for them, and nothing of the films is shown that should not be."""

import json
import shutil
from pathlib import Path

import cv2
import numpy as np
import pyarrow.parquet as pq
import pytest

from emodal_data.clip_store import find_places
from emodal_data.config import ReportConfig
from emodal_data.dataset_folder import read_manifest
from emodal_data.report import write_report
from emodal_data.report.clip_table import clip_table, read_ledger
from emodal_data.report.pictures import CLIPS_PER_SHEET, FACE_SIDE_PX, write_pictures


def pictures(reported: Path, folder: Path, config: ReportConfig) -> tuple[int, list[list[dict[str, str]]]]:
    """How many clips stay blank, and the entries of every script."""
    clips = clip_table(read_ledger(reported), reported)
    key = read_manifest(reported)["ingest_key"]
    places = find_places(reported.parent / "clips", key, frozenset(clips.index))
    blank = write_pictures(folder, clips, places, config)
    scripts = [path.read_text() for path in sorted(folder.glob("clips-*.js"))]
    calls = [text.removeprefix("emodal.receive(").removesuffix(");\n") for text in scripts]
    return blank, [json.loads(f"[{call}]")[1] for call in calls]


def portrait(folder: Path, place: int) -> np.ndarray:
    sheet = cv2.imread(str(folder / f"faces-{place // CLIPS_PER_SHEET:03}.jpg"), cv2.IMREAD_GRAYSCALE)
    assert sheet.shape == (8 * FACE_SIDE_PX, 8 * FACE_SIDE_PX)
    row, column = divmod(place % CLIPS_PER_SHEET, 8)
    return sheet.reshape(8, FACE_SIDE_PX, 8, FACE_SIDE_PX)[row, :, column].astype(int)


@pytest.mark.parametrize("place", [0, 9, 63, 64, 95 - 8])
def test_every_face_stands_at_its_clip_s_place_on_its_sheet(
    reported: Path, tmp_path: Path, place: int
) -> None:
    blank, entries = pictures(reported, tmp_path, ReportConfig())
    assert (blank, [len(part) for part in entries]) == (0, [64, 32])
    clip_id = clip_table(read_ledger(reported), reported).index[place]
    (reel,) = (reported.parent / "clips").glob(f"f{int(clip_id[1:3])}-*/*.parquet")
    stored = pq.read_table(reel).to_pylist()[int(clip_id[3:])]
    face = cv2.imdecode(
        np.frombuffer(stored["image"] or stored["preview_frame"], np.uint8), cv2.IMREAD_GRAYSCALE
    )
    # The faces are noise, the hardest picture there is for a JPEG; another place's would differ by 85 levels.
    assert np.abs(portrait(tmp_path, place) - face).mean() < 12


def test_a_clip_s_entry_holds_its_frame_its_sound_and_the_box_of_its_face(
    reported: Path, tmp_path: Path
) -> None:
    _, entries = pictures(reported, tmp_path, ReportConfig())
    assert entries[0][0]["box"] == [0.0156, 0.0156, 0.3281, 0.3281]  # 10 to 210 pixels of 640
    assert entries[0][0]["frame"].startswith("data:image/jpeg;base64,")
    assert entries[0][0]["sound"].startswith("data:audio/webm;base64,")
    assert set(entries[0][7]) == {"frame", "sound"}  # no face was found


def test_frames_and_sounds_are_left_out_when_they_are_not_wanted(reported: Path, tmp_path: Path) -> None:
    _, entries = pictures(reported, tmp_path, ReportConfig(frames=False, sound=False))
    assert all(entry == {} for part in entries for entry in part)
    assert np.abs(portrait(tmp_path, 7) - 128).max() <= 2  # the frame is not shown in the face's place either
    assert portrait(tmp_path, 0).std() > 30
    _, silent = pictures(reported, tmp_path, ReportConfig(sound=False))
    assert {name for part in silent for entry in part for name in entry} == {"frame", "box"}


def test_pictures_are_the_same_bytes_every_time(reported: Path, tmp_path: Path) -> None:
    for name in ("one", "two"):
        pictures(reported, tmp_path / name, ReportConfig())
    files = sorted(path.name for path in (tmp_path / "one").iterdir())
    assert files == ["clips-000.js", "clips-001.js", "faces-000.jpg", "faces-001.jpg"]
    for name in files:
        assert (tmp_path / "one" / name).read_bytes() == (tmp_path / "two" / name).read_bytes()


def test_without_the_clip_store_the_page_says_what_is_missing(reported: Path, tmp_path: Path) -> None:
    dataset = shutil.copytree(reported, tmp_path / "dataset")
    write_report(dataset, read_manifest(dataset), tmp_path / "no-store")
    page = (dataset / "report" / "index.html").read_text()
    assert "96 of 96 clips are no longer in the clip store" in page
    assert "no longer in the clip store" not in (reported / "report" / "index.html").read_text()
