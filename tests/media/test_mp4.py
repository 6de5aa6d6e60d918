"""Spans as mp4 files: exact or copied, whole or not at all, and within the time limit."""

import sys
import time
from pathlib import Path

import av
import numpy as np
import pytest

from emodal_data.core.config import ClipsConfig
from emodal_data.core.errors import Dropped
from emodal_data.core.reasons import Reason
from emodal_data.media import open_film
from emodal_data.media.mp4 import clip_command, export_clip, export_for_browser, run_bounded
from tests.media.films import Recipe, make_film, number_in
from tests.media.hostile import HLS


def pictures(path: Path) -> list[int]:
    with av.open(str(path)) as container:
        return [number_in(frame.to_ndarray(format="rgb24")) for frame in container.decode(video=0)]


def test_an_exact_clip_holds_the_frames_of_the_span(tmp_path: Path) -> None:
    film = make_film(tmp_path, Recipe(".mkv"))
    clip = tmp_path / "clip.mp4"
    export_clip(film, 1.0, 2.2, clip, config=ClipsConfig(export="exact"))
    assert pictures(clip) == list(range(25, 55))
    with open_film(clip) as made:
        assert made.duration_s == pytest.approx(1.2, abs=0.03)
        assert len(made.audio(0.0, 1.2)) == 19200


def test_a_clip_for_a_browser_holds_the_frames_and_the_sound_of_the_span_in_free_codecs(
    tmp_path: Path,
) -> None:
    film = make_film(tmp_path, Recipe(".mkv"))
    clip = tmp_path / "clip.webm"
    export_for_browser(film, 1.0, 2.2, clip, config=ClipsConfig())
    assert pictures(clip) == list(range(25, 55))
    with av.open(str(clip)) as made:
        assert [stream.codec_context.name for stream in made.streams] == ["vp8", "opus"]
        assert made.duration == pytest.approx(1_200_000, abs=30_000)
    with open_film(film) as whole, open_film(clip) as made:
        shifts = np.correlate(whole.audio(1.0, 2.2), made.audio(0.0, 1.2), mode="same")
    assert abs(int(np.argmax(shifts)) - len(shifts) // 2) <= 16  # a millisecond


def test_a_sound_file_is_sound_alone_for_a_browser_and_no_mp4(tmp_path: Path) -> None:
    film = make_film(tmp_path, Recipe(".mkv", video=None))
    clip = tmp_path / "clip.webm"
    export_for_browser(film, 1.0, 2.2, clip, config=ClipsConfig())
    with av.open(str(clip)) as made:
        assert [stream.codec_context.name for stream in made.streams] == ["opus"]
        assert made.duration == pytest.approx(1_200_000, abs=30_000)
    with pytest.raises(Dropped) as dropped:
        export_clip(film, 1.0, 2.2, tmp_path / "clip.mp4", config=ClipsConfig(export="exact"))
    assert dropped.value.reason == Reason.NO_VIDEO


def test_a_copied_clip_holds_the_film_s_own_packets(tmp_path: Path) -> None:
    film = make_film(tmp_path, Recipe())
    clip = tmp_path / "clip.mp4"
    export_clip(film, 2.0, 3.0, clip, config=ClipsConfig(export="copy"))
    with av.open(str(film)) as whole, av.open(str(clip)) as part:
        packets = {bytes(packet) for packet in whole.demux(video=0)}
        copied = [bytes(packet) for packet in part.demux(video=0) if packet.size]
    assert len(copied) >= 25
    assert set(copied) <= packets


def test_without_the_switch_nothing_is_written(tmp_path: Path) -> None:
    film = make_film(tmp_path, Recipe())
    export_clip(film, 1.0, 2.0, tmp_path / "clip.mp4", config=ClipsConfig())
    assert not (tmp_path / "clip.mp4").exists()


def test_a_span_that_cannot_be_written_leaves_nothing_behind(tmp_path: Path) -> None:
    film = make_film(tmp_path, Recipe())
    with pytest.raises(Dropped) as dropped:
        export_clip(film, 1.0, 2.0, tmp_path / "no folder" / "clip.mp4", config=ClipsConfig(export="copy"))
    assert dropped.value.reason == Reason.FRAME_UNREADABLE
    assert "No such file" in dropped.value.detail
    assert [path.name for path in tmp_path.iterdir()] == ["film.mp4"]


def test_a_playlist_is_not_exported(tmp_path: Path) -> None:
    make_film(tmp_path, Recipe(".ts"))
    (tmp_path / "list.mp4").write_text(HLS.format(film=tmp_path / "film.ts"))
    with pytest.raises(Dropped) as dropped:
        export_clip(
            "list.mp4", 0.0, 1.0, tmp_path / "clip.mp4", root=tmp_path, config=ClipsConfig(export="copy")
        )
    assert dropped.value.reason == Reason.FILM_UNREADABLE


def test_odd_names_are_exported(tmp_path: Path) -> None:
    film = make_film(tmp_path, Recipe(), "-i %03d 'x' \n:a")
    export_clip(film, 1.0, 2.0, tmp_path / "-y.mp4", config=ClipsConfig(export="copy"))
    assert len(pictures(tmp_path / "-y.mp4")) >= 25


def test_the_chosen_sound_track_is_exported(tmp_path: Path) -> None:
    film = make_film(tmp_path, Recipe())
    command = clip_command(film, 1.0, 2.0, tmp_path / "x.mp4", ClipsConfig(), "exact")
    assert [command[i + 1] for i, word in enumerate(command) if word == "-map"] == ["0:0", "0:1"]


def test_what_takes_too_long_is_ended_with_all_it_started(tmp_path: Path) -> None:
    note = tmp_path / "child"
    starts_another = (
        "import subprocess, sys, time, pathlib;"
        "child = subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(60)']);"
        f"pathlib.Path({str(note)!r}).write_text(str(child.pid)); time.sleep(60)"
    )
    with pytest.raises(Dropped) as dropped:
        run_bounded([sys.executable, "-c", starts_another], timeout_s=2.0)
    assert dropped.value.reason == Reason.DECODER_TIMED_OUT
    deadline_s = time.monotonic() + 5
    while not _is_gone(int(note.read_text())) and time.monotonic() < deadline_s:
        time.sleep(0.02)
    assert _is_gone(int(note.read_text()))


def _is_gone(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] == "Z"
    except FileNotFoundError:
        return True


def test_what_it_said_last_is_kept() -> None:
    complains = [sys.executable, "-c", "import sys; sys.exit('no such\\ncodec')"]
    with pytest.raises(Dropped) as dropped:
        run_bounded(complains, timeout_s=20.0)
    assert dropped.value.detail == "ffmpeg: no such codec"
    assert dropped.value.measured == 1.0
