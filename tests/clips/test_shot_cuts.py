"""Spans that cross a cut: found in a film whose cuts are known, told in the ledger, dropped when asked for."""

from pathlib import Path

import av
import cv2
import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import pytest

from emodal_data.clips.gates import apply_gates
from emodal_data.clips.ingest import read_reel
from emodal_data.clips.plan import Clip, Reel, ingest_key
from emodal_data.clips.read_settings import ReadSettings
from emodal_data.clips.store import reel_file
from emodal_data.core.config import AudioConfig, ClipsConfig, DatasetConfig, FaceConfig
from emodal_data.dataset.plan import plan_dataset
from emodal_data.media import open_film
from emodal_data.media.shots import crossed_cut_s
from tests.media.test_shots_and_voice import make_cuts
from tests.published import fake_clips, planned


@pytest.mark.parametrize(
    ("start_s", "end_s", "cut_s"),
    [
        (0.5, 1.7, 1.0),
        (0.5, 2.6, 2.0),  # of the cuts at 1 and 2 s the one deeper within
        (0.8, 2.3, 2.0),
        (1.0, 2.0, None),  # from cut to cut
        (0.95, 2.08, None),  # an annotator's hand is not that steady
        (2.2, 3.3, None),
        (0.95, 1.05, None),
    ],
)
def test_the_cut_deepest_within_a_span_is_found(
    tmp_path: Path, start_s: float, end_s: float, cut_s: float | None
) -> None:
    with open_film(make_cuts(tmp_path / "film.mp4", (25, 50, 88))) as film:
        found = crossed_cut_s(film, start_s, end_s)
    assert found == (None if cut_s is None else pytest.approx(cut_s, abs=1e-6))


def test_what_cannot_be_decoded_has_no_cut(tmp_path: Path) -> None:
    path = make_cuts(tmp_path / "film.mp4", (50,))
    with open_film(path) as film:
        path.unlink()
        assert crossed_cut_s(film, 1.0, 3.0) is None


def film_with_a_face(path: Path, cut_frame: int = 60, frames: int = 100) -> Path:
    """A face, then from cut_frame on a pattern; noise for sound; 25 frames a second."""
    face = pytest.importorskip("skimage.data", reason="scikit-image comes with the extra samples").astronaut()
    draw = np.random.default_rng(0)
    other = cv2.resize(draw.integers(0, 256, (6, 8, 3), np.uint8), (512, 512))
    with av.open(str(path), "w") as out:
        video, sound = out.add_stream("libx264", rate=25), out.add_stream("aac", rate=16000, layout="mono")
        video.width = video.height = 512
        video.pix_fmt = "yuv420p"
        for number in range(frames):
            picture = np.roll(face if number < cut_frame else other, number % 3, axis=1)
            out.mux(video.encode(av.VideoFrame.from_ndarray(np.ascontiguousarray(picture), format="rgb24")))
        noise = (3000 * draw.standard_normal(frames * 640)).clip(-32768, 32767).astype(np.int16)
        frame = av.AudioFrame.from_ndarray(noise[None], format="s16", layout="mono")
        frame.sample_rate = 16000
        out.mux(sound.encode(frame))
        for stream in (video, sound):
            out.mux(stream.encode(None))
    return path


def test_reading_stores_the_cut_when_asked_and_else_looks_for_none(tmp_path: Path) -> None:
    film = film_with_a_face(tmp_path / "film.mp4")
    clips = (Clip("across", 1.0, 3.4), Clip("within", 0.4, 2.2))
    stored = {}
    for mode in ("ignore", "tell", "drop"):
        reel = Reel("film.mp4", film, clips, reel_file(tmp_path, mode, ["across", "within"]))
        settings = ReadSettings(ClipsConfig(shot_cuts=mode), FaceConfig(), AudioConfig(), tmp_path)
        read_reel(reel, settings)
        stored[mode] = pq.read_table(reel.file, columns=["reason", "shot_cut_s"]).to_pydict()
    assert stored["tell"]["reason"] == [None, None]
    assert stored["tell"]["shot_cut_s"] == [pytest.approx(2.4), None]
    assert stored["drop"] == stored["tell"]
    assert stored["ignore"]["shot_cut_s"] == [None, None]


def test_looking_for_cuts_reads_anew_and_what_is_done_about_them_does_not() -> None:
    keys = {
        mode: ingest_key(ClipsConfig(shot_cuts=mode), FaceConfig()) for mode in ("ignore", "tell", "drop")
    }
    assert keys["tell"] == keys["drop"] != keys["ignore"] == ingest_key(ClipsConfig(), FaceConfig())


def ledger(folder: Path, mode: str) -> pd.DataFrame:
    """The ledger of 20 clips of a second each, of which the first of the second film has a cut at 0.3 s."""
    config = DatasetConfig.model_validate({"clips": {"shot_cuts": mode}})
    rows, clips, measures = fake_clips(folder)
    measures.loc["c0100", "shot_cut_s"] = 0.3
    rows.loc[rows["clip_id"] == "c0100", "detail"] = "told before"
    clear = apply_gates(clips, measures, config.clips, config.face, config.audio)
    made: pd.DataFrame = plan_dataset(rows, clear, config).ledger.table().to_pandas().set_index("clip_id")
    return made


def test_a_cut_is_told_in_the_ledger_of_a_clip_that_stays(tmp_path: Path) -> None:
    told = ledger(tmp_path, "tell")
    assert told.loc["c0100", ["outcome", "shot_cut_s"]].tolist() == ["kept", 0.3]
    assert told.loc["c0100", "detail"] == "told before; the film cuts to another shot at 0.30 s"
    assert told["shot_cut_s"].notna().sum() == 1
    assert told.loc[told["outcome"] == "kept", "detail"].notna().sum() == 1


def test_a_cut_drops_its_clip_when_asked_for_with_how_deep_it_is(tmp_path: Path) -> None:
    made = ledger(tmp_path, "drop")
    assert made.loc["c0100", ["outcome", "reason"]].tolist() == ["dropped", "crosses_shot_cut"]
    assert made.loc["c0100", "measured"] == pytest.approx(0.3)
    assert (made["outcome"] == "kept").sum() == 17


def test_without_the_setting_the_ledger_has_no_such_column(tmp_path: Path) -> None:
    assert "shot_cut_s" not in planned(tmp_path).ledger.schema.names
    assert "shot_cut_s" not in ledger(tmp_path / "other", "ignore").columns
