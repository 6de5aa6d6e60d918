"""The frame on screen in containers and decoders with a will of their own, whatever was asked before.

The truth is a decode of the whole film from front to back, with FFmpeg's stamps.
"""

import itertools
import re
import struct
import subprocess
import zlib
from collections.abc import Iterable, Sequence
from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import av
import imageio_ffmpeg
import numpy as np
import pytest

from emodal_data.core.errors import Dropped
from emodal_data.core.reasons import Reason
from emodal_data.media import Film, open_film, read_through
from emodal_data.media.clock import Clock
from tests.media.films import Recipe, make_film, number_in

FPS = 25
#: Small pictures: several share a pack of MPEG-PS, and then not each has a time stamp.
SMALL = {"qmin": "31", "qmax": "31"}


def ffmpeg(*arguments: object) -> None:
    command = [imageio_ffmpeg.get_ffmpeg_exe(), "-v", "error", "-y", "-nostdin", *map(str, arguments)]
    subprocess.run(command, check=True, timeout=120)


def joined(to: Path, *parts: Path) -> Path:
    to.write_bytes(b"".join(part.read_bytes() for part in parts))
    return to


def shown(film: Film, t_s: float) -> int | Reason:
    try:
        return number_in(film.frame_at(t_s).rgb)
    except Dropped as dropped:
        return dropped.reason


def alone(path: Path, t_s: float) -> int | Reason:
    with open_film(path) as film:
        return shown(film, t_s)


def assert_uncertain(path: Path, why: str) -> None:
    """The film is refused, as a whole."""
    with pytest.raises(Dropped, match=why) as dropped:
        open_film(path)
    assert dropped.value.reason == Reason.FRAME_UNCERTAIN


def in_order(path: Path, times_s: Iterable[float]) -> dict[float, int | Reason]:
    with open_film(path) as film:
        return {t_s: shown(film, t_s) for t_s in times_s}


def wrong_answers(path: Path, right: dict[float, int]) -> dict[str, dict[float, tuple[int, int | Reason]]]:
    """What is answered wrongly, asked alone, upwards, downwards and shuffled, as (right, got)."""
    times_s = sorted(right)
    shuffled = list(np.random.default_rng(5).permutation(times_s))
    ways = {
        "alone": {t_s: alone(path, t_s) for t_s in times_s},
        "upwards": in_order(path, times_s),
        "downwards": in_order(path, times_s[::-1]),
        "shuffled": in_order(path, [float(t_s) for t_s in shuffled]),
    }
    return {
        way: {t_s: (right[t_s], got[t_s]) for t_s in times_s if got[t_s] != right[t_s]}
        for way, got in ways.items()
    }


NONE_WRONG: dict[str, dict[float, tuple[int, int]]] = {
    way: {} for way in ("alone", "upwards", "downwards", "shuffled")
}


def whole_decode(path: Path) -> list[tuple[Fraction, int]]:
    """(time on the film clock, number) of every frame, decoded in one go."""
    with av.open(str(path)) as container:
        stream = container.streams.video[0]
        clock = Clock.of(container, stream)
        return [
            (clock.seconds(frame.pts), number_in(frame.to_ndarray(format="rgb24")))
            for frame in container.decode(stream)
        ]


def every(frames: Sequence[tuple[Fraction, int]], step: int = 3) -> dict[float, int]:
    """A time in the middle of each third frame, and the number that is right there."""
    ends = [start for start, _ in frames[1:]]
    middles = [((start + end) / 2, number) for (start, number), end in zip(frames, ends, strict=False)]
    return {float(middle): number for middle, number in middles[1::step]}


@pytest.mark.parametrize(
    ("suffix", "codec", "options"),
    [
        (".webm", "libsvtav1", {"preset": "12", "svtav1-params": "lp=1"}),
        (".webm", "libvpx", {"cpu-used": "8", "deadline": "realtime", "auto-alt-ref": "1"}),
        (".webm", "libvpx-vp9", {"cpu-used": "8", "lag-in-frames": "12", "auto-alt-ref": "1"}),
        (".mkv", "mjpeg", {}),
        (".mov", "prores_ks", {}),
        (".wmv", "wmv2", {}),
        (".flv", "flv", {}),
    ],
)
def test_decoders_that_cannot_leave_frames_out_leave_none_out(
    suffix: str, codec: str, options: dict[str, str], tmp_path: Path
) -> None:
    formats = {"mjpeg": "yuvj420p", "prores_ks": "yuv422p10le"}
    recipe = Recipe(
        suffix,
        codec,
        audio=None,
        b_frames=0,
        pix_fmt=formats.get(codec, "yuv420p"),
        video_options=options,
    )
    path = make_film(tmp_path, recipe)
    assert wrong_answers(path, every(whole_decode(path))) == NONE_WRONG


def test_a_picture_of_avi_that_starts_late_shows_its_first_frame(tmp_path: Path) -> None:
    """FFmpeg finds nothing before the first frame, not even that one."""
    path = make_film(tmp_path, Recipe(".avi", "mpeg4", frames=50, audio=None))
    data = path.read_bytes()
    start = data.index(b"strh") + 8 + 28
    path.write_bytes(data[:start] + struct.pack("<I", 30) + data[start + 4 :])
    right = {(30 + 1.5 + k) / FPS: k for k in range(0, 48, 5)}  # the decoder reads a packet ahead
    assert wrong_answers(path, right) == NONE_WRONG


@pytest.mark.parametrize("codec", ["libx264", "mpeg4"])
def test_avi_shows_every_frame_once_with_the_delay_of_its_decoder(codec: str, tmp_path: Path) -> None:
    path = make_film(tmp_path, Recipe(".avi", codec, audio=None))
    delay = 1 if codec == "mpeg4" else 2  # packets that the decoder reads before a frame leaves it
    right = {(k + delay + 0.5) / FPS: k for k in range(1, 100)}
    assert wrong_answers(path, right) == NONE_WRONG


def packed(packets: list[bytes]) -> list[bytes]:
    """MPEG-4 with single B-frames as DivX packs it: P and B in one chunk, then a picture that is not coded."""
    kinds = [packet[packet.find(b"\0\0\1\xb6") + 4] >> 6 for packet in packets]
    head = packets[0].find(b"\0\0\1\xb6")
    packets = [packets[0][:head] + b"\0\0\1\xb2DivX503b1393p" + packets[0][head:], *packets[1:]]
    not_coded = b"\0\0\1\xb6" + int("0101000001001111", 2).to_bytes(2, "big")
    chunks, k = [], 0
    while k < len(packets):
        if k + 1 < len(packets) and kinds[k + 1] == 2:
            chunks += [packets[k] + packets[k + 1], not_coded]
            k += 2
        else:
            chunks.append(packets[k])
            k += 1
    return chunks


def test_a_packed_bitstream_shows_every_frame_once(tmp_path: Path) -> None:
    plain = make_film(tmp_path, Recipe(".avi", "mpeg4", audio=None, b_frames=1), "plain")
    path = tmp_path / "packed.avi"
    with av.open(str(plain)) as given, av.open(str(path), "w") as out:
        source = given.streams.video[0]
        stream = out.add_stream_from_template(source)
        coded = [packet for packet in given.demux(source) if packet.size]
        for k, chunk in enumerate(packed([bytes(packet) for packet in coded])):
            packet = av.Packet(chunk)
            packet.stream, packet.time_base, packet.pts, packet.dts = stream, source.time_base, k, k
            packet.is_keyframe = coded[k].is_keyframe if k == 0 else chunk.find(b"\0\0\1\xb6\x00", 0, 12) >= 0
            out.mux(packet)
    right = {(k + 1.5) / FPS: k for k in range(1, 99)}
    assert wrong_answers(path, right) == NONE_WRONG


@pytest.mark.parametrize(("suffix", "codec"), [(".mpg", "mpeg1video"), (".vob", "mpeg2video")])
def test_frames_that_share_a_pack_are_right_after_a_seek(suffix: str, codec: str, tmp_path: Path) -> None:
    path = make_film(tmp_path, Recipe(suffix, codec, audio="mp2", video_options=SMALL))
    first_s, number = whole_decode(path)[0]
    assert number == 0
    right = {float(first_s + Fraction(2 * k + 1, 50)): k for k in range(99)}
    assert wrong_answers(path, right) == NONE_WRONG


def test_a_program_stream_of_varying_rate_gives_the_right_frame_or_none(tmp_path: Path) -> None:
    """One frame in seven is left out, and most of the others share a pack, which has one time stamp."""
    starts_s = [Fraction(k, FPS) for k in range(160) if k % 7 != 4]
    recipe = Recipe(".vob", "mpeg2video", audio=None, gop=12, video_options=SMALL, times_s=starts_s)
    path = make_film(tmp_path, recipe)
    first_s = float(whole_decode(path)[0][0])
    middles_s = {k: first_s + float(a + b) / 2 for k, (a, b) in enumerate(itertools.pairwise(starts_s))}
    with open_film(path) as film:
        got = {k: shown(film, t_s) for k, t_s in middles_s.items()}
        assert {k: one for k, one in got.items() if one not in (k, Reason.FRAME_UNCERTAIN)} == {}
        assert {k: shown(film, middles_s[k]) for k in reversed(got)} == got
    assert 5 < sum(k == one for k, one in got.items()) < len(got)


@pytest.mark.parametrize("suffix", [".mpg", ".vob"])
def test_pictures_without_stamps_of_a_codec_that_does_not_count_them_are_refused(
    suffix: str, tmp_path: Path
) -> None:
    """FFmpeg gives some of these frames stamps that are up to six frames off, and nothing tells which."""
    options = {"x264-params": "scenecut=0:bframes=4:b-pyramid=2:ref=4:qp=33"}
    path = make_film(tmp_path, Recipe(suffix, frames=90, audio="mp2", video_options=options))
    assert_uncertain(path, "of 90 pictures share packs and have no time stamp")


@pytest.mark.parametrize(
    ("recipe", "reason"),
    [
        (Recipe(video_start_s=Fraction("-0.6")), "the picture starts at -0.600 s"),
        (Recipe(video="libvpx-vp9", video_start_s=Fraction("-0.04")), "the picture starts at -0.040 s"),
        (
            Recipe(audio="ac3", rate_hz=44100, audio_options={}, audio_start_s=Fraction(-1)),
            "the sound starts at -1.000 s",
        ),
        (Recipe(audio_start_s=Fraction(-1)), None),  # FFmpeg counts back rightly
    ],
)
def test_matroska_that_starts_before_zero_is_refused_unless_the_clock_is_right(
    recipe: Recipe, reason: str | None, tmp_path: Path
) -> None:
    options = {"avoid_negative_ts": "disabled"}
    path = make_film(tmp_path, replace(recipe, suffix=".mkv", frames=50, container_options=options))
    if reason is None:
        with open_film(path) as film:
            assert number_in(film.frame_at(1.7 + 1024 / 48000).rgb) == 17
        return
    assert_uncertain(path, f"{reason}; FFmpeg reads no time stamps before zero from Matro")


def test_a_frame_that_needs_lost_packets_is_counted_as_damaged(tmp_path: Path) -> None:
    """FFmpeg's decoders show an earlier frame in its place, and say nothing."""
    path = make_film(tmp_path, Recipe(".ts", b_frames=0, audio="mp2"))
    with av.open(str(path)) as container:
        stream = container.streams.video[0]
        places = [packet.pos for packet in container.demux(stream) if packet.size]
        first_s = float(stream.start_time * stream.time_base) - container.start_time / 1e6
    data, lost = path.read_bytes(), places[60]
    path.write_bytes(data[:lost] + data[lost + 188 :])
    times_s = [first_s + (k + 0.5) / FPS for k in (40, 52, 65, 80)]

    def damaged(film: Film, t_s: float) -> bool:
        return film.frame_at(t_s).corrupt_frames > 0

    with open_film(path) as film:
        assert [damaged(film, t_s) for t_s in times_s] == [False, False, True, False]
        assert [damaged(film, t_s) for t_s in reversed(times_s)] == [False, True, False, False]
    with open_film(path) as film:
        assert damaged(film, times_s[2])


@pytest.mark.parametrize("codec", ["mp2", "libmp3lame"])
def test_sound_that_packets_were_lost_of_counts_as_missing_up_to_where_it_is_right_again(
    codec: str, tmp_path: Path
) -> None:
    path = make_film(tmp_path, Recipe(".ts", frames=100, audio=codec))
    spans = [(0.7, 1.2), (1.9, 2.4), (2.02, 2.5), (2.04, 2.5), (2.06, 2.5), (3.0, 3.5)]
    with open_film(path) as film:
        whole = [film.audio_span(*span) for span in spans]
    with av.open(str(path)) as container:
        stream, start_s = container.streams.audio[0], container.start_time / 1e6
        shown = [(float(p.pts * p.time_base) - start_s, p.pos) for p in container.demux(stream) if p.size]
    lost = next(pos for t_s, pos in shown if t_s > 2.0)
    data = path.read_bytes()
    path.write_bytes(data[:lost] + data[lost + 188 :])
    answers = []
    for span, right in zip(spans, whole, strict=True):
        with open_film(path) as film:
            sound = film.audio_span(*span)
        is_equal = float(np.abs(sound.samples - right.samples).max()) < 1e-3
        answers.append((bool(sound.missing_samples), is_equal))
    assert answers[0] == answers[-1] == (False, True)
    assert answers[1][0]
    assert all(is_missing or is_equal for is_missing, is_equal in answers)


def assert_refused_unless_right(path: Path, times_s: Sequence[float]) -> None:
    """Nearly all frames are uncertain, whatever was asked before; the others are those that were encoded."""
    for order in (times_s, times_s[::-1], times_s[::3]):
        answers = in_order(path, order)
        certain = {t_s: number for t_s, number in answers.items() if number != Reason.FRAME_UNCERTAIN}
        assert certain == {t_s: int(t_s * FPS) for t_s in certain}
        assert len(certain) <= len(times_s) // 10
        assert all(alone(path, t_s) == number for t_s, number in certain.items())


def in_decoding_order(path: Path, suffix: str) -> Path:
    """The film as a broken writer stores it: each picture with the time of its place in the file."""
    made = path.with_name(f"decoding-order{suffix}")
    with av.open(str(path)) as given, av.open(str(made), "w") as out:
        stream = out.add_stream_from_template(given.streams.video[0])
        for packet in given.demux(video=0):
            if packet.dts is not None:
                packet.pts = packet.dts = packet.dts + round(1 / packet.time_base)  # none before zero
                packet.stream = stream
                out.mux(packet)
    return made


@pytest.mark.parametrize(
    ("suffix", "recipe"),
    [
        (".mkv", Recipe()),
        (".mkv", Recipe(gop=50, video_options={"x264-params": "scenecut=0:bframes=16:b-adapt=0"})),
        (".mp4", Recipe(video="mpeg4")),
        (".flv", Recipe(gop=250)),
        (".ts", Recipe(video="mpeg2video")),
    ],
    ids=["mkv", "16 B-frames", "mpeg4 in mp4", "flv", "mpeg2 in ts"],
)
def test_time_stamps_in_the_order_of_decoding_are_refused_in_any_order_of_questions(
    suffix: str, recipe: Recipe, tmp_path: Path
) -> None:
    path = make_film(tmp_path, replace(recipe, frames=50, audio=None))
    times_s = [(k + 0.5) / FPS for k in range(2, 45, 3)]
    with open_film(path) as film:
        assert Reason.FRAME_UNCERTAIN not in {shown(film, t_s) for t_s in times_s}
    broken = in_decoding_order(path, suffix)
    assert_refused_unless_right(broken, times_s)


def test_frames_that_share_a_time_stamp_with_others_are_refused(tmp_path: Path) -> None:
    source = make_film(tmp_path, Recipe(".mov", "mpeg4", frames=50, audio=None), "source")
    path = tmp_path / "film.mov"
    ffmpeg("-i", source, "-c", "copy", "-video_track_timescale", 10, path)
    assert_refused_unless_right(path, [(k + 0.5) / FPS for k in range(2, 45)])


@pytest.mark.parametrize(
    ("suffix", "b_frames", "ticks", "late_ticks", "is_refused"),
    [
        (".mp4", 2, 24, 0, True),
        (".mov", 2, 25, 0, False),
        (".mp4", 0, 24, 0, False),
        (".mp4", 0, 24, 2048, False),
    ],
    ids=["coarse", "fine", "coarse without B-frames", "coarse with constant offsets"],
)
def test_a_clock_of_fewer_ticks_than_frames_is_refused_unless_they_are_stored_as_they_are_shown(
    suffix: str, b_frames: int, ticks: int, late_ticks: int, is_refused: bool, tmp_path: Path
) -> None:
    source = make_film(tmp_path, Recipe(suffix, frames=50, b_frames=b_frames, audio=None), "source")
    path = tmp_path / f"film{suffix}"
    late = f"setts=pts=PTS+{late_ticks}"
    ffmpeg("-i", source, "-c", "copy", "-bsf:v", late, "-video_track_timescale", ticks, path)
    assert (b"ctts" in path.read_bytes()) == bool(b_frames or late_ticks)
    if is_refused:
        with pytest.raises(Dropped, match="the clock of the picture has fewer ticks than frames"):
            open_film(path)
        return
    assert alone(path, 1.5 / ticks) == 1


def with_edits(path: Path, *entries: tuple[int, int, int]) -> Path:
    """The mp4 with these entries in the edit list of its only track: ms on screen, ticks of the track, 16.16 speed."""
    data = path.read_bytes()
    at = data.index(b"elst") - 4
    made = b"".join(struct.pack(">Iii", *entry) for entry in entries)
    grown = 16 + len(made) - int.from_bytes(data[at : at + 4], "big")
    box = struct.pack(">I4sII", 16 + len(made), b"elst", 0, len(entries)) + made
    data = data[:at] + box + data[at + len(box) - grown :]
    for name in (b"moov", b"trak", b"edts"):
        start = data.index(name) - 4
        size = int.from_bytes(data[start : start + 4], "big") + grown
        data = data[:start] + struct.pack(">I", size) + data[start + 4 :]
    path.write_bytes(data)
    return path


@pytest.mark.parametrize(
    ("entries", "reason"),
    [
        ([(500, -1, 1 << 16), (1000, 1024, 1 << 16)], None),
        ([(1000, 1024, 1 << 16), (1000, 26624, 1 << 16)], "of 2 pieces"),
        ([(1000, 1024, 1 << 16), (500, -1, 1 << 16)], "of 2 pieces"),
        ([(2000, 1024, 1 << 15)], "of a piece at another speed"),
    ],
    ids=["a late start", "two pieces", "an end without a picture", "half speed"],
)
def test_mp4_of_several_pieces_or_of_another_speed_is_refused(
    entries: list[tuple[int, int, int]], reason: str | None, tmp_path: Path
) -> None:
    path = with_edits(make_film(tmp_path, Recipe(audio=None)), *entries)
    if reason is None:
        assert alone(path, 0.5) == 12
        return
    assert_uncertain(path, f"an edit list makes the picture {reason}: its times are not")
    data = path.read_bytes()
    start = data.index(b"moov") - 4
    packed, size = zlib.compress(data[start:]), struct.pack(">I", len(data) - start)
    header = atom("moov", atom("cmov", atom("dcom", b"zlib") + atom("cmvd", size + packed)))
    path.with_suffix(".mov").write_bytes(data[:start] + header)  # as QuickTime compressed it
    assert_uncertain(path.with_suffix(".mov"), reason)


def atom(name: str, content: bytes) -> bytes:
    return struct.pack(">I4s", 8 + len(content), name.encode()) + content


@pytest.mark.parametrize(
    ("codec", "reason"),
    [("libx264", None), ("mpeg4", "the picture changes its coding .2 sample descriptions")],
)
def test_mp4_of_several_codings_is_refused_unless_its_decoder_follows(
    codec: str, reason: str | None, tmp_path: Path
) -> None:
    """FFmpeg says that the description changes with the first packet after it, and says it no more after a seek."""
    path = make_film(tmp_path, Recipe(video=codec, frames=50, audio=None))
    data = path.read_bytes()
    start = data.index(b"stsd") + 12
    size = int.from_bytes(data[start : start + 4], "big")
    other = data[start : start + size].replace(b"\0\xc0\0\x60", b"\0\xc0\0\x50", 1)  # 192 x 80
    assert other != data[start : start + size]
    data = data[: start - 1] + b"\2" + data[start : start + size] + other + data[start + size :]
    for name in (b"moov", b"trak", b"mdia", b"minf", b"stbl", b"stsd"):
        at = data.index(name) - 4
        data = data[:at] + struct.pack(">I", int.from_bytes(data[at : at + 4], "big") + size) + data[at + 4 :]
    path.write_bytes(data)
    if reason is None:
        assert alone(path, 0.5) == 12
        return
    assert_uncertain(path, reason)


@pytest.mark.parametrize(
    ("chapters_ms", "is_ordered", "is_refused"),
    [
        ([(0, 500), (1000, 2000)], True, True),
        ([(0, 500), (1000, 2000)], False, False),
    ],
    ids=["a part left out", "not ordered"],
)
def test_ordered_chapters_that_are_not_the_whole_film_are_refused(
    chapters_ms: list[tuple[int, int]], is_ordered: bool, is_refused: bool, tmp_path: Path
) -> None:
    source = make_film(tmp_path, Recipe(".mkv", frames=50, audio=None), "source")
    lines = [f"[CHAPTER]\nTIMEBASE=1/1000\nSTART={begin}\nEND={end}\n" for begin, end in chapters_ms]
    (tmp_path / "chapters.txt").write_text(";FFMETADATA1\n" + "".join(lines))
    path = tmp_path / "film.mkv"
    ffmpeg("-i", source, "-i", tmp_path / "chapters.txt", "-map_chapters", 1, "-c", "copy", path)
    data = path.read_bytes()
    is_default = b"\x45\xdb\x81\x01"
    assert data.count(is_default) == 1
    path.write_bytes(data.replace(is_default, b"\x45\xdd\x81\x01") if is_ordered else data)
    if not is_refused:
        assert alone(path, 0.5) == 12
        return
    assert_uncertain(path, "ordered chapters leave parts out")


def test_keyframes_of_matroska_that_are_none_are_not_sought(tmp_path: Path) -> None:
    """Its writer marked every frame, and the decoder takes any for a keyframe."""
    path = make_film(tmp_path, Recipe(".mkv", "msmpeg4", b_frames=0, audio=None))
    blocks = re.compile(rb"\xa3[\x40-\x7f].\x81(..)\x00|\xa3[\x80-\xff]\x81(..)\x00", re.DOTALL)
    data, count = blocks.subn(lambda found: found[0][:-1] + b"\x80", path.read_bytes())
    assert count == 96  # of 100 frames, 25 apart
    path.write_bytes(data)
    assert wrong_answers(path, {k / FPS + 0.02: k for k in range(0, 100, 7)}) == NONE_WRONG


def test_keyframes_of_mpeg4_that_only_its_mp4_calls_so_are_not_sought(tmp_path: Path) -> None:
    path = make_film(tmp_path, Recipe(video="mpeg4", audio=None))
    data = path.read_bytes()
    at = data.index(b"stss") + 12
    count = int.from_bytes(data[at - 4 : at], "big")
    keyframes = struct.unpack(f">{count}I", data[at : at + 4 * count])
    assert keyframes == (1, 26, 50, 74, 98)
    path.write_bytes(data[:at] + struct.pack(">5I", 1, 29, 53, 77, 99) + data[at + 20 :])
    assert wrong_answers(path, {k / FPS + 0.02: k for k in range(0, 100, 7)}) == NONE_WRONG


def test_a_frame_of_theora_that_is_shown_again_ends_nothing(tmp_path: Path) -> None:
    """Its packet is empty."""
    source = make_film(tmp_path, Recipe(".mkv", "ffv1", frames=50, audio=None), "source")
    path = tmp_path / "film.ogv"
    ffmpeg("-i", source, "-r", 50, "-c:v", "libtheora", "-q:v", 7, path)
    assert wrong_answers(path, {k / FPS + 0.03: k for k in range(0, 50, 3)}) == NONE_WRONG


def element(name: str, content: bytes) -> bytes:
    """An element of EBML. name: its identity in hexadecimal digits."""
    return bytes.fromhex(name) + (1 << 28 | len(content)).to_bytes(4, "big") + content


def edition(chapters: bytes, ordered: int = 1, default: int = 0) -> bytes:
    return element("45b9", element("45dd", bytes([ordered])) + element("45db", bytes([default])) + chapters)


def chapter(begin_ms: int, end_ms: int, more: bytes = b"") -> bytes:
    times = (element(name, (t * 10**6).to_bytes(8, "big")) for name, t in (("91", begin_ms), ("92", end_ms)))
    return element("b6", b"".join(times) + more)


IN_ORDER, PART = chapter(0, 1000) + chapter(1000, 2000), chapter(1000, 2000)


@pytest.mark.parametrize(
    ("editions", "is_refused"),
    [
        (edition(PART), True),
        (edition(IN_ORDER), False),
        (edition(chapter(0, 1000)), False),
        (edition(PART) + edition(IN_ORDER, default=1), False),
        (edition(IN_ORDER) + edition(PART, default=1), True),
        (edition(PART, ordered=0) + edition(PART), False),
        (edition(chapter(0, 2000, element("6e67", bytes(16)))), True),
        (edition(chapter(0, 1000, element("4598", b"\0")) + PART), True),
    ],
    ids=[
        "a part", "in order", "an earlier end", "the default edition in order", "the default edition a part",
        "the first edition not ordered", "of another file", "a disabled chapter",
    ],
)  # fmt: skip
def test_chapters_behind_the_frames_are_looked_at(editions: bytes, is_refused: bool, tmp_path: Path) -> None:
    """Programs that change chapters of a finished file append them, and name their place in front."""
    data = make_film(tmp_path, Recipe(".mkv", frames=25, audio=None)).read_bytes()
    head = bytes.fromhex("18538067 01")
    segment = data.index(head) + len(head) + 7
    old = data.index(bytes.fromhex("53ab84 1254c367 53ac")) + 9  # where the tags are
    width = data[old] & 0x7F
    place = (len(data) - segment).to_bytes(width, "big")
    data = (
        data[: old - 6]
        + bytes.fromhex("1043a770")
        + data[old - 2 : old + 1]
        + place
        + data[old + 1 + width :]
    )
    data += element("1043a770", editions)
    size = (len(data) - segment).to_bytes(7, "big")
    path = tmp_path / "film.mkv"
    path.write_bytes(data[: segment - 7] + size + data[segment:])
    if not is_refused:
        assert alone(path, 0.5) == 12
        return
    with pytest.raises(Dropped, match="ordered chapters leave parts out"):
        open_film(path)


@pytest.mark.parametrize(("codec", "gop"), [("mpeg2video", 25), ("libx264", 1)])
def test_mxf_that_is_cut_off_before_its_index_is_refused(codec: str, gop: int, tmp_path: Path) -> None:
    """FFmpeg gives packets the stamps that were sought, whatever it finds there."""
    path = make_film(tmp_path, Recipe(".mxf", codec, frames=50, gop=gop, b_frames=0, audio="pcm_s16le"))
    with open_film(path) as film:
        assert number_in(film.frame_at(1.5).rgb) == 37
    path.write_bytes(path.read_bytes()[: path.stat().st_size * 2 // 3])
    assert_uncertain(path, "the MXF file has no index: it is cut off, or still being")


@pytest.mark.parametrize("suffix", [".mpg", ".vob"])
def test_pictures_with_stamps_of_their_own_are_right_in_a_program_stream(suffix: str, tmp_path: Path) -> None:
    options = {"x264-params": "scenecut=0:qp=10"}
    recipe = Recipe(suffix, frames=40, gop=1, b_frames=0, audio="mp2", video_options=options)
    path = make_film(tmp_path, recipe)
    first_s, number = whole_decode(path)[0]
    assert number == 0
    assert wrong_answers(path, {float(first_s + Fraction(2 * k + 1, 50)): k for k in range(39)}) == NONE_WRONG


@pytest.mark.parametrize("suffix", [".ts", ".m2ts", ".mpg", ".vob"])
def test_parts_with_a_clock_each_are_refused_as_a_whole(suffix: str, tmp_path: Path) -> None:
    is_ps = suffix in (".mpg", ".vob")
    recipe = Recipe(suffix, "mpeg2video" if is_ps else "libx264", audio="mp2")
    part = make_film(tmp_path, recipe, "part")
    assert alone(part, 2.06) == 51
    film_of_two = joined(tmp_path / f"two{suffix}", part, part)
    with pytest.raises(Dropped) as dropped:
        open_film(film_of_two)
    assert dropped.value.reason == Reason.CLOCK_DISCONTINUOUS
    assert "go back" in dropped.value.detail


def test_a_clock_that_jumps_is_refused_and_a_copy_with_one_clock_is_read(tmp_path: Path) -> None:
    part = make_film(tmp_path, Recipe(".ts"), "part")
    ffmpeg("-i", part, "-c", "copy", "-output_ts_offset", 100, tmp_path / "late.ts")
    path = joined(tmp_path / "jump.ts", part, tmp_path / "late.ts")
    with pytest.raises(Dropped) as dropped:
        open_film(path)
    assert dropped.value.reason == Reason.CLOCK_DISCONTINUOUS
    assert "jump" in dropped.value.detail
    ffmpeg("-i", path, "-c", "copy", tmp_path / "whole.mkv")  # as the advice says
    with open_film(tmp_path / "whole.mkv") as film:
        assert film.duration_s < 9
        numbers = [shown(film, t_s) for t_s in (1.02, 6.02)]
    assert numbers[0] == numbers[1] - 24 or abs(int(numbers[1]) - int(numbers[0]) - 24) < 3


@pytest.mark.parametrize("suffix", [".ts", ".m2ts"])
def test_a_clock_that_wraps_at_33_bits_goes_on(suffix: str, tmp_path: Path) -> None:
    plain = make_film(tmp_path, Recipe(suffix), "plain")
    path = tmp_path / f"wrap{suffix}"
    ffmpeg("-i", plain, "-c", "copy", "-output_ts_offset", f"{2**33 / 90000 - 3:.3f}", path)
    frames = whole_decode(path)
    assert len(frames) == 100
    assert frames[-1][0] - frames[0][0] == Fraction(99, 25)
    assert wrong_answers(path, every(frames)) == NONE_WRONG


def test_parts_that_overlap_by_the_delay_of_an_encoder_are_one_film(tmp_path: Path) -> None:
    first = make_film(tmp_path, Recipe(".ts"), "first")
    ffmpeg("-i", first, "-c", "copy", "-output_ts_offset", 3.92, tmp_path / "second.ts")
    path = joined(tmp_path / "both.ts", first, tmp_path / "second.ts")
    times_s = [k / 100 for k in range(10, 790, 7)]
    up, down = in_order(path, times_s), in_order(path, times_s[::-1])
    assert up == down == {t_s: alone(path, t_s) for t_s in times_s}
    assert [up[t_s] for t_s in times_s[:54:9]] == [1, 17, 33, 49, 64, 80]  # until the second part sets in


def test_two_flv_recordings_in_one_file_are_refused(tmp_path: Path) -> None:
    data = make_film(tmp_path, Recipe(".flv"), "part").read_bytes()
    path = tmp_path / "two.flv"
    path.write_bytes(data + data[13:])  # without the second header
    with pytest.raises(Dropped) as dropped:
        open_film(path)
    assert dropped.value.reason == Reason.CLOCK_DISCONTINUOUS


@pytest.mark.parametrize("small_bytes", [0, 2**26])
def test_two_matroska_films_in_one_file_are_refused_whatever_their_size(
    small_bytes: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(read_through, "_SMALL_BYTES", small_bytes)
    part = make_film(tmp_path, Recipe(".mkv", frames=400, audio=None), "part")
    assert alone(part, 12.01) == 300
    with pytest.raises(Dropped) as dropped:
        open_film(joined(tmp_path / "two.mkv", part, part))
    assert dropped.value.reason == Reason.CLOCK_DISCONTINUOUS


@pytest.mark.parametrize(
    ("suffix", "options", "is_read"),
    [
        (".mkv", {}, False),
        (".mkv", {"live": "1"}, True),
        (".mp4", {}, False),
        (".mp4", {"movflags": "frag_keyframe+empty_moov+default_base_moof"}, True),
        (".ts", {}, True),
    ],
)
def test_films_that_list_their_keyframes_are_not_read_through(
    suffix: str, options: dict[str, str], is_read: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(read_through, "_SMALL_BYTES", 0)
    path = make_film(tmp_path, Recipe(suffix, frames=120, gop=6, audio=None, container_options=options))
    with av.open(str(path)) as container:
        assert read_through.is_read_through(path, container, container.streams.video[0]) is is_read


def test_fragments_of_two_films_are_refused(tmp_path: Path) -> None:
    options = {"movflags": "frag_keyframe+empty_moov+default_base_moof"}
    data = make_film(tmp_path, Recipe(container_options=options), "part").read_bytes()
    path = tmp_path / "two.mp4"
    path.write_bytes(data + data[data.index(b"moof") - 4 :])
    with pytest.raises(Dropped) as dropped:
        open_film(path)
    assert dropped.value.reason == Reason.CLOCK_DISCONTINUOUS


def with_damaged_stamps(source: Path, to: Path, numbers: set[int]) -> Path:
    """MPEG-TS whose pictures of these numbers, in file order, are stamped three hours off."""
    data, at = bytearray(source.read_bytes()), -1
    for number in range(max(numbers) + 1):
        at = data.index(b"\0\0\1\xe0", at + 1)
        if number in numbers:
            data[at + 9] ^= 0x02
            if data[at + 7] & 0x40:  # a stamp for decoding, too
                data[at + 14] ^= 0x02
    to.write_bytes(data)
    return to


@pytest.mark.parametrize("numbers", [{30}, {31}, {32, 33}, {10, 60, 61, 90}])
def test_single_damaged_stamps_cost_no_film_and_no_other_frame(numbers: set[int], tmp_path: Path) -> None:
    plain = make_film(tmp_path, Recipe(".ts"), "plain")
    right = every(whole_decode(plain), 1)
    path = with_damaged_stamps(plain, tmp_path / "damaged.ts", numbers)
    with open_film(path) as film:
        assert film.duration_s == pytest.approx(4.0, abs=0.2)
    answers = wrong_answers(path, right)
    assert answers["alone"] == answers["upwards"] == answers["downwards"] == answers["shuffled"]
    assert all(abs(number - int(got)) <= 2 for number, got in answers["alone"].values())
    assert len(answers["alone"]) <= 2 * len(numbers)


def test_a_clock_that_goes_back_for_good_is_no_damage(tmp_path: Path) -> None:
    plain = make_film(tmp_path, Recipe(".ts"), "plain")
    path = with_damaged_stamps(plain, tmp_path / "back.ts", set(range(40, 100)))
    with pytest.raises(Dropped) as dropped:
        open_film(path)
    assert dropped.value.reason == Reason.CLOCK_DISCONTINUOUS


def element(name: str, content: bytes | int | str) -> bytes:
    """An EBML element."""
    if isinstance(content, int):
        content = content.to_bytes(max(1, (content.bit_length() + 7) // 8), "big")
    if isinstance(content, str):
        content = content.encode()
    return bytes.fromhex(name) + (len(content) | 1 << 28).to_bytes(4, "big") + content


def taken_over_from_avi(source: Path, to: Path) -> Path:
    """The H.264 of a Matroska film as a track V_MS/VFW/FOURCC, whose blocks are stamped in decoding order."""
    with av.open(str(source)) as given:
        stream = given.streams.video[0]
        head = bytes(stream.codec_context.extradata)
        packets = [(packet.is_keyframe, bytes(packet)) for packet in given.demux(stream) if packet.size]

    def annex_b(data: bytes, sizes: int) -> bytes:
        out, at = b"", 0
        while at < len(data):
            end = at + sizes + int.from_bytes(data[at : at + sizes], "big")
            out += b"\0\0\0\1" + data[at + sizes : end]
            at = end
        return out

    sps_end = 8 + int.from_bytes(head[6:8], "big")
    parameters = annex_b(head[6:sps_end], 2) + annex_b(head[sps_end + 1 :], 2)
    header = struct.pack("<IiiHH4sIiiII", 40, 192, 96, 1, 24, b"H264", 192 * 96 * 3, 0, 0, 0, 0)
    size = element("b0", 192) + element("ba", 96)
    codec = element("86", "V_MS/VFW/FOURCC") + element("63a2", header)
    numbers = element("d7", 1) + element("73c5", 1) + element("83", 1)
    track = element("ae", numbers + codec + element("e0", size) + element("23e383", 40_000_000))
    clusters = b""
    for first in range(0, len(packets), 25):
        blocks = b"".join(
            element(
                "a3",
                b"\x81"
                + struct.pack(">hB", 40 * k, 0x80 if key else 0)
                + (parameters if key else b"")
                + annex_b(data, 4),
            )
            for k, (key, data) in enumerate(packets[first : first + 25])
        )
        clusters += element("1f43b675", element("e7", 40 * first) + blocks)
    to.write_bytes(
        element("1a45dfa3", element("4282", "matroska") + element("4287", 4) + element("4285", 2))
        + element(
            "18538067",
            element("1549a966", element("2ad7b1", 1_000_000)) + element("1654ae6b", track) + clusters,
        )
    )
    return to


def test_a_matroska_track_taken_over_from_avi_shows_every_frame_once(tmp_path: Path) -> None:
    plain = make_film(tmp_path, Recipe(".mkv", audio=None), "plain")
    path = taken_over_from_avi(plain, tmp_path / "vfw.mkv")
    right = {(k + 2.5) / FPS: k for k in range(1, 97)}
    assert wrong_answers(path, right) == NONE_WRONG


@pytest.mark.parametrize(
    ("suffix", "codec", "options"),
    [(".avi", "libx264", {}), (".mpg", "mpeg1video", SMALL), (".ts", "libx264", {}), (".mkv", "libx264", {})],
)
def test_a_scan_has_the_time_stamps_of_single_frames(
    suffix: str, codec: str, options: dict[str, str], tmp_path: Path
) -> None:
    path = make_film(tmp_path, Recipe(suffix, codec, audio="mp2", video_options=options))
    with open_film(path) as film:
        scanned = [t_s for t_s, _ in film.scan(1.0, 2.5)]
        single = [film.frame_at(t_s + 1e-4).pts_s for t_s in scanned]
    assert len(scanned) in (37, 38)
    assert scanned == pytest.approx(single, abs=1e-6)


@pytest.mark.parametrize(
    ("codec", "is_marked"), [("mpeg4", True), ("mpeg4", False), ("h263", False), ("mjpeg", True)]
)
def test_an_avi_index_that_marks_every_frame_as_keyframe_is_not_believed(
    codec: str, is_marked: bool, tmp_path: Path
) -> None:
    formats = {"mjpeg": "yuvj420p"}
    size = {"width": 352, "height": 288} if codec == "h263" else {}
    recipe = Recipe(".avi", codec, audio=None, b_frames=0, pix_fmt=formats.get(codec, "yuv420p"), **size)
    path = make_film(tmp_path, recipe)
    right = every(whole_decode(path))
    if is_marked:
        data = bytearray(path.read_bytes())
        index = data.rindex(b"idx1")
        for at in range(index + 8, index + 8 + int.from_bytes(data[index + 4 : index + 8], "little"), 16):
            data[at + 4] |= 0x10
        path.write_bytes(data)
    assert wrong_answers(path, right) == NONE_WRONG
