"""Reads a film's header: what a plan and a manifest need, and the choice of the picture and sound track."""

from dataclasses import dataclass

from av.audio.stream import AudioStream
from av.container import InputContainer
from av.stream import Disposition, Stream
from av.video.stream import VideoStream

from emodal_data.core.errors import Dropped, InputError
from emodal_data.core.reasons import Reason
from emodal_data.media.guard import can_decode, header_length_s
from emodal_data.media.pixel_shape import pixel_shape


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
    timecode: of the first frame, as cameras and editors write it ("01:00:00:00"); empty if the file has none.
    """

    container: str
    duration_s: float
    codec: str
    width: int
    height: int
    pixel_shape: float
    fps: float
    audio_tracks: tuple[AudioTrack, ...]
    timecode: str = ""


def read_info(container: InputContainer, length_s: float | None = None) -> FilmInfo:
    """The information of an open container. length_s: of a film that was read through. Raises Dropped(NO_VIDEO)."""
    video = picture_stream(container)
    return FilmInfo(
        container=container.format.name,
        duration_s=header_length_s(container) if length_s is None else length_s,
        codec=video.codec_context.name,
        width=video.codec_context.width,
        height=video.codec_context.height,
        pixel_shape=pixel_shape(video),
        fps=float(video.average_rate or 0),
        audio_tracks=audio_tracks(container),
        timecode=_timecode(container),
    )


def picture_stream(container: InputContainer) -> VideoStream:
    """The picture: the track marked as default, else the first, of those that FFmpeg can decode and that are no cover.

    Raises Dropped(NO_VIDEO).
    """
    streams = [stream for stream in moving_pictures(container) if can_decode(stream)]
    if not streams:
        raise Dropped(Reason.NO_VIDEO, "no video stream that can be decoded")
    return next((stream for stream in streams if stream.disposition & Disposition.default), streams[0])


def moving_pictures(container: InputContainer) -> list[VideoStream]:
    """The video streams that are neither covers nor thumbnails."""
    still = Disposition.attached_pic | Disposition.timed_thumbnails | Disposition.still_image
    return [stream for stream in container.streams.video if not stream.disposition & still]


def sound_stream(container: InputContainer, choice: str) -> AudioStream:
    """The sound track that the configuration selects.

    choice: "default" (the one marked in the file, else the first), "first", a number from 0, or a language; but for
    the number, of the picture's own programme if the file has several.
    Raises Dropped(NO_AUDIO) if there is no such track, InputError if the choice is none of these.
    """
    streams = [s for s in sound_of_the_picture(container) if can_decode(s)]
    found: list[AudioStream]
    if choice == "default":
        aside = Disposition.comment | Disposition.visual_impaired | Disposition.dub
        found = [s for s in streams if s.disposition & Disposition.default]
        found = found or [s for s in streams if not s.disposition & aside] or streams
    elif choice == "first":
        found = streams
    elif choice.isdecimal():
        found = [s for s in container.streams.audio if can_decode(s)][int(choice) :]
    elif choice.isalpha():
        found = [s for s in streams if (s.language or "").lower() == choice.lower()]
    else:
        raise InputError(f'clips.audio_track={choice!r}: use "default", "first", a number or a language')
    if not found:
        raise Dropped(Reason.NO_AUDIO, f"no sound track {choice!r} among {len(streams)}")
    return found[0]


def sound_of_the_picture(container: InputContainer) -> list[AudioStream]:
    """The sound tracks of the picture's own programme; in a container without programmes, all."""
    streams = list(container.streams.audio)
    if container.format.name != "mpegts" or not moving_pictures(container):
        return streams
    # FFmpeg tells the best tracks of a stream's programme: streams are of one programme if these are the same.
    picture = picture_stream(container)
    return [
        stream for stream in streams if _best_tracks(container, stream) == _best_tracks(container, picture)
    ]


def _best_tracks(container: InputContainer, related: Stream) -> list[int]:
    best = (container.streams.best(kind, related=related) for kind in ("audio", "video"))
    return [stream.index for stream in best if stream is not None]


def _timecode(container: InputContainer) -> str:
    """The timecode of the first frame; empty if there is none, or if it starts at zero."""
    for tags in (container.metadata, *(stream.metadata for stream in container.streams)):
        for name, text in tags.items():
            if name.lower() == "timecode" and any(digit in text for digit in "123456789"):
                return str(text)
    return ""


def audio_tracks(container: InputContainer) -> tuple[AudioTrack, ...]:
    """The sound tracks of a container."""
    return tuple(_track(i, stream) for i, stream in enumerate(container.streams.audio))


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
