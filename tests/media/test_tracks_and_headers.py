"""Which picture and sound are read, how long the film is, and what its header says of colours, shape and timecode."""

from pathlib import Path

import av
import numpy as np
import pytest
from numpy.typing import NDArray

from emodal_data.core.config import ClipsConfig
from emodal_data.core.errors import Dropped
from emodal_data.core.reasons import Reason
from emodal_data.media import open_film, probe
from tests.media.films import Recipe, make_film, number_in
from tests.media.test_time_rule_of_containers import (
    NONE_WRONG,
    every,
    ffmpeg,
    joined,
    whole_decode,
    wrong_answers,
)

PQ = ("-color_trc", "smpte2084", "-color_primaries", "bt2020", "-colorspace", "bt2020nc")
HLG = ("-color_trc", "arib-std-b67", "-color_primaries", "bt2020", "-colorspace", "bt2020nc")
BT709_FULL = (
    "-color_trc",
    "bt709",
    "-color_primaries",
    "bt709",
    "-colorspace",
    "bt709",
    "-color_range",
    "pc",
)


def tone(folder: Path, pitch_hz: int) -> Path:
    path = folder / f"{pitch_hz}.wav"
    ffmpeg("-f", "lavfi", "-i", f"sine={pitch_hz}:d=4:sample_rate=48000", path)
    return path


def pitch_heard(path: Path, choice: str = "default") -> int:
    with open_film(path, config=ClipsConfig(audio_track=choice)) as film:
        return int(np.abs(np.fft.rfft(film.audio(1.0, 2.0))).argmax())  # one second: a bin is a hertz


@pytest.fixture
def two_programmes(tmp_path: Path) -> Path:
    """Radio with one sound track, television with a picture and two sound tracks."""
    picture = make_film(tmp_path, Recipe(audio=None), "picture")
    sounds = [tone(tmp_path, pitch_hz) for pitch_hz in (300, 700, 900)]
    path = tmp_path / "programmes.ts"
    inputs = [x for name in (sounds[0], picture, *sounds[1:]) for x in ("-i", name)]
    maps = [x for k in range(4) for x in ("-map", k)]
    languages = (
        "-metadata:s:0",
        "language=eng",
        "-metadata:s:2",
        "language=deu",
        "-metadata:s:3",
        "language=eng",
    )
    programmes = ("-program", "title=Radio:st=0", "-program", "title=Television:st=1:st=2:st=3")
    ffmpeg(*inputs, *maps, "-c:v", "copy", "-c:a", "mp2", *languages, *programmes, path)
    return path


@pytest.mark.parametrize(
    ("choice", "pitch_hz"),
    [("default", 700), ("first", 700), ("eng", 900), ("deu", 700), ("0", 300), ("2", 900)],
)
def test_the_sound_is_that_of_the_pictures_programme(
    choice: str, pitch_hz: int, two_programmes: Path
) -> None:
    assert pitch_heard(two_programmes, choice) == pitch_hz


def test_a_track_of_another_programme_is_no_track_of_this_one(two_programmes: Path, tmp_path: Path) -> None:
    path = tmp_path / "french-radio.ts"
    maps = ("-map", "0:0", "-map", "0:1", "-map", "0:2")
    programmes = ("-program", "title=Radio:st=0", "-program", "title=Television:st=1:st=2")
    ffmpeg("-i", two_programmes, *maps, "-c", "copy", "-metadata:s:0", "language=fra", *programmes, path)
    with pytest.raises(Dropped) as dropped:
        pitch_heard(path, "fra")
    assert dropped.value.reason == Reason.NO_AUDIO


def test_a_picture_without_sound_is_not_given_that_of_another_programme(tmp_path: Path) -> None:
    films = [make_film(tmp_path, Recipe(audio=None), name) for name in ("silent", "spoken")]
    path = tmp_path / "programmes.ts"
    inputs = ("-i", films[0], "-i", films[1], "-i", tone(tmp_path, 700))
    programmes = ("-program", "title=Silent:st=0", "-program", "title=Spoken:st=1:st=2")
    ffmpeg(*inputs, "-map", 0, "-map", 1, "-map", 2, "-c:v", "copy", "-c:a", "mp2", *programmes, path)
    with open_film(path) as film:
        assert number_in(film.frame_at(1.1).rgb) > 20
        with pytest.raises(Dropped) as dropped:
            film.audio(1.0, 2.0)
    assert dropped.value.reason == Reason.NO_AUDIO


@pytest.mark.parametrize("default", [0, 1, None])
def test_the_picture_is_the_track_marked_as_default_else_the_first(
    default: int | None, tmp_path: Path
) -> None:
    plain = make_film(tmp_path, Recipe(frames=50, audio=None), "plain")
    negative = tmp_path / "negative.mkv"
    ffmpeg("-i", plain, "-vf", "negate", negative)
    path = tmp_path / "two.mkv"
    marks = [x for k in (0, 1) for x in (f"-disposition:v:{k}", "default" if k == default else "0")]
    ffmpeg("-i", negative, "-i", plain, "-map", "0:v", "-map", "1:v", "-c", "copy", *marks, path)
    with open_film(path) as film:
        assert number_in(film.frame_at(1.01).rgb) == (25 if default == 1 else 2**12 - 1 - 25)


def test_fonts_subtitles_and_covers_are_no_streams_to_count(tmp_path: Path) -> None:
    plain = make_film(tmp_path, Recipe(".mkv", audio="flac"), "plain")
    fonts = []
    for number in range(70):
        font = tmp_path / f"{number}.ttf"
        font.write_bytes(b"\0\1\0\0" + bytes(40))
        fonts += ["-attach", font, f"-metadata:s:t:{number}", "mimetype=application/x-truetype-font"]
    path = tmp_path / "fonts.mkv"
    ffmpeg("-i", plain, "-c", "copy", *fonts, path)
    with open_film(path, config=ClipsConfig(max_streams=2)) as film:
        assert number_in(film.frame_at(1.01).rgb) == 25
        assert film.audio_span(1, 2).missing_samples == 0


def test_a_limit_is_named_with_the_number_found(tmp_path: Path) -> None:
    path = make_film(tmp_path, Recipe())
    for limits, message in [
        ({"max_streams": 1}, "2 picture and sound streams, more than clips.max_streams=1"),
        ({"max_duration_s": 3.0}, "4 s long, more than clips.max_duration_s=3"),
        ({"max_pixels": 18431}, "18432 pixels, more than clips.max_pixels=18431"),
    ]:
        with pytest.raises(Dropped) as dropped:
            open_film(path, config=ClipsConfig(**limits))
        assert (dropped.value.reason, dropped.value.detail) == (Reason.FILM_TOO_LARGE, message)


@pytest.mark.parametrize(("suffix", "start_s"), [(".flv", 0), (".flv", 50000), (".mkv", 3600)])
def test_a_live_recording_is_as_long_as_from_its_first_to_its_last_stamp(
    suffix: str, start_s: int, tmp_path: Path
) -> None:
    plain = make_film(tmp_path, Recipe(suffix), "plain")
    path = tmp_path / f"late{suffix}"
    ffmpeg("-i", plain, "-c", "copy", "-output_ts_offset", start_s, "-flvflags", "no_duration_filesize", path)
    with open_film(path) as film:
        assert film.duration_s == pytest.approx(4.0, abs=0.1)
        with pytest.raises(Dropped) as dropped:
            film.frame_at(100.0)
        assert dropped.value.reason == Reason.SPAN_OUTSIDE_FILM
    assert wrong_answers(path, every(whole_decode(path), 8)) == NONE_WRONG


@pytest.mark.parametrize(
    ("suffix", "timecode"), [(".mov", "01:00:00:00"), (".mp4", "00:00:04:12"), (".mxf", "10:00:00:00")]
)
def test_a_timecode_is_told(suffix: str, timecode: str, tmp_path: Path) -> None:
    plain = make_film(tmp_path, Recipe(audio=None), "plain")
    path = tmp_path / f"film{suffix}"
    codec = ("-c:v", "mpeg2video") if suffix == ".mxf" else ("-c", "copy")
    ffmpeg("-i", plain, *codec, "-timecode", timecode, path)
    assert probe(path).timecode == timecode
    assert probe(plain).timecode == ""


@pytest.mark.parametrize("colours", [PQ, HLG, BT709_FULL])
@pytest.mark.parametrize("suffix", [".mkv", ".mp4"])
def test_colours_told_by_the_container_alone_count_as_the_frames_own(
    colours: tuple[str, ...], suffix: str, tmp_path: Path
) -> None:
    plain = make_film(tmp_path, Recipe(frames=30, audio=None), "plain")
    names = dict(zip(colours[::2], colours[1::2], strict=True))
    said = f"setparams=color_trc={names['-color_trc']}:color_primaries={names['-color_primaries']}"
    said += f":colorspace={names['-colorspace']}:range={names.get('-color_range', 'tv')}"
    x265 = ("-c:v", "libx265", "-x265-params", "log-level=none:pools=1")
    untagged, tagged = tmp_path / "untagged.mkv", tmp_path / "tagged.mkv"
    ffmpeg("-i", plain, "-vf", "format=yuv420p10le", *x265, untagged)
    ffmpeg("-i", plain, "-vf", f"{said},format=yuv420p10le", *x265, tagged)
    by_container = tmp_path / f"container{suffix}"
    ffmpeg(
        "-i",
        untagged,
        "-c",
        "copy",
        *(("-tag:v", "hvc1") if suffix == ".mp4" else ()),
        *colours,
        by_container,
    )
    pictures = []
    for path in (tagged, by_container, untagged):
        with open_film(path) as film:
            pictures.append(film.frame_at(1.0).rgb.astype(int))
    # Full range changes the coded values too: compare how the same values are shown.
    if colours is not BT709_FULL:
        np.testing.assert_array_equal(pictures[1], pictures[0])
    assert np.abs(pictures[1] - pictures[2]).mean() > 2


def with_dolby_record(path: Path, profile: int, compatibility: int) -> Path:
    """Put a Dolby Vision configuration record into the sample entry of an mp4 whose moov is at its end."""
    record = bytes([1, 0, profile << 1, 0b00001101, compatibility << 4]) + bytes(19)
    box = (8 + len(record)).to_bytes(4, "big") + b"dvcC" + record
    data = bytearray(path.read_bytes())
    after = data.index(b"hvcC") - 4
    after += int.from_bytes(data[after : after + 4], "big")
    data[after:after] = box
    for name in (b"moov", b"trak", b"mdia", b"minf", b"stbl", b"stsd", b"hvc1", b"dvh1"):
        at = data.find(name, data.index(b"moov")) - 4
        if at >= 0:
            data[at : at + 4] = (int.from_bytes(data[at : at + 4], "big") + len(box)).to_bytes(4, "big")
    path.write_bytes(data)
    return path


@pytest.mark.parametrize("suffix", [".mp4", ".mkv"])
@pytest.mark.parametrize(
    ("profile", "compatibility", "tag"), [(5, 0, "dvh1"), (5, 0, "hvc1"), (8, 1, "hvc1"), (8, 4, "dvh1")]
)
def test_dolby_vision_is_read_by_its_base_layer_or_refused(
    profile: int, compatibility: int, tag: str, suffix: str, tmp_path: Path
) -> None:
    options = {"x265-params": "log-level=none:pools=1", "preset": "ultrafast"}
    plain = make_film(
        tmp_path, Recipe(video="libx265", frames=30, audio=None, video_options=options), "plain"
    )
    path = tmp_path / "dolby.mp4"
    ffmpeg("-i", plain, "-c", "copy", "-tag:v", "hvc1", path)
    with_dolby_record(path, profile, compatibility)
    if suffix == ".mkv":  # which has no such tags
        ffmpeg("-i", path, "-c", "copy", "-strict", "unofficial", tmp_path / "dolby.mkv")
        path = tmp_path / "dolby.mkv"
    else:
        path.write_bytes(path.read_bytes().replace(b"hvc1", tag.encode()))
    if compatibility:
        with open_film(path) as film:
            assert number_in(film.frame_at(1.01).rgb) == 25
    else:
        with pytest.raises(Dropped) as dropped:
            open_film(path)
        assert dropped.value.reason == Reason.COLOUR_UNSUPPORTED
        assert "profile 5" in dropped.value.detail


def with_dolby_descriptor(path: Path, compatibility: int) -> Path:
    """Put a descriptor of Dolby Vision into every programme map of a transport stream, in place of its stuffing."""
    size, before = (192, 4) if path.suffix == ".m2ts" else (188, 0)
    profile = 8 if compatibility else 5
    descriptor = bytes([0xB0, 5, 1, 0, profile << 1, 0b00001101, compatibility << 4])
    data = bytearray(path.read_bytes())
    for at in range(before, len(data), size):
        packet = data[at : at + 188]
        if packet[1] & 0x40 and packet[4:6] == b"\0\2":  # a section of a programme map
            section = packet[5:]
            length = int.from_bytes(section[1:3], "big") & 0xFFF
            es = 12 + (int.from_bytes(section[10:12], "big") & 0xFFF)
            es_length = (int.from_bytes(section[es + 3 : es + 5], "big") & 0xFFF) + len(descriptor)
            body = bytearray(section[: es + 5] + descriptor + section[es + 5 : 3 + length - 4])
            body[1:3] = (0xB000 | length + len(descriptor)).to_bytes(2, "big")
            body[es + 3 : es + 5] = (0xF000 | es_length).to_bytes(2, "big")
            body += crc_of_sections(body).to_bytes(4, "big")
            data[at + 5 : at + 188] = body.ljust(183, b"\xff")
    path.write_bytes(data)
    return path


def crc_of_sections(data: bytes) -> int:
    """CRC-32 of ISO/IEC 13818-1, annex A."""
    crc = 0xFFFFFFFF
    for byte in data:
        crc ^= byte << 24
        for _ in range(8):
            crc = (crc << 1 ^ (0x04C11DB7 if crc & 0x80000000 else 0)) & 0xFFFFFFFF
    return crc


@pytest.mark.parametrize("suffix", [".ts", ".m2ts"])
def test_dolby_vision_in_a_transport_stream_is_told_by_its_descriptor(suffix: str, tmp_path: Path) -> None:
    options = {"x265-params": "log-level=none:pools=1", "preset": "ultrafast"}
    made = Recipe(suffix, video="libx265", frames=30, audio=None, video_options=options)
    with open_film(with_dolby_descriptor(make_film(tmp_path, made, "compatible"), 1)) as film:
        assert number_in(film.frame_at(1.01).rgb) == 25
    with pytest.raises(Dropped) as dropped:
        open_film(with_dolby_descriptor(make_film(tmp_path, made, "alone"), 0))
    assert dropped.value.reason == Reason.COLOUR_UNSUPPORTED
    assert dropped.value.detail == "Dolby Vision profile 5: its picture is no YCbCr"


def changing(folder: Path, first: tuple[str, ...], second: tuple[str, ...]) -> Path:
    """8 s of transport stream whose second half is encoded in another way."""
    plain = make_film(folder, Recipe(), "plain")
    ffmpeg("-i", plain, *first, "-c:a", "mp2", folder / "1.ts")
    ffmpeg("-i", plain, *second, "-c:a", "mp2", "-output_ts_offset", 4, folder / "2.ts")
    return joined(folder / "changing.ts", folder / "1.ts", folder / "2.ts")


@pytest.mark.parametrize(
    ("first", "second", "sizes"),
    [
        ("-c:v mpeg2video -aspect 4:3", "-c:v mpeg2video -aspect 16:9", [(96, 128), (96, 171)]),
        ("-c:v mpeg2video -aspect 16:9", "-c:v mpeg2video -aspect 4:3", [(96, 171), (96, 128)]),
        ("-c:v libx264 -bf 2", "-c:v libx264 -bf 2 -vf setsar=4/3", [(96, 192), (96, 256)]),
        ("-c:v libx264 -bf 2", "-c:v libx264 -bf 2 -vf scale=144:96,setsar=4/3", [(96, 192), (96, 192)]),
        ("-c:v libx264 -bf 2", "-c:v libx264 -bf 2 -vf scale=384:192", [(96, 192), (192, 384)]),
    ],
)
def test_shape_and_size_are_those_of_the_frame(
    first: str, second: str, sizes: list[tuple[int, int]], tmp_path: Path
) -> None:
    path = changing(tmp_path, tuple(first.split()), tuple(second.split()))
    times_s = (1.0, 3.8, 4.2, 7.0)
    with open_film(path) as up, open_film(path) as down:
        upwards = {t_s: up.frame_at(t_s) for t_s in times_s}
        downwards = {t_s: down.frame_at(t_s) for t_s in times_s[::-1]}
    assert [upwards[t_s].rgb.shape[:2] for t_s in times_s] == [sizes[0], sizes[0], sizes[1], sizes[1]]
    for t_s in times_s:
        np.testing.assert_array_equal(upwards[t_s].rgb, downwards[t_s].rgb)


def test_a_shape_that_the_container_gives_counts_for_every_frame(tmp_path: Path) -> None:
    plain = make_film(tmp_path, Recipe(audio=None), "plain")
    path = tmp_path / "wide.mp4"
    ffmpeg("-i", plain, "-c", "copy", "-aspect", "3:1", path)
    with av.open(str(path)) as container:
        assert container.streams.video[0].sample_aspect_ratio == 1.5
    with open_film(path) as film:
        assert [film.frame_at(t_s).rgb.shape[:2] for t_s in (0.5, 3.5)] == [(96, 288)] * 2


def test_interlacing_is_that_of_the_frame(tmp_path: Path) -> None:
    plain = make_film(tmp_path, Recipe(width=384, height=192), "plain")
    fine = ("-c:v", "mpeg2video", "-qscale:v", "2", "-c:a", "mp2")
    # Each frame's second field is 12 frames later: the numbers in the top row of blocks mix line by line.
    mixed = "blend=all_expr='if(mod(Y,2),B,A)'"
    combed = f"split[a][b];[b]trim=start_frame=12,setpts=PTS-STARTPTS[c];[a][c]{mixed},setfield=tff"
    ffmpeg("-i", plain, *fine, tmp_path / "1.ts")
    ffmpeg(
        "-i", plain, "-vf", combed, *fine, "-flags", "+ilme+ildct", "-output_ts_offset", 4, tmp_path / "2.ts"
    )
    path = joined(tmp_path / "changing.ts", tmp_path / "1.ts", tmp_path / "2.ts")

    def combing(rgb: NDArray[np.uint8]) -> float:
        lines = rgb.astype(int)
        return float(np.abs(lines[1:-1:2] - (lines[:-2:2] + lines[2::2]) / 2).mean())

    with av.open(str(path)) as container:
        frames = list(container.decode(video=0))
        assert (frames[20].interlaced_frame, frames[-30].interlaced_frame) == (False, True)
        assert combing(frames[-30].to_ndarray(format="rgb24")) > 8
    with open_film(path) as film:
        assert max(combing(film.frame_at(t_s).rgb) for t_s in (5.01, 1.01, 6.01)) < 4
