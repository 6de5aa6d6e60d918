"""Reads a film's header: what a plan and a manifest need, and the choice of the picture and sound track."""

from dataclasses import dataclass

from av.audio.stream import AudioStream
from av.container import InputContainer
from av.stream import Disposition
from av.video.stream import VideoStream

from emodal_data.core.errors import Dropped, InputError
from emodal_data.core.reasons import Reason
from emodal_data.media.guard import can_decode


@dataclass(frozen=True)
class AudioTrack:
    """One sound track. number: its place among the sound tracks, from 0."""

    number: int
    codec: str
    rate_hz: int
    channels: int
    language: str
    is_default: bool


@dataclass(frozen=True)
class FilmInfo:
    """A film's header, which may be wrong.

    width, height: stored pixels of the picture. pixel_shape: width / height of one pixel. fps: average.
    """

    container: str
    duration_s: float
    codec: str
    width: int
    height: int
    pixel_shape: float
    fps: float
    audio_tracks: tuple[AudioTrack, ...]


def read_info(container: InputContainer) -> FilmInfo:
    """The information of an open container. Raises Dropped(NO_VIDEO)."""
    video = picture_stream(container)
    return FilmInfo(
        container=container.format.name,
        duration_s=duration_s(container),
        codec=video.codec_context.name,
        width=video.codec_context.width,
        height=video.codec_context.height,
        pixel_shape=pixel_shape(video),
        fps=float(video.average_rate or 0),
        audio_tracks=tuple(_track(i, stream) for i, stream in enumerate(container.streams.audio)),
    )


def picture_stream(container: InputContainer) -> VideoStream:
    """The first video stream that is not a cover and that FFmpeg can decode. Raises Dropped(NO_VIDEO)."""
    for stream in moving_pictures(container):
        if can_decode(stream):
            return stream
    raise Dropped(Reason.NO_VIDEO, "no video stream that can be decoded")


def moving_pictures(container: InputContainer) -> list[VideoStream]:
    """The video streams that are neither covers nor thumbnails."""
    still = Disposition.attached_pic | Disposition.timed_thumbnails | Disposition.still_image
    return [stream for stream in container.streams.video if not stream.disposition & still]


def sound_stream(container: InputContainer, choice: str) -> AudioStream:
    """The sound track that the configuration selects.

    choice: "default" (the one marked in the file, else the first), "first", a number from 0, or a language.
    Raises Dropped(NO_AUDIO) if there is no such track, InputError if the choice is none of these.
    """
    streams = [s for s in container.streams.audio if can_decode(s)]
    found: list[AudioStream]
    if choice == "default":
        aside = Disposition.comment | Disposition.visual_impaired | Disposition.dub
        found = [s for s in streams if s.disposition & Disposition.default]
        found = found or [s for s in streams if not s.disposition & aside] or streams
    elif choice == "first":
        found = streams
    elif choice.isdecimal():
        found = streams[int(choice) :]
    elif choice.isalpha():
        found = [s for s in streams if (s.language or "").lower() == choice.lower()]
    else:
        raise InputError(f'clips.audio_track={choice!r}: use "default", "first", a number or a language')
    if not found:
        raise Dropped(Reason.NO_AUDIO, f"no sound track {choice!r} among {len(streams)}")
    return found[0]


def duration_s(container: InputContainer) -> float:
    """Length by the header; 0 if the header has none."""
    return max(0.0, (container.duration or 0) / 1e6)


def pixel_shape(stream: VideoStream) -> float:
    """Width / height of one stored pixel, 1 if unknown."""
    shape = stream.sample_aspect_ratio or stream.codec_context.sample_aspect_ratio
    return float(shape) if shape else 1.0


def _track(number: int, stream: AudioStream) -> AudioTrack:
    context = stream.codec_context
    known = can_decode(stream)
    return AudioTrack(
        number=number,
        codec=context.name if known else "unknown",
        rate_hz=context.sample_rate if known else 0,
        channels=context.channels if known else 0,
        language=stream.language or "",
        is_default=bool(stream.disposition & Disposition.default),
    )
