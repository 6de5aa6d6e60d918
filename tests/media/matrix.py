"""Films of every codec in every container, and what a whole decode says of each frame and of the sound.

A film of FILMS has a name such as h264-b2/mp4: codec and coding, then container and, if there is one, the oddity of its
clock. ask_picture() and ask_sound() compare a film's answers with its whole decode and return what is wrong.
"""

import subprocess
from collections.abc import Callable
from dataclasses import dataclass, replace
from fractions import Fraction
from pathlib import Path

import av
import imageio_ffmpeg
import numpy as np
from numpy.typing import NDArray

from emodal_data.core.errors import Dropped
from emodal_data.media import Film, open_film
from tests.media.films import Recipe, make_film, number_in

NTSC, FILM_RATE, DOUBLE_RATE = Fraction(30000, 1001), Fraction(24000, 1001), Fraction(60000, 1001)
#: Orders in which the same questions are asked.
ORDERS = ("alone", "upwards", "downwards", "shuffled")

#: Sound codecs of the containers that hold them.
SOUND = {
    "mp4": "aac", "mov": "pcm_s16le", "mkv": "flac", "webm": "libopus", "avi": "libmp3lame", "ts": "mp2",
    "m2ts": "ac3", "mpg": "mp2", "vob": "ac3", "flv": "aac", "mxf": "pcm_s16le", "ogv": "vorbis", "3gp": "aac",
    "wmv": "wmav2", "asf": "wmav2",
}  # fmt: skip
#: A gap between the stamps of sound frames that is longer is a gap.
GAP_S = 0.03
#: What the conversion to RGB may change in a picture, on average; interlaced ones lose every second line.
MAX_DIFFERENCE = 12
#: What seeking changes within a codec's own rights: see test_audio_span.py. Windows Media fills gaps with noise.
TOLERANCE = {"opus": 1e-5, "mp2": 1e-4, "mp2float": 1e-4, "ac3": 1e-2, "wmav2": 1e-2}


@dataclass(frozen=True)
class Cell:
    """One film of the matrix: a recipe, and what the ffmpeg program makes of it, if anything.

    remux: arguments of ffmpeg between the film of the recipe and the film that is asked. suffix: of that film.
    """

    recipe: Recipe
    remux: tuple[str, ...] = ()
    suffix: str = ""


X264 = Recipe(frames=90, video_options={"x264-params": "scenecut=0"})
X265 = replace(
    X264, video="libx265", video_options={"x265-params": "log-level=none:pools=1", "preset": "ultrafast"}
)
SVT = replace(X264, video="libsvtav1", video_options={"preset": "12", "svtav1-params": "lp=1"})
VP9 = replace(X264, video="libvpx-vp9", video_options={"cpu-used": "8", "deadline": "realtime"}, b_frames=0)
VP9_HIDDEN = replace(
    VP9, video_options={"cpu-used": "5", "deadline": "good", "auto-alt-ref": "1", "lag-in-frames": "16"}
)
VP8 = replace(VP9, video="libvpx", video_options={"cpu-used": "8", "deadline": "realtime"})
MPEG4, MPEG2, MPEG1 = (
    replace(X264, video=name, video_options={}) for name in ("mpeg4", "mpeg2video", "mpeg1video")
)
INTRA = replace(X264, b_frames=0, gop=1, video_options={})
MJPEG = replace(INTRA, video="mjpeg", pix_fmt="yuvj420p")
PRORES = replace(INTRA, video="prores_ks", pix_fmt="yuv422p10le")
DNXHR = replace(
    INTRA, video="dnxhd", pix_fmt="yuv422p", width=384, height=192, video_options={"profile": "dnxhr_lb"}
)
FFV1, HUFFYUV = replace(INTRA, video="ffv1"), replace(INTRA, video="huffyuv", pix_fmt="yuv422p")
DV = replace(INTRA, frames=40, video="dvvideo", width=720, height=576)
SORENSON, WMV, MSMPEG4 = (
    replace(X264, video=name, b_frames=0, video_options={}) for name in ("flv", "wmv2", "msmpeg4")
)
H263 = replace(SORENSON, video="h263", width=352, height=288)

#: Codings, and the containers that hold them.
CODINGS: dict[str, tuple[Recipe, str]] = {
    "h264-b0": (replace(X264, b_frames=0), "mp4 mkv avi ts flv"),
    "h264-b2": (X264, "mp4 mov mkv avi ts m2ts flv 3gp mxf"),
    "h264-b4-pyramid": (
        replace(X264, video_options={"x264-params": "scenecut=0:bframes=4:b-pyramid=2:ref=4"}),
        "mp4 mkv avi ts",
    ),
    "h264-open-gop": (
        replace(X264, video_options={"x264-params": "scenecut=0:open-gop=1:bframes=3"}),
        "mp4 mkv ts flv",
    ),
    "h264-one-keyframe": (replace(X264, gop=250), "mp4 mkv ts avi flv"),
    "h264-intra": (replace(X264, gop=1, b_frames=0), "mp4 mkv ts mxf"),
    "h264-refresh": (
        replace(
            X264,
            frames=150,  # what a seek leaves torn begins at frame 90
            gop=250,
            b_frames=0,
            video_options={"x264-params": "intra-refresh=1:keyint=40"},
        ),
        "mp4 mkv ts",
    ),
    "hevc-b0": (replace(X265, b_frames=0), "mp4 ts"),
    "hevc-b2": (X265, "mp4 mov mkv ts m2ts"),
    "hevc-open-gop": (
        replace(
            X265, video_options={"x265-params": "log-level=none:pools=1:open-gop=1", "preset": "ultrafast"}
        ),
        "mp4 mkv ts",
    ),
    "av1-svt": (SVT, "mp4 mkv webm"),
    "av1-svt-one-keyframe": (replace(SVT, gop=250), "mp4 webm"),
    "vp8": (VP8, "webm mkv avi"),
    "vp9": (VP9, "webm mkv mp4"),
    "vp9-hidden-frames": (VP9_HIDDEN, "webm mp4"),
    "mpeg1-b0": (replace(MPEG1, b_frames=0), "mpg"),
    "mpeg1-b2": (MPEG1, "mpg mkv ts"),
    "mpeg2-b0": (replace(MPEG2, b_frames=0), "mpg ts"),
    "mpeg2-b2": (MPEG2, "mpg vob ts m2ts mkv mxf mp4 avi asf"),
    "mpeg2-small-frames": (replace(MPEG2, video_options={"qmin": "31", "qmax": "31"}), "mpg vob ts"),
    "mpeg4-b0": (replace(MPEG4, b_frames=0), "mp4 avi mkv"),
    "mpeg4-b2": (MPEG4, "mp4 mov avi mkv 3gp"),
    "mpeg4-interlaced": (replace(MPEG4, video_options={"flags": "+ilme+ildct"}), "avi mkv mp4"),
    "msmpeg4": (MSMPEG4, "avi wmv mkv"),
    "wmv2": (WMV, "wmv avi"),
    "sorenson": (SORENSON, "flv avi"),
    "h263": (H263, "3gp avi"),
    "mjpeg": (MJPEG, "avi mov mkv mp4"),
    "prores": (PRORES, "mov mkv"),
    "dnxhr": (DNXHR, "mov mxf"),
    "ffv1": (FFV1, "mkv avi"),
    "huffyuv": (HUFFYUV, "avi"),
    "dv": (DV, "avi mov"),
}


def _cells() -> dict[str, Cell]:
    cells = {
        f"{coding}/{container}": Cell(_in(recipe, container))
        for coding, (recipe, containers) in CODINGS.items()
        for container in containers.split()
    }
    cells |= _encoded_by_the_program() | _odd_clocks()
    return cells


def _in(recipe: Recipe, container: str) -> Recipe:
    made = replace(recipe, suffix=f".{container}", audio=SOUND[container])
    if container in ("wmv", "asf"):
        return replace(made, audio_options={"b": "128000"})
    return replace(made, rate_hz=44100) if container == "flv" else made


def _encoded_by_the_program() -> dict[str, Cell]:
    """Codecs that only the ffmpeg program can write."""
    source = replace(INTRA, suffix=".mkv", video="ffv1", audio="flac")
    aom = (
        "-c:v",
        "libaom-av1",
        "-cpu-used",
        "8",
        "-row-mt",
        "0",
        "-threads",
        "1",
        "-g",
        "25",
        "-b:v",
        "200k",
    )
    theora = ("-c:v", "libtheora", "-q:v", "7", "-g", "25", "-c:a", "libvorbis")
    held = (
        "-vf",
        "select='lt(mod(n,11),4)'",
        "-fps_mode",
        "vfr",
        "-c:v",
    )  # seven frames of eleven are empty chunks
    old = (
        "-c:a",
        "pcm_s16le",
        "-g",
        "25",
        "-c:v",
    )  # codecs of which FFmpeg or the container knows no keyframes
    palette = ("-vf", "format=pal8")
    xvid = ("-c:v", "libxvid", "-g", "25", "-bf", "2", "-q:v", "3", "-c:a", "libmp3lame")
    return {
        "av1-aom/mp4": Cell(source, (*aom, "-c:a", "aac", "-aac_pns", "0"), ".mp4"),
        "av1-aom/mkv": Cell(source, (*aom, "-c:a", "copy"), ".mkv"),
        "av1-aom/webm": Cell(source, (*aom, "-c:a", "libopus"), ".webm"),
        "theora/ogv": Cell(source, theora, ".ogv"),
        "theora/mkv": Cell(source, theora, ".mkv"),
        "h263p/mkv": Cell(source, ("-c:v", "h263p", "-g", "25", "-q:v", "3", "-c:a", "copy"), ".mkv"),
        "xvid/avi": Cell(source, xvid, ".avi"),
        "mpeg4-b0/avi empty chunks": Cell(source, (*held, "mpeg4", "-q:v", "3", "-g", "25"), ".avi"),
        "mpeg4-b2/avi empty chunks": Cell(
            source, (*held, "mpeg4", "-q:v", "3", "-bf", "2", "-g", "25"), ".avi"
        ),
        "mjpeg/avi empty chunks": Cell(source, (*held, "mjpeg", "-q:v", "3"), ".avi"),
        "rpza/mov": Cell(source, (*old, "rpza"), ".mov"),
        "cinepak/mov": Cell(source, (*old, "cinepak"), ".mov"),
        "smc/mov": Cell(source, (*palette, *old, "smc"), ".mov"),
        "qtrle-palette/mov": Cell(source, ("-vf", "format=gray", *old, "qtrle"), ".mov"),
        "msrle-palette/avi": Cell(source, (*palette, *old, "msrle"), ".avi"),
        "zmbv/avi": Cell(source, (*old, "zmbv"), ".avi"),
        "vp8-vorbis/webm": Cell(_in(VP8, "mkv"), ("-c:v", "copy", "-c:a", "libvorbis"), ".webm"),
    }


def _odd_clocks() -> dict[str, Cell]:
    """Containers written in other ways, and clocks that start late or early, jump in steps, or are cut."""
    fragments = {"movflags": "frag_keyframe+empty_moov+default_base_moof"}
    steps = [Fraction(1, 25) if k % 7 else Fraction(3, 5) for k in range(90)]
    starts = [sum(steps[:k], Fraction(0)) for k in range(90)]
    vfr = replace(X264, times_s=starts, time_base=Fraction(1, 1000), audio_s=12.0)
    late = replace(X264, video_start_s=Fraction(2), audio_start_s=Fraction(2))
    cells = {}
    for coding, recipe in {"h264-b2": X264, "hevc-b2": X265, "av1-svt": SVT}.items():
        made = _in(recipe, "mp4")
        cells[f"{coding}/mp4 fragmented"] = Cell(replace(made, container_options=fragments))
        cells[f"{coding}/mp4 faststart"] = Cell(replace(made, container_options={"movflags": "faststart"}))
    for container in ("mp4", "mkv", "ts", "flv"):
        cells |= {
            f"h264-b2/{container} late start": Cell(_in(late, container)),
            f"h264-b2/{container} late picture": Cell(
                _in(replace(X264, video_start_s=Fraction(12, 25)), container)
            ),
            f"h264-b2/{container} late sound": Cell(
                _in(replace(X264, audio_start_s=Fraction(1, 2)), container)
            ),
            f"h264-b2/{container} variable rate": Cell(_in(vfr, container)),
            f"h264-b2/{container} 23.976": Cell(_in(replace(X264, fps=FILM_RATE), container)),
            f"h264-b2/{container} 59.94": Cell(_in(replace(X264, fps=DOUBLE_RATE), container)),
        }
    mpeg2 = replace(MPEG2, fps=NTSC)
    copy = ("-c", "copy")
    cells |= {
        f"mpeg2-b2/{container} 29.97": Cell(_in(mpeg2, container))
        for container in ("mpg", "ts", "vob", "mxf")
    }
    for container in ("mp4", "mkv", "ts", "mpg", "flv"):
        recipe = _in(MPEG2 if container == "mpg" else X264, container)
        cells[f"{'mpeg2' if container == 'mpg' else 'h264'}-b2/{container} offset 3 h"] = Cell(
            recipe, (*copy, "-output_ts_offset", "10800"), f".{container}"
        )
    for container in ("mp4", "mov", "avi", "ts", "mxf"):
        before = ("-output_ts_offset", "-0.6", "-avoid_negative_ts", "disabled", "-muxdelay", "0")
        cells[f"h264-b2/{container} before zero"] = Cell(
            _in(X264, container), (*copy, *before), f".{container}"
        )
    whole = _in(X264, "mp4")
    cells |= {
        "h264-b2/mp4 turned": Cell(replace(whole, rotation_deg=90)),
        "h264-b2/mov upside down": Cell(replace(_in(X264, "mov"), rotation_deg=180)),
        "h264-b2/mkv turned": Cell(replace(_in(X264, "mkv"), rotation_deg=-90)),
        "h264-b2/mp4 edit list": Cell(whole, copy, ".mp4"),
        "h264-b2/mp4 cut by edit list": Cell(whole, ("-ss", "1.3", *copy), ".mp4"),
        "h264-b2/mov negative start": Cell(whole, (*copy, "-avoid_negative_ts", "disabled"), ".mov"),
        "h264-b2/mkv negative start": Cell(whole, (*copy, "-avoid_negative_ts", "disabled"), ".mkv"),
        "h264-b2/mp4 coarse clock": Cell(whole, (*copy, "-video_track_timescale", "1000"), ".mp4"),
        "h264-b2/mkv two sounds": Cell(whole, ("-map", "0:v", "-map", "0:a", "-map", "0:a", *copy), ".mkv"),
        "h264-b2/ts 33 bits wrap": Cell(
            _in(X264, "ts"), (*copy, "-output_ts_offset", "95441.5", "-muxdelay", "0"), ".ts"
        ),
    }
    return cells


FILMS = _cells()

#: The films that every run of the tests asks.
QUICK = (
    "h264-b2/mp4",
    "h264-open-gop/mkv",
    "h264-b2/avi",
    "h264-b2/ts late start",
    "h264-b2/mp4 fragmented",
    "h264-b2/flv variable rate",
    "hevc-open-gop/mp4",
    "av1-svt/webm",
    "vp9/mp4",
    "mpeg1-b2/mpg",
    "mpeg2-b2/vob",
    "mpeg4-b2/avi",
    "wmv2/wmv",
    "mjpeg/mov",
    "mpeg4-b0/avi empty chunks",
    "h264-one-keyframe/ts",
    "h264-refresh/ts",
    "h264-b2/mp4 cut by edit list",
    "h264-b2/ts 33 bits wrap",
    "qtrle-palette/mov",
    "hevc-b2/ts",
    "av1-aom/mkv",
    "rpza/mov",
    "mpeg2-b2/mpg",
    "mpeg4-b2/mp4",
    "prores/mov",
    "dnxhr/mxf",
    "theora/ogv",
    "sorenson/flv",
    "h263/avi",
    "h263p/mkv",
    "mpeg4-interlaced/avi",
    "mpeg2-b2/asf",
)


def make_cell(folder: Path, name: str) -> Path:
    """Write a film of the matrix and return its path."""
    cell, stem = FILMS[name], name.replace("/", "-").replace(" ", "-")
    if not cell.remux:
        return make_film(folder, cell.recipe, stem)
    source = make_film(folder, cell.recipe, f"{stem}-source")
    path = folder / f"{stem}{cell.suffix}"
    command = [imageio_ffmpeg.get_ffmpeg_exe(), "-v", "error", "-y", *_input_options(cell.remux)]
    command += ["-i", str(source), *_output_options(cell.remux), str(path)]
    subprocess.run(command, check=True, stdin=subprocess.DEVNULL, timeout=120)
    source.unlink()
    return path


def _input_options(remux: tuple[str, ...]) -> tuple[str, ...]:
    return remux[:2] if remux[0] == "-ss" else ()


def _output_options(remux: tuple[str, ...]) -> tuple[str, ...]:
    return remux[2:] if remux[0] == "-ss" else remux


# --- the truth: everything decoded, from front to back


@dataclass(frozen=True)
class WholeDecode:
    """Every frame of a film by plain PyAV: when it starts on the film clock in s, its number, its picture. Ascending.

    unsure_s: spans in which stamps go back in the order of display, so that FFmpeg itself shows another frame than its
    stamps say. Nothing is asked there. quarter_turns: counter-clockwise, from the coded picture to the upright one.
    """

    starts_s: tuple[float, ...]
    numbers: tuple[int, ...]
    pictures: tuple[NDArray[np.uint8], ...]
    unsure_s: tuple[tuple[float, float], ...]
    quarter_turns: int = 0

    def at(self, t_s: float) -> tuple[int, NDArray[np.uint8]]:
        """Number and picture of the last frame that starts at or before t_s."""
        place = int(np.searchsorted(self.starts_s, t_s + 1e-6, side="right")) - 1
        return self.numbers[place], self.pictures[place]

    def is_sure(self, t_s: float) -> bool:
        """Whether the stamps around t_s are in order."""
        return not any(begin_s <= t_s <= end_s for begin_s, end_s in self.unsure_s)


class BestEffort:
    """The time stamp that FFmpeg calls its best effort: libavcodec/decode.c, guess_correct_pts()."""

    def __init__(self) -> None:
        self._last_pts = self._last_dts = -(2**63)
        self._faulty_pts = self._faulty_dts = 0

    def stamp(self, pts: int | None, dts: int | None) -> int | None:
        """The best guess for the next frame of a decode, from the frame's own stamps."""
        if dts is not None:
            self._faulty_dts += dts <= self._last_dts
            self._last_dts = dts
        elif pts is not None:
            self._last_dts = pts
        if pts is not None:
            self._faulty_pts += pts <= self._last_pts
            self._last_pts = pts
        elif dts is not None:
            self._last_pts = dts
        trust_pts = self._faulty_pts <= self._faulty_dts or dts is None
        return pts if trust_pts and pts is not None else dts


def decode_whole(path: Path) -> WholeDecode:
    """Decode the picture of a film from front to back. A frame without a stamp follows the one before, as in ffmpeg.

    In MPEG-PS so does a frame whose stamp goes back: it is shown where its burnt-in number says.
    """
    with av.open(str(path)) as container:
        stream = container.streams.video[0]
        start_s = Fraction(container.start_time or 0, 1_000_000)
        frame_s = float(1 / (stream.average_rate or stream.guessed_rate))
        guess, shown, unsure = BestEffort(), [], []
        latest_s, before_s = -frame_s, -frame_s
        for frame in container.decode(stream):
            stamp = guess.stamp(frame.pts, frame.dts)
            t_s = latest_s + frame_s if stamp is None else float(stamp * stream.time_base - start_s)
            if container.format.name == "mpeg" and shown and t_s < latest_s + frame_s / 2:
                t_s = (
                    latest_s + frame_s
                )  # where a pack cuts a start code, FFmpeg gives the stamp to a neighbour
            if t_s <= latest_s and shown:
                unsure.append((min(t_s, before_s), latest_s + 2 * frame_s))
            latest_s, before_s = max(latest_s, t_s), latest_s
            rgb = frame.to_ndarray(format="rgb24")
            shown.append((t_s, number_in(rgb), rgb))
            quarter_turns = frame.rotation // 90
    shown.sort(key=lambda one: one[0])
    starts_s, numbers, pictures = zip(*shown, strict=True)
    return WholeDecode(starts_s, numbers, pictures, tuple(unsure), quarter_turns)


def whole_sound(path: Path) -> tuple[float, NDArray[np.float32], str]:
    """When the sound starts on the film clock, the whole track at 16 kHz from the film's start, and its codec.

    Frames follow each other without a gap, unless their stamps leave one that no rounding explains.
    """
    with av.open(str(path)) as container:
        stream = container.streams.audio[0]
        frames = list(container.decode(stream))
        film_start_s = Fraction(container.start_time or 0, 1_000_000)
        start_s = frames[0].pts * stream.time_base - film_start_s
        rate = frames[0].sample_rate
        resampler = av.AudioResampler("flt", "mono", 16000)
        pieces: list[NDArray[np.float32]] = []
        end = 0  # in samples from the start of the film
        for frame in frames:
            stamp_s = None if frame.pts is None else frame.pts * stream.time_base - film_start_s
            position = end if stamp_s is None else round(stamp_s * rate)
            gap = position - end
            if gap > (0 if frame is frames[0] else GAP_S * rate):
                pieces += _resampled(resampler, _silence_like(frame, gap))
            if gap > GAP_S * rate or frame is frames[0]:
                end = position
            frame.pts = None
            pieces += _resampled(resampler, frame)
            end += frame.samples
        pieces += _resampled(resampler, None)
        codec = stream.codec_context.name
    return float(start_s), np.concatenate(pieces)[max(0, round(-start_s * 16000)) :], codec


def _resampled(resampler: av.AudioResampler, frame: av.AudioFrame | None) -> list[NDArray[np.float32]]:
    return [piece.to_ndarray()[0] for piece in resampler.resample(frame)]


def _silence_like(frame: av.AudioFrame, samples: int) -> av.AudioFrame:
    silence = av.AudioFrame(format=frame.format.name, layout=frame.layout.name, samples=samples)
    for plane in silence.planes:
        plane.update(bytes(plane.buffer_size))
    silence.sample_rate = frame.sample_rate
    return silence


# --- the questions


@dataclass(frozen=True)
class Answers:
    """How many questions were asked of a film, and the wrong answers, a line each."""

    asked: int
    wrong: tuple[str, ...]


def times_to_ask(whole: WholeDecode, count: int, seed: int = 3) -> list[float]:
    """Times anywhere in the film, some just after a frame's start and some just before its end."""
    random = np.random.default_rng(seed)
    times: list[float] = []
    while len(times) < count:
        k = random.integers(0, len(whole.starts_s) - 1)
        begin_s, end_s = whole.starts_s[k], whole.starts_s[k + 1]
        t_s = begin_s + float(random.choice([0.02, 0.5, 0.98])) * (end_s - begin_s)
        if whole.is_sure(t_s):
            times.append(t_s)
    return times


def ask_picture(path: Path, count: int = 40) -> Answers:
    """Ask for the frames at `count` times in four orders."""
    whole = decode_whole(path)
    times = times_to_ask(whole, count)
    wrong = []

    def ask(film: Film, t_s: float, order: str) -> None:
        right, picture = whole.at(t_s)
        got: object
        try:
            rgb = np.rot90(film.frame_at(t_s).rgb, -whole.quarter_turns)
            got = number_in(rgb)
        except Dropped as dropped:
            got = str(dropped)
        else:
            if rgb.shape == picture.shape and np.abs(rgb.astype(int) - picture).mean() > MAX_DIFFERENCE:
                got = f"{got}, but torn,"
        if got != right:
            wrong.append(f"{order}, {t_s:.4f} s: {got} in place of {right}")

    for t_s in times:
        with open_film(path) as film:
            ask(film, t_s, "alone")
    for order, asked in zip(ORDERS[1:], (sorted(times), sorted(times)[::-1], times), strict=True):
        with open_film(path) as film:
            for t_s in asked:
                ask(film, t_s, order)
    return Answers(len(ORDERS) * count, tuple(wrong))


def ask_sound(path: Path, count: int = 12, seed: int = 5) -> Answers:
    """Ask for the sound of `count` spans in one film, in no order, and each alone."""
    start_s, whole, codec = whole_sound(path)
    random = np.random.default_rng(seed)
    first_s, last_s = max(0.0, start_s), len(whole) / 16000 - 0.1
    starts_s = random.uniform(first_s, last_s - 0.5, count)
    spans = [(float(a), float(a + random.uniform(0.2, 0.5))) for a in starts_s]
    wrong = []

    def ask(film: Film, span_s: tuple[float, float], order: str) -> None:
        right = whole[round(span_s[0] * 16000) : round(span_s[1] * 16000)]
        try:
            sound = film.audio_span(*span_s)
        except Dropped as dropped:
            wrong.append(f"{order}, {span_s[0]:.3f} s: {dropped}")
            return
        error = float(np.abs(sound.samples - right).max())
        if error > TOLERANCE.get(codec, 2e-6) or sound.missing_samples:
            missing = f"{sound.missing_samples} samples missing"
            wrong.append(f"{order}, {span_s[0]:.3f}-{span_s[1]:.3f} s: off by {error:.2g}, {missing}")

    with open_film(path) as film:
        for span_s in spans:
            ask(film, span_s, "shuffled")
    for span_s in spans:
        with open_film(path) as film:
            ask(film, span_s, "alone")
    return Answers(2 * count, tuple(wrong))


#: What is asked, by name.
QUESTIONS: dict[str, Callable[..., Answers]] = {"picture": ask_picture, "sound": ask_sound}
