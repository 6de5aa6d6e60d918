"""Reading reels: what one bad clip costs, and where a clear face is looked for."""

import errno
import os
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import av
import numpy as np
import pyarrow.parquet as pq
import pytest

from emodal_data.clips import ingest, span_reading
from emodal_data.clips.films import FilmFile
from emodal_data.clips.ingest import Row, store_rows
from emodal_data.clips.isolated_reading import read_reel_isolated
from emodal_data.clips.plan import Clip, Reel
from emodal_data.clips.read_settings import ReadSettings
from emodal_data.clips.store import reel_file
from emodal_data.core.config import AudioConfig, ClipsConfig, FaceConfig
from emodal_data.core.errors import Dropped, TransientError
from emodal_data.core.reasons import ADVICE, Reason
from emodal_data.core.worker_pool import WorkerFailed
from emodal_data.face import Expression, Face, FaceMeasures, FacePicture
from emodal_data.media import AudioSpan, Frame
from emodal_data.media.encoders import pcm16
from tests.media.films import Recipe, make_film

MEASURES = FaceMeasures(
    0.9, 0.9, 200.0, 0.2, 0.0, 0.0, 0.0, 0.0, 1, 1.0, 0.0, 0.0, 0.0, 200.0, 200.0, 0.1, 0.9
)


def reel(folder: Path, count: int) -> Reel:
    clips = tuple(Clip(f"clip{n}", float(n), n + 1.0) for n in range(count))
    return Reel("a.mp4", folder / "a.mp4", clips, reel_file(folder, "key", (clip.clip_id for clip in clips)))


class FragilePool:
    """A pool whose worker dies of one clip."""

    def __init__(self, guilty: str, error: Exception) -> None:
        self.guilty, self.error, self.alone = guilty, error, 0

    def run(
        self, timeout_s: float, function: Callable[..., list[Row]], reel: Reel, settings: ReadSettings
    ) -> list[Row]:
        assert timeout_s >= settings.clips.timeout_s
        self.alone += len(reel.clips) == 1
        if any(clip.clip_id == self.guilty for clip in reel.clips):
            raise self.error
        return store_rows(
            reel, [{"clip_id": clip.clip_id, "film": reel.film} for clip in reel.clips], settings
        )


SETTINGS = ReadSettings(ClipsConfig(), FaceConfig(), AudioConfig())


def stored_reasons(folder: Path) -> dict[str, str | None]:
    rows = [row for path in folder.glob("*.parquet") for row in pq.read_table(path).to_pylist()]
    return {row["clip_id"]: row["reason"] for row in rows}


def test_a_clip_that_crashes_its_worker_costs_only_itself(tmp_path: Path) -> None:
    pool = FragilePool("clip2", WorkerFailed(Reason.DECODER_CRASHED, "a worker process died"))
    assert read_reel_isolated(reel(tmp_path, 5), SETTINGS, pool) == []  # type: ignore[arg-type]
    assert stored_reasons(tmp_path) == dict.fromkeys(["clip0", "clip1", "clip3", "clip4"]) | {
        "clip2": "decoder_crashed"
    }
    assert pool.alone == 5


@pytest.mark.parametrize("reason", [Reason.DECODER_TIMED_OUT, Reason.DECODER_OUT_OF_MEMORY])
def test_a_clip_that_takes_too_long_or_too_much_is_not_stored_and_has_its_reason_this_time(
    tmp_path: Path, reason: Reason
) -> None:
    pool = FragilePool("clip2", WorkerFailed(reason, "a worker process was stopped"))
    unread = read_reel_isolated(reel(tmp_path, 5), SETTINGS, pool)  # type: ignore[arg-type]
    assert stored_reasons(tmp_path) == dict.fromkeys(["clip0", "clip1", "clip3", "clip4"])
    assert [(row["clip_id"], row["reason"], row["detail"]) for row in unread] == [
        ("clip2", reason.value, ADVICE[reason])
    ]


def test_a_worker_that_was_killed_from_outside_says_nothing_of_its_clips(tmp_path: Path) -> None:
    pool = FragilePool("clip2", TransientError("a worker process was killed"))
    with pytest.raises(TransientError):
        read_reel_isolated(reel(tmp_path, 5), SETTINGS, pool)  # type: ignore[arg-type]
    assert stored_reasons(tmp_path) == {}


@pytest.mark.parametrize(
    ("errno_", "reason"), [(errno.EIO, Reason.READ_FAILED), (errno.ENOMEM, Reason.DECODER_OUT_OF_MEMORY)]
)
def test_a_drive_that_fails_in_the_middle_of_a_film_is_no_damage_of_the_film(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, errno_: int, reason: Reason
) -> None:
    film = make_film(tmp_path, Recipe())
    whole = Reel("film.mp4", film, (Clip("c", 1.0, 2.0),), tmp_path / "key-reel.parquet")

    def fail(*_: object) -> None:
        av.error.err_check(-errno_)

    settings = replace(SETTINGS, clips=ClipsConfig(modalities="image"))
    with monkeypatch.context() as patch:
        patch.setattr("emodal_data.media.video.VideoReader.frame_on_screen", fail)
        unread = ingest.read_reel(whole, settings)
    assert [row["reason"] for row in unread] == [reason.value]
    assert not whole.file.exists()
    assert ingest.read_reel(whole, settings) == []
    assert whole.file.exists()


def test_a_film_that_was_exchanged_since_it_was_hashed_is_not_stored(tmp_path: Path) -> None:
    film = make_film(tmp_path, Recipe())
    stat = film.stat()
    found = FilmFile("film.mp4", film, stat.st_size, stat.st_mtime_ns, inode=stat.st_ino)
    whole = Reel("film.mp4", film, (Clip("c", 1.0, 2.0),), tmp_path / "key-reel.parquet", source=found)
    other = tmp_path / "other.mp4"
    other.write_bytes(film.read_bytes())  # of the same size,
    os.utime(other, ns=(stat.st_mtime_ns, stat.st_mtime_ns))  # and as old
    other.replace(film)
    with pytest.raises(TransientError, match=r"film\.mp4: the file changed while it was read"):
        ingest.read_reel(whole, SETTINGS)
    assert not whole.file.exists()


def test_a_film_that_is_exchanged_while_it_is_read_is_not_stored(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    film = make_film(tmp_path, Recipe())
    stat = film.stat()
    found = FilmFile("film.mp4", film, stat.st_size, stat.st_mtime_ns, inode=stat.st_ino)
    whole = Reel("film.mp4", film, (Clip("c", 1.0, 2.0),), tmp_path / "key-reel.parquet", source=found)

    def exchange(*_: object) -> Row:
        (tmp_path / "other.mp4").write_bytes(b"another film")
        (tmp_path / "other.mp4").replace(film)
        return {}

    monkeypatch.setattr(ingest, "_measure", exchange)
    with pytest.raises(TransientError, match="changed while it was read"):
        ingest.read_reel(whole, SETTINGS)
    assert not whole.file.exists()


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
            picture=np.full((4, 4, 3), shown, np.uint8), pts_s=t_s, error_s=0.0, corrupt_frames=0, scale=1.0
        )

    def audio_span(self, start_s: float, end_s: float) -> AudioSpan:
        silence = np.zeros(round((end_s - start_s) * 16_000), np.float32)
        return AudioSpan(silence, missing_samples=0, corrupt_frames=0, full_scale=1.0)


def found(rgb: np.ndarray, *_: Any, **__: Any) -> FacePicture:
    if not rgb.any():
        raise Dropped(Reason.NO_FACE, "nobody there")
    face = Face((10.0, 10.0, 110.0, 110.0), 0.9, np.zeros((68, 2)), 0.9)
    return FacePicture(np.zeros((128, 128), np.uint8), MEASURES, Expression(*[0.3] * 8), face, ())


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
