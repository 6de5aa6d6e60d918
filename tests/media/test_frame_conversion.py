"""The picture a viewer sees: colours, range, rotation, pixel shape, fields and HDR."""

import struct
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path

import av
import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from emodal_data.core.config import ClipsConfig
from emodal_data.core.errors import Dropped
from emodal_data.core.reasons import Reason
from emodal_data.media import Frame, open_film
from emodal_data.media.decoded_picture import DecodedPicture
from emodal_data.media.doctor import examine_film
from emodal_data.media.frame_conversion import FrameConverter
from emodal_data.media.tone_mapping import hlg_nits, pq_nits, tone_mapped
from tests.media.films import Recipe, make_film
from tests.media.tracks import ffmpeg

RGB = NDArray[np.uint8]
PATCHES = np.array(
    [[200, 30, 30], [30, 200, 30], [30, 30, 200], [128, 128, 128], [255, 255, 255], [0, 0, 0]], np.uint8
)
BARS = np.repeat(PATCHES, 32, axis=0)[None].repeat(96, axis=0)


def shoot(
    path: Path,
    codec: str,
    pix_fmt: str,
    frames: list[RGB] | None = None,
    *,
    options: dict[str, str] | None = None,
    setup: Callable[[av.VideoStream], None] = lambda stream: None,
    fields: str | None = None,
    **colours: object,
) -> Frame:
    """Encode the frames (the bars, if none) and return what is on screen in the middle."""
    frames = frames or [BARS] * 20
    with av.open(str(path), "w") as out:
        stream = out.add_stream(codec, rate=25, options=options or {})
        stream.height, stream.width = frames[0].shape[:2]
        stream.pix_fmt = pix_fmt
        setup(stream)
        for number, rgb in enumerate(frames):
            given = "gray" if rgb.ndim == 2 else "rgb24"
            frame = av.VideoFrame.from_ndarray(rgb, format=given).reformat(format=pix_fmt, **colours)
            frame.pts, frame.time_base = number, Fraction(1, 25)
            out.mux(stream.encode(_with_fields(frame, fields) if fields else frame))
        out.mux(stream.encode(None))
    with open_film(path) as film:
        return film.frame_at((len(frames) // 2 + 0.5) / 25)


def _with_fields(frame: av.VideoFrame, first: str) -> av.VideoFrame:
    graph = av.filter.Graph()
    source = graph.add_buffer(
        width=frame.width, height=frame.height, format=frame.format, time_base=frame.time_base
    )
    order, sink = graph.add("setfield", first), graph.add("buffersink")
    source.link_to(order)
    order.link_to(sink)
    graph.configure()
    source.push(frame)
    return graph.pull()


def patches(rgb: RGB) -> RGB:
    """(6, 3) colours in the middle of the bars."""
    return rgb[rgb.shape[0] // 2, rgb.shape[1] // 12 :: rgb.shape[1] // 6]


@pytest.mark.parametrize(
    ("name", "codec", "pix_fmt", "options", "colours"),
    [
        ("limited.mp4", "libx264", "yuv420p", {}, {}),
        ("ten-bit.mp4", "libx264", "yuv420p10le", {}, {}),
        ("ten-bit.mkv", "libx265", "yuv420p10le", {"x265-params": "log-level=none"}, {}),
        ("422.mov", "prores_ks", "yuv422p10le", {}, {}),
        ("444.mp4", "libx264", "yuv444p", {}, {}),
        ("full.avi", "mjpeg", "yuvj420p", {"qmin": "1", "qmax": "2"}, {}),
        ("full.mp4", "libx264", "yuvj420p", {}, {"dst_color_range": 2}),
        (
            "bt709.mp4",
            "libx264",
            "yuv420p",
            {"x264-params": "colormatrix=bt709"},
            {"dst_colorspace": "ITU709"},
        ),
        ("rgb.mkv", "ffv1", "bgra", {}, {}),
    ],
)
def test_colours_come_back(
    name: str,
    codec: str,
    pix_fmt: str,
    options: dict[str, str],
    colours: dict[str, object],
    tmp_path: Path,
) -> None:
    frame = shoot(tmp_path / name, codec, pix_fmt, options=options, **colours)
    np.testing.assert_allclose(patches(frame.rgb).astype(int), PATCHES, atol=3)


def test_an_untagged_hd_picture_is_bt709(tmp_path: Path) -> None:
    hd = np.repeat(np.repeat(BARS, 8, axis=0), 8, axis=1)[:720, :1536]
    path = tmp_path / "hd.mp4"
    frame = shoot(path, "libx264", "yuv420p", [hd] * 3, dst_colorspace="ITU709")
    np.testing.assert_allclose(patches(frame.rgb).astype(int), PATCHES, atol=3)


@pytest.mark.parametrize(("matrix", "name"), [(8, "YCgCo"), (14, "ICtCp")])
def test_colours_that_are_not_converted_are_refused(matrix: int, name: str) -> None:
    frame = av.VideoFrame(32, 32, "yuv420p")
    frame.colorspace = matrix
    with pytest.raises(Dropped, match=f"its colours are stored as {name}") as dropped:
        FrameConverter().convert(frame, 1.0, None)
    assert dropped.value.reason == Reason.COLOUR_UNSUPPORTED


@pytest.mark.parametrize(("tag", "black", "white"), [("limited", 16, 235), ("full", 0, 255)])
def test_gray_uses_its_whole_range(tag: str, black: int, white: int, tmp_path: Path) -> None:
    gray = np.full((96, 192), black, np.uint8)
    gray[:, 96:] = white
    options = {"x265-params": f"log-level=none:range={tag}"}
    rgb = shoot(tmp_path / "gray.mkv", "libx265", "gray", [gray] * 5, options=options).rgb
    assert (rgb[48, 48].tolist(), rgb[48, 144].tolist()) == ([0] * 3, [255] * 3)


def test_white_is_white(tmp_path: Path) -> None:
    white = np.full((96, 192, 3), 255, np.uint8)
    assert shoot(tmp_path / "white.mp4", "libx264", "yuv420p", [white] * 5).rgb.min() == 255


@pytest.mark.parametrize("quarter_turns", [0, 1, 2, 3])
@pytest.mark.parametrize("mirrored", [False, True])
def test_the_picture_is_turned_upright(quarter_turns: int, mirrored: bool, tmp_path: Path) -> None:
    corners = np.full((96, 192, 3), 128, np.uint8)
    corners[:48, :96], corners[48:, :96], corners[:48, 96:] = 255, 0, 60

    def setup(stream: av.VideoStream) -> None:
        stream.set_display_rotation(90 * quarter_turns, hflip=mirrored)

    frame = shoot(tmp_path / "turned.mp4", "libx264", "yuv420p", [corners] * 5, setup=setup)
    upright = np.rot90(corners, quarter_turns)
    upright = upright[:, ::-1] if mirrored else upright
    assert frame.rgb.shape == upright.shape
    assert np.abs(frame.rgb[8::16, 8::16].astype(int) - upright[8::16, 8::16]).max() <= 6


@pytest.mark.parametrize(
    ("pixel_shape", "width"), [(Fraction(4, 3), 256), (Fraction(8, 9), 171), (Fraction(1), 192)]
)
def test_pixels_become_square(pixel_shape: Fraction, width: int, tmp_path: Path) -> None:
    def setup(stream: av.VideoStream) -> None:
        stream.codec_context.sample_aspect_ratio = pixel_shape

    frame = shoot(tmp_path / "shape.mp4", "libx264", "yuv420p", setup=setup)
    assert (frame.rgb.shape, frame.scale) == ((96, width, 3), 1.0)
    np.testing.assert_allclose(patches(frame.rgb).astype(int), PATCHES, atol=8)


@pytest.mark.parametrize(("codec", "suffix"), [("libx264", ".mp4"), ("mpeg2video", ".mpg")])
@pytest.mark.parametrize("first", ["tff", "bff"])
def test_of_an_interlaced_frame_the_first_field_is_shown(
    codec: str, suffix: str, first: str, tmp_path: Path
) -> None:
    frames = []
    for number in range(20):
        rgb = np.full((96, 192, 3), 40, np.uint8)
        for field in (0, 1):  # a bar that moves 4 px between the fields
            later = field == (0 if first == "bff" else 1)
            left = 8 * number % 120 + (4 if later else 0)
            rgb[field::2, left : left + 30] = 220
        frames.append(rgb)

    def setup(stream: av.VideoStream) -> None:
        stream.codec_context.flags |= 0x40000 | 0x20000000  # interlaced DCT and motion estimation

    path = tmp_path / f"interlaced{suffix}"
    frame = shoot(path, codec, "yuv420p", frames, setup=setup, fields=first)
    bright = frame.rgb[20:70, :, 0] > 130
    left = 8 * 10 % 120
    assert {int(row.nonzero()[0].min()) for row in bright} <= {left - 1, left, left + 1}


def test_pq_and_hlg_follow_their_standards() -> None:
    assert pq_nits(np.float32([0.0, 0.508078, 0.751827, 1.0])) == pytest.approx(
        [0, 100, 1000, 10000], rel=1e-3
    )
    assert hlg_nits(np.full((1, 3), 0.75, np.float32))[0] == pytest.approx([203] * 3, rel=5e-3)
    assert hlg_nits(np.ones((1, 3), np.float32))[0] == pytest.approx([1000] * 3, rel=1e-3)


@pytest.mark.parametrize("transfer", ["smpte2084", "arib-std-b67"])
def test_hdr_is_shown_in_natural_tones(transfer: str, tmp_path: Path) -> None:
    # A gray ramp, each step an equal step of signal: 0 to 1000 nits in PQ.
    steps = np.linspace(0, 0.7518 if transfer == "smpte2084" else 1.0, 12)
    ramp = np.repeat(np.rint(steps * 255).astype(np.uint8), 16)[None].repeat(96, axis=0)
    parameters = f"log-level=none:crf=4:colorprim=bt2020:transfer={transfer}:colormatrix=bt2020nc"
    frame = shoot(
        tmp_path / "hdr.mp4",
        "libx265",
        "yuv420p10le",
        [np.stack([ramp] * 3, axis=2)] * 5,
        options={"x265-params": parameters},
        dst_colorspace="BT2020",
    )
    shown = frame.rgb[48, 8::16].astype(int)
    assert np.ptp(shown, axis=1).max() <= 4  # gray stays gray
    assert (np.diff(shown[:, 1]) > 0).all()
    assert (shown[0, 1] <= 2, shown[-1, 1] >= 250) == (True, True)
    nits = (
        pq_nits(np.float32(steps))
        if transfer == "smpte2084"
        else hlg_nits(np.float32(steps)[:, None].repeat(3, 1))
    )
    skin = int(np.argmin(np.abs(np.asarray(nits).reshape(len(steps), -1)[:, 0] - 60)))
    assert 90 <= shown[skin, 1] <= 170  # a lit face is a mid tone


def test_tone_mapping_is_of_the_frame_alone() -> None:
    frame = av.VideoFrame(8, 8, "yuv420p10le")
    frame.color_trc, frame.color_primaries = 16, 9
    signal = np.random.default_rng(0).integers(0, 65536, (4, 4, 3)).astype(np.uint16)
    np.testing.assert_array_equal(tone_mapped(signal, frame)[:2], tone_mapped(signal[:2], frame))


def with_aperture(path: Path, *numbers: int) -> Path:
    """The mp4 with a clean aperture: width, height, offset to the right and downwards, of whole pixels."""
    data = path.read_bytes()
    box = struct.pack(">I4s8i", 40, b"clap", *(x for number in numbers for x in (number, 1)))
    description = data.index(b"avc1", data.index(b"stsd")) - 4
    end = description + int.from_bytes(data[description : description + 4], "big")
    data = data[:end] + box + data[end:]
    for at in (data.index(name) - 4 for name in (b"moov", b"trak", b"mdia", b"minf", b"stbl", b"stsd")):
        data = data[:at] + struct.pack(">I", int.from_bytes(data[at : at + 4], "big") + 40) + data[at + 4 :]
    size = struct.pack(">I", end + 40 - description)
    path.write_bytes(data[:description] + size + data[description + 4 :])
    return path


@pytest.mark.parametrize(
    ("suffix", "turned_deg", "aperture", "shown"),
    [
        (".mp4", 0, (160, 80, -5, 2), np.s_[10:90, 11:171]),
        (".mkv", 0, (160, 80, -5, 2), np.s_[10:90, 11:171]),
        (".mp4", 90, (160, 80, -5, 2), np.s_[10:90, 11:171]),
        (".mp4", 0, (192, 96, 0, 0), np.s_[:]),
        (".mp4", 0, (160, 80, 17, 0), np.s_[:]),
        (".mp4", 0, (-1, 80, 0, 0), np.s_[:]),
    ],
    ids=["mp4", "mkv", "cropped, then turned", "the whole picture", "outside the picture", "nothing is left"],
)
def test_what_the_container_crops_is_not_shown(
    suffix: str, turned_deg: int, aperture: tuple[int, ...], shown: slice, tmp_path: Path
) -> None:
    whole_film = make_film(tmp_path, Recipe(frames=10, audio=None))
    with open_film(whole_film) as film:
        expected = film.frame_at(0.2).rgb[shown]
    path = make_film(tmp_path, Recipe(frames=10, audio=None, rotation_deg=turned_deg), "cropped")
    path = with_aperture(path, *aperture)
    if suffix == ".mkv":  # FFmpeg writes the aperture as PixelCrop
        path, given = tmp_path / "cropped.mkv", path
        ffmpeg("-i", given, "-c", "copy", path)
    with open_film(path) as film:
        rgb = film.frame_at(0.2).rgb
    assert np.array_equal(rgb, np.rot90(expected, turned_deg // 90))
    found = examine_film(path, ClipsConfig(), frames=3)  # a whole decode crops too
    assert not [fault for fault in found.faults if "no sound track" not in fault]
    note = "the container crops the picture: 10 pixels above, 6 below, 11 left and 21 right"
    assert (note in found.notes) == (expected.shape[:2] == (80, 160))


NOISE = np.random.default_rng(3).integers(0, 256, (360, 640, 3), dtype=np.uint8)
NOISE = cv2.GaussianBlur(NOISE, (0, 0), 1.5)


def noise_frame(form: str, height: int = 360, width: int = 640, **colours: int) -> av.VideoFrame:
    frame = av.VideoFrame.from_ndarray(NOISE[:height, :width].copy(), format="rgb24").reformat(format=form)
    for name, value in colours.items():
        setattr(frame, name, value)
    frame.time_base = Fraction(1, 25)
    return frame


@pytest.mark.parametrize(
    ("form", "colours"),
    [
        ("yuv420p", {}),
        ("yuv420p", {"colorspace": 1, "color_range": 1}),
        ("yuv420p", {"colorspace": 5, "color_range": 2}),
        ("yuvj420p", {}),
        ("yuv422p", {"colorspace": 9}),
        ("yuv444p", {}),
        ("yuv420p10le", {"colorspace": 9}),
    ],
)
def test_a_part_has_the_bytes_of_the_whole_picture(form: str, colours: dict[str, int]) -> None:
    converter, frame = FrameConverter(), noise_frame(form, **colours)
    whole, _ = converter.convert(frame, 1.0, None)
    for rows, columns in [
        (slice(0, 40), slice(0, 50)),
        (slice(101, 158), slice(203, 310)),
        (slice(330, 360), slice(611, 640)),
        (slice(150, 151), slice(639, 640)),
        (slice(17, 340), slice(30, 620)),
        (slice(None), slice(None)),
    ]:
        picture, _ = converter.picture(frame, 1.0, None)
        assert isinstance(picture, DecodedPicture)
        np.testing.assert_array_equal(picture[rows, columns], whole[rows, columns])
        np.testing.assert_array_equal(picture[rows, columns], whole[rows, columns])  # kept
        np.testing.assert_array_equal(picture.whole, whole)


@pytest.mark.parametrize("size", [(640, 360), (320, 180), (256, 144), (91, 51)])
def test_a_small_view_is_the_whole_picture_shrunk_by_area(size: tuple[int, int]) -> None:
    converter, frame = FrameConverter(), noise_frame("yuv420p", colorspace=1)
    picture, _ = converter.picture(frame, 1.0, None)
    assert isinstance(picture, DecodedPicture)
    small = picture.shrunk(*size)
    picture[100:200, 100:200]
    np.testing.assert_array_equal(picture.shrunk(*size), small)  # whatever was asked for before
    expected = cv2.resize(picture.whole, size, interpolation=cv2.INTER_AREA)
    assert np.abs(small.astype(int) - expected).mean() < 2  # in noise, the hardest case


def test_a_large_frame_is_shrunk_as_a_whole_and_its_parts_are_cut_from_that() -> None:
    converter, frame = FrameConverter(), noise_frame("yuv420p")
    whole, scale = converter.convert(frame, 1.0, 400)
    picture, _ = converter.picture(frame, 1.0, 400)
    assert isinstance(picture, DecodedPicture)
    assert (picture.shape, scale) == ((225, 400, 3), 0.625)
    np.testing.assert_array_equal(picture[50:90, 301:350], whole[50:90, 301:350])
    expected = cv2.resize(whole, (128, 72), interpolation=cv2.INTER_AREA)
    assert np.abs(picture.shrunk(128, 72).astype(int) - expected).mean() < 2


@pytest.mark.parametrize(
    ("frame", "pixel_shape"),
    [
        (noise_frame("yuv420p", height=359), 1.0),  # the chroma of odd sides is stretched
        (noise_frame("yuv420p", width=639), 1.0),
        (noise_frame("yuv420p"), 4 / 3),
        (noise_frame("gray"), 1.0),
        (noise_frame("yuv420p10le", color_trc=16), 1.0),  # HDR
    ],
)
def test_other_frames_are_converted_at_once(frame: av.VideoFrame, pixel_shape: float) -> None:
    picture, _ = FrameConverter().picture(frame, pixel_shape, None)
    assert isinstance(picture, np.ndarray)
