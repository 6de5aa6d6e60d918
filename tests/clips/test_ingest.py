"""Reading reels: what one bad clip costs, and where a clear face is looked for."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
import pytest

from emodal_data.clips import ingest, span_reading
from emodal_data.clips.ingest import read_reel_isolated
from emodal_data.clips.plan import Clip, Reel
from emodal_data.clips.span_reading import ReadSettings
from emodal_data.clips.store import reel_file
from emodal_data.core.config import AudioConfig, ClipsConfig, FaceConfig
from emodal_data.core.errors import Dropped
from emodal_data.core.reasons import Reason
from emodal_data.core.worker_pool import WorkerFailed
from emodal_data.face import FaceMeasures, FacePicture
from emodal_data.media import AudioSpan, Frame
from emodal_data.media.encoders import pcm16

MEASURES = FaceMeasures(0.9, 0.9, 200.0, 0.2, 0.0, 0.0, 0.0, 0.0, 0.0, 1, 1.0, 0.0, 0.0, 0.0, 200.0, 200.0)


def reel(folder: Path, count: int) -> Reel:
    clips = tuple(Clip(f"clip{n}", float(n), n + 1.0) for n in range(count))
    return Reel("a.mp4", folder / "a.mp4", clips, reel_file(folder, "key", (clip.clip_id for clip in clips)))


class FragilePool:
    """A pool whose worker dies of one clip."""

    def __init__(self, guilty: str, error: Exception) -> None:
        self.guilty, self.error, self.alone = guilty, error, 0

    def run(
        self, timeout_s: float, function: Callable[..., None], reel: Reel, settings: ReadSettings
    ) -> None:
        assert timeout_s >= settings.clips.timeout_s
        self.alone += len(reel.clips) == 1
        if any(clip.clip_id == self.guilty for clip in reel.clips):
            raise self.error
        ingest.write_reel(reel.file, [{"clip_id": clip.clip_id, "film": reel.film} for clip in reel.clips])


@pytest.mark.parametrize(
    "reason", [Reason.DECODER_CRASHED, Reason.DECODER_TIMED_OUT, Reason.DECODER_OUT_OF_MEMORY]
)
def test_a_clip_that_kills_its_worker_costs_only_itself(tmp_path: Path, reason: Reason) -> None:
    pool = FragilePool("clip2", WorkerFailed(reason, "a worker process died"))
    settings = ReadSettings(ClipsConfig(), FaceConfig(), AudioConfig(), tmp_path)
    read_reel_isolated(reel(tmp_path, 5), settings, pool)  # type: ignore[arg-type]
    rows = [row for path in tmp_path.glob("*.parquet") for row in pq.read_table(path).to_pylist()]
    assert {row["clip_id"]: row["reason"] for row in rows} == {
        "clip0": None,
        "clip1": None,
        "clip2": reason.value,
        "clip3": None,
        "clip4": None,
    }
    assert pool.alone == 5


def test_a_film_that_cannot_be_opened_marks_every_clip_of_the_reel(tmp_path: Path) -> None:
    (tmp_path / "a.mp4").write_bytes(b"no film")
    made = reel(tmp_path, 3)
    ingest.read_reel(made, ReadSettings(ClipsConfig(), FaceConfig(), AudioConfig(), tmp_path))
    assert pq.read_table(made.file)["reason"].to_pylist() == ["film_unreadable"] * 3


class FilmOfOneFace:
    """A film that shows a face in one stretch only, and remembers where it was looked at."""

    def __init__(self, from_s: float, to_s: float) -> None:
        self.from_s, self.to_s, self.looked_s = from_s, to_s, []

    def frame_at(self, t_s: float, max_side_px: int) -> Frame:
        self.looked_s.append(round(t_s, 6))
        shown = self.from_s <= t_s < self.to_s
        return Frame(
            rgb=np.full((4, 4, 3), shown, np.uint8), pts_s=t_s, error_s=0.0, corrupt_frames=0, scale=1.0
        )

    def audio_span(self, start_s: float, end_s: float) -> AudioSpan:
        silence = np.zeros(round((end_s - start_s) * 16_000), np.float32)
        return AudioSpan(silence, missing_samples=0, corrupt_frames=0, full_scale=1.0)


def found(rgb: np.ndarray, *_: Any, **__: Any) -> FacePicture:
    if not rgb.any():
        raise Dropped(Reason.NO_FACE, "nobody there")
    return FacePicture(image=np.zeros((128, 128), np.uint8), measures=MEASURES)


@pytest.mark.parametrize(
    ("from_s", "to_s", "search_s", "taken_s"),
    [
        (0.0, 9.0, 1.0, 5.0),
        (5.15, 9.0, 1.0, 5.2),
        (0.0, 4.85, 1.0, 4.8),
        (0.0, 4.85, 0.1, None),
        (0.0, 4.85, 0.0, None),
        (6.05, 9.0, 5.0, None),  # beyond the span
    ],
)
def test_the_nearest_clear_face_is_taken_within_the_search_and_the_span(
    monkeypatch: pytest.MonkeyPatch, from_s: float, to_s: float, search_s: float, taken_s: float | None
) -> None:
    monkeypatch.setattr(span_reading, "find_face", found)
    film, clip = FilmOfOneFace(from_s, to_s), Clip("c", 4.0, 6.0)
    settings = ReadSettings(ClipsConfig(), FaceConfig(frame_search_s=search_s), AudioConfig())
    row = ingest._measure(film, clip, None, settings)  # type: ignore[arg-type]
    if taken_s is None:
        assert row["reason"] == "no_face"
        assert row["frame_s"] == 5.0
    else:
        assert "reason" not in row
        assert row["frame_s"] == pytest.approx(taken_s)
        assert row["frame_error_s"] == pytest.approx(5.0 - taken_s)
    assert all(4.0 <= t_s < 6.0 for t_s in film.looked_s)


def test_sound_becomes_16_bit_without_wrapping() -> None:
    wave = np.array([0.0, 1.0, -1.0, 2.0, -2.0, 0.5, np.nan], np.float32)
    assert pcm16(wave).tolist() == [0, 32767, -32768, 32767, -32768, 16384, 0]
