"""Soft telecine: films of 24 pictures a second whose flags have some fields repeated, in streams of 29.97 frames."""

from fractions import Fraction
from pathlib import Path

import av
import pytest

from emodal_data.core.config import ClipsConfig
from emodal_data.media import open_film
from emodal_data.media.whole_decode import compare_frames
from tests.media.films import Recipe, make_film, number_in

FIELD_S = Fraction(1001, 60000)
FRAMES = 90
#: Flags of four pictures in a row, in the order of display: top_field_first and repeat_first_field.
FLAGS = (0x82, 0x00, 0x02, 0x80)
#: Fields before each picture: three, two, three, two, ...
FIELDS = [k // 2 * 5 + k % 2 * 3 for k in range(FRAMES + 1)]


def telecined(folder: Path, suffix: str, options: dict[str, str]) -> Path:
    """A film of MPEG-2 whose headers say 29.97 interlaced frames, with the pictures of one at 23.976."""
    recipe = Recipe(
        ".mkv", "mpeg2video", FRAMES, Fraction(24000, 1001), gop=12, audio=None, video_options=options
    )
    plain, path = make_film(folder, recipe, "plain"), folder / f"telecined{suffix}"
    with av.open(str(plain)) as given, av.open(str(path), "w") as out:
        source = given.streams.video[0]
        stream = out.add_stream_from_template(source)
        for place, packet in enumerate(packet for packet in given.demux(source) if packet.size):
            shown = round(packet.pts * packet.time_base * recipe.fps)
            made = av.Packet(with_flags(bytes(packet), FLAGS[shown % 4]))
            made.stream, made.time_base = stream, Fraction(1, 90000)
            made.pts = round(FIELDS[shown] * FIELD_S * 90000)
            made.dts = round((FIELDS[place - 1] if place else -3) * FIELD_S * 90000)
            made.duration = round((FIELDS[shown + 1] - FIELDS[shown]) * FIELD_S * 90000)
            made.is_keyframe = packet.is_keyframe
            out.mux(made)
    return path


def with_flags(coded: bytes, flags: int) -> bytes:
    """A coded picture with top_field_first and repeat_first_field set, and its sequence header changed to match.

    ISO/IEC 13818-2, 6.2.2.1, 6.2.2.3 and 6.2.3.1.
    """
    data = bytearray(coded)
    at = data.find(b"\0\0\1\xb3")
    if at >= 0:
        data[at + 7] = data[at + 7] & 0xF0 | 4  # 30000/1001 frames a second
    at = data.find(b"\0\0\1\xb5")
    while at >= 0:
        extension = data[at + 4] >> 4
        if extension == 1:
            data[at + 5] &= ~0x08  # not a progressive sequence
        elif extension == 8:
            data[at + 7] = data[at + 7] & ~0x82 | flags
            data[at + 8] |= 0x80  # a progressive frame
        at = data.find(b"\0\0\1\xb5", at + 4)
    return bytes(data)


@pytest.mark.parametrize("options", [{}, {"qmin": "31", "qmax": "31"}], ids=["large", "sharing packs"])
@pytest.mark.parametrize("suffix", [".vob", ".mpg", ".ts"])
def test_each_picture_stays_as_long_as_its_fields(
    suffix: str, options: dict[str, str], tmp_path: Path
) -> None:
    path = telecined(tmp_path, suffix, options)
    with open_film(path) as film:
        first_s = film.frame_at(film.duration_s / 2).pts_s
        number = number_in(film.frame_at(film.duration_s / 2).rgb)
        first_s -= float(FIELDS[number] * FIELD_S)
        times = {
            k: first_s + float((FIELDS[k] + share * (FIELDS[k + 1] - FIELDS[k])) * FIELD_S)
            for share in (Fraction(1, 20), Fraction(19, 20))
            for k in range(1, FRAMES - 2)  # the stamp of the last one is FFmpeg's guess
        }
        for order in (list(times), list(times)[::-1], sorted(times, key=lambda k: k * 37 % 87)):
            wrong = {k: got for k in order if (got := number_in(film.frame_at(times[k]).rgb)) != k}
            assert wrong == {}
        assert compare_frames(film, path, ClipsConfig(), list(times.values())) == []
    for k in (1, 30, 44, 87):
        with open_film(path) as film:
            assert number_in(film.frame_at(times[k]).rgb) == k
