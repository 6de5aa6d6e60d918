"""What is odd about a film: streams, clocks, colours, sound; and whether its answers are those of a whole decode."""

import hashlib
from collections import Counter
from contextlib import closing
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path
from typing import Any, cast

import av
import numpy as np
from av.container import InputContainer
from av.stream import Disposition, Stream

from emodal_data.core.config import ClipsConfig
from emodal_data.core.errors import Dropped
from emodal_data.core.reasons import Reason
from emodal_data.media.clock import Clock
from emodal_data.media.cropping import Crop
from emodal_data.media.film import Film
from emodal_data.media.guard import can_decode, film_path, open_container
from emodal_data.media.info import picture_stream, sound_of_the_picture, sound_stream
from emodal_data.media.opening import open_film
from emodal_data.media.whole_decode import compare_frames
from emodal_data.media.whole_sound import compare_sound, plain_sound

#: Transfer characteristics of H.273 that are high dynamic range.
_HDR = {16: "PQ (HDR10, Dolby Vision)", 18: "HLG"}
_FULL_RANGE = 2
#: A frame this many times as long as most is a gap in the picture.
_GAP = 5
#: Seconds of sound that are asked at each place, and of the track that is decoded from its start to compare.
_SOUND_S, _WHOLE_SOUND_S = 1.0, 600.0
#: Reasons of files that cannot be read at all; films with others can, and are refused.
_NOT_READABLE = (Reason.FILM_MISSING, Reason.FILM_OUTSIDE_FOLDER, Reason.FILM_UNREADABLE)


@dataclass
class Examination:
    """What was found in a film.

    facts: what the film is, by name. notes: what is odd about it, and handled. faults: what would be dropped, or cannot
    be trusted. checked: frames and spans of sound that were asked.
    """

    film: str
    facts: dict[str, Any] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)
    faults: list[str] = field(default_factory=list)
    checked: dict[str, int] = field(default_factory=dict)


def examine_film(path: Path, config: ClipsConfig, frames: int = 20) -> Examination:
    """Examine a film. frames: how many are compared with a whole decode, which takes as long as decoding the film.

    The times are chosen by the film's name, so that a second run asks the same. A film that a build refuses is a fault.
    Raises Dropped(FILM_MISSING, FILM_UNREADABLE) if the file is no film.
    """
    found = Examination(str(path))
    try:
        _examine(film_path(path), config, frames, found)
    except Dropped as dropped:
        if dropped.reason in _NOT_READABLE:
            raise
        found.faults.append(str(dropped))
    return found


def _examine(real: Path, config: ClipsConfig, frames: int, found: Examination) -> None:
    with open_film(real, config=config) as film:
        info = film.info
        found.facts = {
            "container": info.container,
            "length_s": round(info.duration_s, 3),
            "picture": f"{info.codec} {info.width}x{info.height}, {info.fps:.5g} frames a second",
            "timecode": info.timecode,
        }
        if info.pixel_shape != 1:
            found.notes.append(
                f"pixels are {info.pixel_shape:.4g} times as wide as high: the picture is stretched"
            )
        if film.crop != Crop():
            found.notes.append(f"the container crops the picture: {film.crop}")
        if info.timecode:
            found.notes.append(
                f"a timecode: the first frame is {info.timecode}; annotations may count from there"
            )
        with closing(open_container(real, config)) as container:
            _examine_streams(container, config, found)
            _examine_colours(container, found)
            _examine_clock(container, found)
        with closing(open_container(real, config)) as container:
            _examine_first_frame(container, found)
        times_s = _times_s(real.name, found.facts.get("last_frame_s", film.duration_s), frames)
        _check_frames(film, real, config, times_s, found)
        _check_sound(film, real, config, times_s, found)


def _examine_streams(container: InputContainer, config: ClipsConfig, found: Examination) -> None:
    picture = picture_stream(container)
    try:
        sound: Stream | None = sound_stream(container, config.audio_track)
    except Dropped as dropped:
        sound = None
        found.faults.append(str(dropped))
    found.facts["streams"] = [
        _stream_line(stream, stream in (picture, sound)) for stream in container.streams
    ]
    others = [
        stream.index for stream in container.streams.video if stream is not picture and can_decode(stream)
    ]
    if others:
        found.notes.append(
            f"other pictures or covers, which are not read: streams {', '.join(map(str, others))}"
        )
    of_picture = sound_of_the_picture(container)
    foreign = [str(stream.index) for stream in container.streams.audio if stream not in of_picture]
    if foreign:
        found.notes.append(
            f"several programmes: sound of another one than the picture's, not read: streams {', '.join(foreign)}"
        )


def _examine_first_frame(container: InputContainer, found: Examination) -> None:
    """What only a decoded frame says: how it is turned, and whether it is interlaced."""
    try:
        frame = next(container.decode(picture_stream(container)), None)
    except (av.FFmpegError, ValueError):
        return  # the comparison with a whole decode says what is wrong
    if frame is None:
        return
    if frame.rotation:
        found.notes.append(f"the picture is turned by {frame.rotation} degrees to be upright")
    if frame.interlaced_frame:
        found.notes.append("the picture is interlaced")


def _stream_line(stream: Stream, is_chosen: bool) -> str:
    words = [f"{stream.index}: {stream.type}"]
    if can_decode(stream) and stream.type in ("video", "audio"):
        context = cast(Any, stream.codec_context)
        words.append(context.name)
        if stream.type == "video":
            words.append(f"{context.width}x{context.height}")
        else:
            words.append(f"{context.sample_rate} Hz {context.layout.name}")
    if stream.language and stream.language != "und":
        words.append(stream.language)
    words += [
        word
        for flag, word in ((Disposition.default, "default"), (Disposition.attached_pic, "cover"))
        if stream.disposition & flag
    ]
    return " ".join([*words, "<- read"] if is_chosen else words)


def _examine_colours(container: InputContainer, found: Examination) -> None:
    context = cast(Any, picture_stream(container).codec_context)
    if name := _HDR.get(int(context.color_trc)):
        found.notes.append(f"high dynamic range, {name}: mapped to the range of television")
    if int(context.color_range) == _FULL_RANGE:
        found.notes.append("colours use the full range of the bytes")
    found.facts["colours"] = (
        f"{context.pix_fmt}, H.273 primaries {int(context.color_primaries)}, "
        f"transfer {int(context.color_trc)}, matrix {int(context.colorspace)}"
    )


def _examine_clock(container: InputContainer, found: Examination) -> None:
    """Read the time stamps of the picture's packets; the container is at its end afterwards."""
    stream = picture_stream(container)
    clock = Clock.of(container, stream)
    stamps: list[int] = []
    back = 0
    last_dts: int | None = None
    try:
        for packet in container.demux(stream):
            if packet.pts is not None and packet.size:
                stamps.append(packet.pts)
            if packet.dts is not None and packet.size:
                back += last_dts is not None and packet.dts < last_dts
                last_dts = packet.dts
    except (av.FFmpegError, OSError) as error:
        found.faults.append(f"the file breaks off: {error}")
    if not stamps:
        found.notes.append("no packet of the picture has a time stamp")
        return
    times_s = [float(clock.seconds(pts)) for pts in sorted(stamps)]
    found.facts["first_frame_s"], found.facts["last_frame_s"] = round(times_s[0], 3), round(times_s[-1], 3)
    if clock.start_s:
        found.notes.append(f"the clock starts at {float(clock.start_s):.3f} s, which counts as 0")
    if times_s[0] > 0.001:
        found.notes.append(f"the picture starts {times_s[0]:.3f} s after the film")
    if back:
        found.notes.append(f"decoding time stamps go back: {back}")
    lengths_s = [b - a for a, b in pairwise(times_s) if b > a]
    if not lengths_s:
        return
    usual_s = float(np.median(lengths_s))
    gaps = sum(length_s > _GAP * usual_s for length_s in lengths_s)
    if gaps:
        found.notes.append(f"{gaps} frames stay longer than {_GAP} others, up to {max(lengths_s):.2f} s")
    common = Counter(round(length_s / usual_s, 1) for length_s in lengths_s)
    if common[1.0] < 0.95 * len(lengths_s):
        found.notes.append("the frame rate varies")


def _times_s(name: str, end_s: float, count: int) -> list[float]:
    """Times up to the last frame, chosen by the film's name."""
    seed = int.from_bytes(hashlib.sha256(name.encode()).digest()[:4], "big")
    return sorted(np.random.default_rng(seed).uniform(0, end_s, count).tolist())


def _check_frames(
    film: Film, path: Path, config: ClipsConfig, times_s: list[float], found: Examination
) -> None:
    found.checked["frames"] = len(times_s)
    found.faults += [
        f"frame_uncertain: {difference}" for difference in compare_frames(film, path, config, times_s)
    ]


def _check_sound(
    film: Film, path: Path, config: ClipsConfig, times_s: list[float], found: Examination
) -> None:
    """Compare a second of sound at each time with the track as it is decoded from its start in one go."""
    end_s = min(film.duration_s, _WHOLE_SOUND_S)
    spans = [(t_s, t_s + _SOUND_S) for t_s in times_s if t_s + _SOUND_S <= end_s]
    try:
        sounds = [film.audio_span(*span) for span in spans]
        plain = plain_sound(path, config, end_s)
    except Dropped as dropped:
        if str(dropped) not in found.faults:
            found.faults.append(f"sound: {dropped}")
        return
    found.checked["sounds"] = len(spans)
    found.facts["sound"] = ", then ".join(plain.formats)
    if len(plain.formats) > 1:
        found.notes.append(f"the sound changes: {found.facts['sound']}")
    if nameless := [name for name in plain.formats if name.endswith(" channels")]:
        channels = nameless[0].split(" Hz ")[1]
        found.notes.append(
            f"the sound does not say which channels it has: the usual ones of {channels} are assumed"
        )
    torn = [sound.missing_samples for sound in sounds if sound.missing_samples]
    if torn:
        found.notes.append(
            f"sound is missing in {len(torn)} of {len(spans)} seconds, up to {max(torn)} samples"
        )
    if alone := sum(sound.is_one_channel for sound in sounds):
        found.notes.append(
            f"channels of opposite phase cancel each other in {alone} of {len(spans)} seconds: "
            "the centre or the loudest is taken there"
        )
    found.faults += [str(difference) for difference in compare_sound(film, plain, spans)]
