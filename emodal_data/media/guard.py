"""Opens every film under guard: which files may be opened, and how much of them may be read.

FFmpeg gets an open file descriptor and may use nothing else. It never sees a path, so it cannot follow one.
"""

import contextlib
import os
import stat
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

import av
from av.container import InputContainer
from av.stream import Discard, Stream

from emodal_data.core.config import ClipsConfig
from emodal_data.core.errors import DRIVE_ERRORS, Dropped
from emodal_data.core.reasons import ADVICE, Reason
from emodal_data.media.file_kind import describe_file

#: Demuxers of film containers. Playlists, image patterns, scripts and devices are not films.
DEMUXERS = ("mov", "matroska", "avi", "mpegts", "mpeg", "asf", "flv", "ogg", "mxf", "wav", "flac", "mp3")
#: Streams of any kind; FFmpeg silently ignores further ones, among which a picture could be.
_MAX_STREAMS_OF_ANY_KIND = 1000
#: Only the descriptor that we pass: no path, no network.
PROTOCOLS = ("fd",)

# FFmpeg would log a bad file once a packet; the ledger has the reason.
av.logging.set_level(av.logging.PANIC)


def film_path(path: Path | str, root: Path | str | None = None) -> Path:
    """The film's real path, every link resolved.

    root: folder in which the film must lie; None: anywhere.
    Raises Dropped(FILM_OUTSIDE_FOLDER, FILM_MISSING, FILM_UNREADABLE, READ_FAILED).
    """
    given = Path(path) if root is None else Path(root) / path
    try:
        real = given.resolve(strict=False)
        if root is not None and not real.is_relative_to(Path(root).resolve()):
            raise Dropped(Reason.FILM_OUTSIDE_FOLDER, f"{given.name!r} leads out of the films folder")
        mode = real.stat().st_mode
    except (FileNotFoundError, NotADirectoryError) as error:
        raise Dropped(Reason.FILM_MISSING, f"no file {str(path)!r}") from error
    except PermissionError as error:
        raise Dropped(Reason.READ_FAILED, f"{str(path)!r}: {error.strerror}") from error
    except (OSError, ValueError, RuntimeError) as error:  # too long, a null byte, a loop of links
        raise Dropped(Reason.FILM_UNREADABLE, f"{str(path)!r}: {error}") from error
    if not stat.S_ISREG(mode):
        raise Dropped(Reason.FILM_UNREADABLE, f"{str(path)!r} is not a file")
    return real


def open_container(path: Path, config: ClipsConfig) -> InputContainer:
    """A guarded FFmpeg input on a path from film_path().

    Raises Dropped(FILM_MISSING, FILM_UNREADABLE, FILM_TOO_LARGE, READ_FAILED, DECODER_TIMED_OUT,
    DECODER_OUT_OF_MEMORY).
    """
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    except FileNotFoundError as error:
        raise Dropped(Reason.FILM_MISSING, f"no file {str(path)!r}") from error
    except OSError as error:  # no permission, too many open files: never a fault of the content
        raise Dropped(Reason.READ_FAILED, f"{path.name!r}: {error.strerror or error}") from error
    options = {
        "fd": str(descriptor),
        "protocol_whitelist": ",".join(PROTOCOLS),
        "format_whitelist": ",".join(DEMUXERS),
        "max_streams": str(_MAX_STREAMS_OF_ANY_KIND),
        "max_pixels": str(config.max_pixels),
        "threads": "1",
    }
    begin_s = time.monotonic()
    try:
        container = av.open("fd:", options=options, metadata_errors="replace", timeout=config.timeout_s)
    except av.error.ExitError as error:
        raise timed_out() from error
    except MemoryError as error:
        raise out_of_memory() from error
    except (av.FFmpegError, OSError, ValueError, RuntimeError) as error:
        if time.monotonic() > begin_s + config.timeout_s:  # some demuxers raise another error when stopped
            raise timed_out() from error
        raise Dropped(Reason.FILM_UNREADABLE, f"{path.name!r}: {_what_is_wrong(path, error)}") from error
    finally:
        os.close(descriptor)  # FFmpeg keeps a copy of its own
    try:
        _check_limits(container, config)
    except Dropped:
        container.close()
        raise
    return container


def _check_limits(container: InputContainer, config: ClipsConfig) -> None:
    streams = container.streams
    if len(streams) >= _MAX_STREAMS_OF_ANY_KIND:
        raise Dropped(
            Reason.FILM_TOO_LARGE, f"{len(streams)} streams or more, of any kind", float(len(streams))
        )
    count = len(streams.video) + len(streams.audio)  # fonts, subtitles and data are never read
    if count > config.max_streams:
        raise Dropped(
            Reason.FILM_TOO_LARGE,
            f"{count} picture and sound streams, more than clips.max_streams={config.max_streams}",
            float(count),
        )
    check_length(header_length_s(container), config)
    for stream in streams.video:
        if not can_decode(stream):
            continue
        pixels = stream.codec_context.width * stream.codec_context.height
        if pixels > config.max_pixels:
            raise Dropped(
                Reason.FILM_TOO_LARGE,
                f"{pixels} pixels, more than clips.max_pixels={config.max_pixels}",
                float(pixels),
            )


def check_length(length_s: float, config: ClipsConfig) -> None:
    """Raise Dropped(FILM_TOO_LARGE) if a film is too long."""
    if length_s > config.max_duration_s:
        raise Dropped(
            Reason.FILM_TOO_LARGE,
            f"{length_s:.0f} s long, more than clips.max_duration_s={config.max_duration_s:g}",
            length_s,
        )


def header_length_s(container: InputContainer) -> float:
    """Length by the header; 0 if the header has none."""
    length_s = (container.duration or 0) / 1e6
    start_s = (cast(int | None, container.start_time) or 0) / 1e6
    if container.format.name == "flv" and length_s > start_s > 0:
        length_s -= start_s  # without a length in its header, FFmpeg takes the last time stamp for it
    return max(0.0, length_s)


def can_decode(stream: Stream) -> bool:
    """Whether FFmpeg has a decoder for the stream."""
    return cast(object, stream.codec_context) is not None


def select_stream(container: InputContainer, stream: Stream, config: ClipsConfig) -> None:
    """Read only this stream, with one decoder thread and the pixel limit."""
    for other in container.streams:
        other.discard = Discard.default if other is stream else Discard.all
    context = cast(Any, stream.codec_context)
    context.thread_count = 1  # decoder threads cost a quarter more CPU, and the other cores read other reels
    context.thread_type = "NONE"
    if stream.type == "video":
        context.options = {"max_pixels": str(config.max_pixels)}
        if context.name == "hevc":
            context.options |= {"err_detect": "explode"}  # otherwise the decoder conceals damage silently


@dataclass
class Budget:
    """What one clip may cost: packets read and seconds spent. Every read of a packet calls spend()."""

    packets: int
    deadline_s: float

    @classmethod
    def of(cls, config: ClipsConfig) -> "Budget":
        """A fresh budget for one clip."""
        return cls(config.max_packets, time.monotonic() + config.timeout_s)

    def spend(self) -> None:
        """Count one packet. Raises Dropped(FILM_TOO_LARGE, DECODER_TIMED_OUT)."""
        self.packets -= 1
        if self.packets < 0:
            raise Dropped(Reason.FILM_TOO_LARGE, "one clip needs more packets than clips.max_packets")
        if time.monotonic() > self.deadline_s:
            raise timed_out()


def timed_out() -> Dropped:
    """The error of a clip that takes too long."""
    return Dropped(Reason.DECODER_TIMED_OUT, "one clip needs more time than clips.timeout_s")


def out_of_memory() -> Dropped:
    """The error of a film or clip that the decoder has no memory for."""
    return Dropped(Reason.DECODER_OUT_OF_MEMORY, ADVICE[Reason.DECODER_OUT_OF_MEMORY])


@contextmanager
def damage_is(reason: Reason, what: str) -> Iterator[None]:
    """Turn errors of FFmpeg into Dropped(reason), or as refuse_passing does."""
    try:
        yield
    except (av.FFmpegError, OSError, ValueError, ArithmeticError, RuntimeError, MemoryError) as error:
        refuse_passing(error)
        raise Dropped(reason, f"{what}: {_cause(error)}") from error


def refuse_passing(error: BaseException) -> None:
    """Raise Dropped(READ_FAILED) if the drive failed, Dropped(DECODER_OUT_OF_MEMORY) if memory did.

    Neither is damage of the film, where reading goes on behind it.
    """
    if isinstance(error, MemoryError):
        raise out_of_memory() from error
    if isinstance(error, OSError) and error.errno in DRIVE_ERRORS:
        raise Dropped(Reason.READ_FAILED, _cause(error)) from error


def _what_is_wrong(path: Path, error: BaseException) -> str:
    """What the file is, if it is no film; else FFmpeg's own words."""
    with contextlib.suppress(OSError):
        if kind := describe_file(path):
            return kind
    if isinstance(error, av.error.ArgumentError):  # of FFmpeg's list of allowed formats, or of a demuxer
        return "a container that is not read, or is damaged; convert it to MP4 or Matroska"
    return _cause(error)


def _cause(error: BaseException) -> str:
    return str(getattr(error, "strerror", None) or error or type(error).__name__)
