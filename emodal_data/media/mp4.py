"""Writes spans as mp4 or WebM files for people to watch. The pipeline never reads them.

ffmpeg-python writes the command line. We run it ourselves with a time limit, because its run() waits for ever.
"""

import os
import shutil
import signal
import subprocess
from pathlib import Path
from typing import Any, cast

from emodal_data.core.config import ClipsConfig
from emodal_data.core.errors import Dropped, WorkError
from emodal_data.core.reasons import Reason
from emodal_data.media.guard import DEMUXERS, film_path, open_container
from emodal_data.media.info import moving_pictures, picture_stream, sound_stream

#: How a span is written: encoded again and frame-exact, its packets unchanged from the previous keyframe on, or
#: frame-exact and small for a browser.
_CODECS: dict[str, dict[str, str | int]] = {
    "exact": {
        "format": "mp4",
        "vcodec": "libx264",
        "preset": "veryfast",
        "crf": 18,
        "pix_fmt": "yuv420p",
        "threads": 1,  # the other cores have other clips
        "acodec": "aac",
    },
    "copy": {"format": "mp4", "c": "copy"},
    "browser": {
        "format": "webm",
        "vf": "scale='min(640,iw)':'min(640,ih)':force_original_aspect_ratio=decrease:force_divisible_by=2",
        "vcodec": "libvpx",
        "deadline": "realtime",
        "cpu-used": 8,
        "crf": 12,
        "b:v": "2M",
        "pix_fmt": "yuv420p",
        "threads": 1,
        "acodec": "libopus",
        "ac": 2,
        "b:a": "96k",
    },
}
_STDERR_SHOWN = 300


def export_clip(
    path: Path | str,
    start_s: float,
    end_s: float,
    to: Path,
    *,
    root: Path | None = None,
    config: ClipsConfig,
) -> None:
    """Write start_s to end_s of a film to an mp4 in the way of config.export; "none" does nothing.

    to: written in place; where others may look, give a temporary file. Raises Dropped as open_film does,
    Dropped(FRAME_UNREADABLE) with ffmpeg's message, Dropped(DECODER_TIMED_OUT), and WorkError if there is no ffmpeg.
    """
    if config.export == "none":
        return
    film = film_path(path, root)
    run_bounded(clip_command(film, start_s, end_s, to, config, config.export), config.timeout_s)


def export_for_browser(
    path: Path | str, start_s: float, end_s: float, to: Path, *, root: Path | None = None, config: ClipsConfig
) -> None:
    """Write start_s to end_s of a film to a small WebM that every browser plays; a sound file to its sound.

    to, errors: as in export_clip.
    """
    film = film_path(path, root)
    run_bounded(clip_command(film, start_s, end_s, to, config, "browser"), config.timeout_s)


def clip_command(
    film: Path, start_s: float, end_s: float, to: Path, config: ClipsConfig, way: str
) -> list[str]:
    """The ffmpeg command for one span: the film's picture and the sound track of the configuration.

    way: "exact", "copy" or "browser".
    """
    import ffmpeg  # a build without exports does not need it

    with open_container(film, config) as container:
        is_sound_alone = way == "browser" and not moving_pictures(container)
        tracks = [] if is_sound_alone else [picture_stream(container).index]
        if container.streams.audio:
            tracks.append(sound_stream(container, config.audio_track).index)
    source = ffmpeg.input(
        f"file:{film}",
        ss=f"{start_s:.6f}",
        t=f"{end_s - start_s:.6f}",
        protocol_whitelist="file",
        format_whitelist=",".join(DEMUXERS),
        threads=1,
    )
    streams = [source[str(track)] for track in tracks]
    made = ffmpeg.output(*streams, f"file:{to}", **_CODECS[way]).global_args(
        "-hide_banner", "-loglevel", "error", "-nostdin"
    )
    return cast(list[str], made.compile(cmd=find_ffmpeg(), overwrite_output=True))


def find_ffmpeg() -> str:
    """Path of the system's ffmpeg, or of the one in the package imageio-ffmpeg. Raises WorkError without either."""
    found = shutil.which("ffmpeg")
    if found:
        return found
    import imageio_ffmpeg

    try:
        return str(imageio_ffmpeg.get_ffmpeg_exe())
    except RuntimeError as error:
        raise WorkError("cutting clips needs ffmpeg: install it, or set clips.export=none") from error


def run_bounded(command: list[str], timeout_s: float) -> None:
    """Run a command in a process group of its own, which is killed at the timeout.

    Raises Dropped(DECODER_TIMED_OUT), or Dropped(FRAME_UNREADABLE) with the end of its error output.
    """
    process: subprocess.Popen[bytes] = subprocess.Popen(
        command,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        start_new_session=True,
    )
    try:
        _, error_output = process.communicate(timeout=timeout_s)
    except subprocess.TimeoutExpired as error:
        raise Dropped(Reason.DECODER_TIMED_OUT, "ffmpeg needs more time than clips.timeout_s") from error
    finally:
        _kill_group(process)
    if process.returncode:
        message = error_output.decode(errors="replace").strip()[-_STDERR_SHOWN:]
        raise Dropped(Reason.FRAME_UNREADABLE, f"ffmpeg: {message}", float(process.returncode))


def _kill_group(process: "subprocess.Popen[Any]") -> None:
    """Kill the process and all processes that it started, as far as they still run."""
    try:
        os.killpg(process.pid, signal.SIGKILL)
    except ProcessLookupError:
        return
    finally:
        process.wait()
        if process.stderr is not None:
            process.stderr.close()
