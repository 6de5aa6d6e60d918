"""Untrustworthy files: broken, wrong about themselves, or no films at all; and the expected outcome of each.

Every entry of CORPUS makes one file and says how it ends: the reason at opening, or for the frame and the sound.
"""

import os
import random
import socket
import struct
from collections.abc import Callable
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import av
import numpy as np

from emodal_data.core.reasons import Reason
from tests.media.films import Recipe, make_film

#: What may come of a question; "ok" is an answer.
Outcome = str
OK = "ok"
UNREADABLE, MISSING, OUTSIDE = Reason.FILM_UNREADABLE, Reason.FILM_MISSING, Reason.FILM_OUTSIDE_FOLDER
TOO_LARGE, NO_VIDEO, NO_AUDIO = Reason.FILM_TOO_LARGE, Reason.NO_VIDEO, Reason.NO_AUDIO
NO_FRAME, NO_SOUND, BEYOND = Reason.FRAME_UNREADABLE, Reason.AUDIO_UNREADABLE, Reason.SPAN_OUTSIDE_FILM
#: Damage may hit anything: any reason will do, a crash or a hang will not.
ANY = frozenset({OK, *Reason})


@dataclass(frozen=True)
class Hostile:
    """make(folder) writes the file and returns its path; frame, sound: the outcomes allowed."""

    make: Callable[[Path], Path]
    frame: frozenset[Outcome]
    sound: frozenset[Outcome]


def refused(make: Callable[[Path], Path], *reasons: Outcome) -> Hostile:
    """A file that is refused when it is opened."""
    return Hostile(make, frozenset(reasons), frozenset(reasons))


def answers(make: Callable[[Path], Path], frame: Outcome = OK, sound: Outcome = OK) -> Hostile:
    return Hostile(make, frozenset({frame}), frozenset({sound}))


def damaged(make: Callable[[Path], Path]) -> Hostile:
    return Hostile(make, ANY, ANY)


# --- good films to start from, made once a folder


def good(folder: Path, suffix: str = ".mp4", *, front: bool = False) -> bytes:
    """The bytes of a 4 s film; front: with its index before its data."""
    options = {"movflags": "faststart"} if front else {}
    name = f"good-{front}"
    path = folder / f"{name}{suffix}"
    if not path.exists():
        video, audio = {".avi": ("mpeg4", "mp3"), ".mpg": ("mpeg2video", "mp2")}.get(
            suffix, ("libx264", "aac")
        )
        make_film(folder, Recipe(suffix, video, audio=audio, container_options=options), name)
    return path.read_bytes()


def put(name: str, content: bytes | Callable[[Path], bytes]) -> Callable[[Path], Path]:
    def make(folder: Path) -> Path:
        path = folder / name
        path.write_bytes(content(folder) if callable(content) else content)
        return path

    return make


def cut(suffix: str, share: float, *, front: bool = False) -> Callable[[Path], Path]:
    def content(folder: Path) -> bytes:
        data = good(folder, suffix, front=front)
        return data[: round(share * len(data))]

    return put(f"cut-{share}-{front}{suffix}", content)


def cut_at(mark: bytes, offset: int, *, front: bool = False) -> Callable[[Path], Path]:
    """Cut offset bytes behind a mark."""

    def content(folder: Path) -> bytes:
        data = good(folder, front=front)
        return data[: data.index(mark) + offset]

    return put(f"cut-{mark.decode()}-{offset}-{front}.mp4", content)


def flipped(suffix: str, start: float, stop: float, count: int) -> Callable[[Path], Path]:
    """Flip bits between two places (shares of the file)."""
    return put(
        f"flipped-{start}-{count}{suffix}",
        lambda folder: flip_bits(good(folder, suffix, front=suffix == ".mp4"), start, stop, count, seed=1),
    )


def flip_bits(data: bytes, start: float, stop: float, count: int, seed: int) -> bytes:
    generator = random.Random(seed)
    changed = bytearray(data)
    for _ in range(count):
        at = generator.randrange(int(start * len(data)), max(1, int(stop * len(data))))
        changed[min(at, len(data) - 1)] ^= 1 << generator.randrange(8)
    return bytes(changed)


def patched(name: str, suffix: str, *changes: tuple[bytes, int, bytes]) -> Callable[[Path], Path]:
    """Overwrite bytes: (mark, offset from the mark, what to write), every time the mark occurs."""

    def content(folder: Path) -> bytes:
        data = bytearray(good(folder, suffix, front=True))
        for mark, offset, new in changes:
            at = data.find(mark)
            assert at >= 0, f"{mark!r} is not in the film"
            while at >= 0:
                data[at + offset : at + offset + len(new)] = new
                at = data.find(mark, at + len(mark))
        return bytes(data)

    return put(name + suffix, content)


def recipe(name: str, made: Recipe) -> Callable[[Path], Path]:
    return lambda folder: make_film(folder, made, name)


def renamed(name: str | bytes) -> Callable[[Path], Path]:
    """A good film under a bad name."""

    def make(folder: Path) -> Path:
        path = folder / os.fsdecode(name)
        path.write_bytes(good(folder))
        return path

    return make


def playlist(name: str, text: str) -> Callable[[Path], Path]:
    """A text that leads to the good film, by a path that would be followed."""

    def content(folder: Path) -> bytes:
        good(folder, ".ts")
        return text.format(film=folder / "good-False.ts", relative="good-False.ts").encode()

    return put(name, content)


HLS = "#EXTM3U\n#EXT-X-TARGETDURATION:4\n#EXTINF:4.0,\n{film}\n#EXT-X-ENDLIST\n"
CONCAT = "ffconcat version 1.0\nfile '{relative}'\n"
DASH = """<?xml version="1.0"?><MPD xmlns="urn:mpeg:dash:schema:mpd:2011" type="static"
mediaPresentationDuration="PT4S" profiles="urn:mpeg:dash:profile:isoff-main:2011"><Period><AdaptationSet
mimeType="video/mp2t"><Representation id="1" bandwidth="1"><BaseURL>{film}</BaseURL></Representation>
</AdaptationSet></Period></MPD>"""
SDP = "v=0\no=- 0 0 IN IP4 127.0.0.1\ns=x\nc=IN IP4 127.0.0.1\nt=0 0\nm=video 5004 RTP/AVP 96\n"


def external_reference(folder: Path) -> Path:
    """An mp4 whose sample data is said to lie in another file (a dref atom that is not self-contained)."""
    data = good(folder)
    target = b"file://" + bytes(folder / "good-False.ts")
    url = struct.pack(">I4sI", 12 + len(target) + 1, b"url ", 0) + target + b"\0"
    out, at = bytearray(data), 0
    while (at := out.find(b"url \0\0\0\1", at)) >= 0:
        grown = len(url) - 12
        for parent in (b"moov", b"trak", b"mdia", b"minf", b"dinf", b"dref"):
            head = out.rfind(parent, 0, at) - 4
            out[head : head + 4] = struct.pack(">I", struct.unpack(">I", out[head : head + 4])[0] + grown)
        out[at - 4 : at + 8] = url
        at += len(url)
    path = folder / "external-reference.mp4"
    path.write_bytes(out)
    return path


def mjpeg_bomb(folder: Path) -> Path:
    """Frames that say 16000 x 16000 under a container that says 192 x 96."""
    bomb = folder / "mjpeg-bomb.avi"
    small = make_film(
        folder, Recipe(".avi", "mjpeg", pix_fmt="yuvj420p", b_frames=0, audio=None), "small-mjpeg"
    )
    data = bytearray(small.read_bytes())
    at = data.find(b"\xff\xc0\x00\x11\x08")
    while at >= 0:
        data[at + 5 : at + 9] = struct.pack(">HH", 16000, 16000)
        at = data.find(b"\xff\xc0\x00\x11\x08", at + 1)
    bomb.write_bytes(data)
    return bomb


def png_bomb(folder: Path) -> Path:
    """A true picture of 8192 x 8192 in a hundred kilobytes."""
    path = folder / "png-bomb.mov"
    with av.open(str(path), "w") as out:
        stream = out.add_stream("png", rate=1)
        stream.width, stream.height, stream.pix_fmt = 8192, 8192, "gray"
        frame = av.VideoFrame.from_ndarray(np.zeros((8192, 8192), np.uint8), format="gray")
        frame.pts, frame.time_base = 0, Fraction(1)
        out.mux(stream.encode(frame))
        out.mux(stream.encode(None))
    return path


def many_streams(folder: Path) -> Path:
    path = folder / "many-streams.mkv"
    with av.open(str(path), "w") as out:
        streams = [out.add_stream("pcm_s16le", rate=8000, layout="mono") for _ in range(100)]
        for stream in streams:
            frame = av.AudioFrame.from_ndarray(np.zeros((1, 800), np.int16), format="s16", layout="mono")
            frame.sample_rate, frame.pts = 8000, 0
            out.mux(stream.encode(frame))
    return path


def cover_only(folder: Path) -> Path:
    """A song with its cover: a video stream that is no film."""
    path = folder / "cover.mp3"
    with av.open(str(path), "w") as out:
        sound = out.add_stream("mp3", rate=44100)
        cover = out.add_stream("png", rate=1)
        cover.width, cover.height, cover.pix_fmt = 64, 64, "rgb24"
        cover.disposition = av.stream.Disposition.attached_pic
        picture = av.VideoFrame.from_ndarray(np.zeros((64, 64, 3), np.uint8), format="rgb24")
        picture.pts, picture.time_base = 0, Fraction(1)
        wave = av.AudioFrame.from_ndarray(
            np.zeros((2, 44100 * 3), np.float32), format="fltp", layout="stereo"
        )
        wave.sample_rate, wave.pts = 44100, 0
        packets = cover.encode(picture) + cover.encode(None)
        for packet in packets + sound.encode(wave) + sound.encode(None):
            out.mux(packet)
    return path


def odd_stamps(name: str, stamps: Callable[[int], int], suffix: str = ".mkv") -> Callable[[Path], Path]:
    """A film whose time stamps are what stamps(k) says, in milliseconds."""

    def make(folder: Path) -> Path:
        source = folder / "good-False.mkv"
        good(folder, ".mkv")
        path = folder / f"{name}{suffix}"
        with (
            av.open(str(source)) as given,
            av.open(str(path), "w", format="nut" if suffix == ".nut" else None) as out,
        ):
            stream = out.add_stream_from_template(given.streams.video[0])
            for number, packet in enumerate(given.demux(given.streams.video[0])):
                if packet.dts is None:
                    continue
                packet.pts = packet.dts = stamps(number)
                packet.stream = stream
                try:
                    out.mux(packet)
                except av.FFmpegError:
                    break
        return path

    return make


def as_fifo(folder: Path) -> Path:
    os.mkfifo(folder / "fifo.mp4")
    return folder / "fifo.mp4"


def as_socket(folder: Path) -> Path:
    here = os.open(".", os.O_RDONLY)
    try:
        os.chdir(folder)  # the path of a socket is short
        socket.socket(socket.AF_UNIX).bind("socket.mp4")
    finally:
        os.fchdir(here)
        os.close(here)
    return folder / "socket.mp4"


def as_folder(folder: Path) -> Path:
    (folder / "folder.mp4").mkdir()
    return folder / "folder.mp4"


def link(name: str, target: str) -> Callable[[Path], Path]:
    def make(folder: Path) -> Path:
        good(folder)
        (folder / name).symlink_to(target)
        return folder / name

    return make


def outside(folder: Path) -> Path:
    """A real film, next to the films folder."""
    away = folder.parent / "elsewhere.mp4"
    away.write_bytes(good(folder))
    (folder / "to-elsewhere.mp4").symlink_to(away)
    return folder / "to-elsewhere.mp4"


def outside_by_dots(folder: Path) -> Path:
    outside_film = folder.parent / "elsewhere2.mp4"
    outside_film.write_bytes(good(folder))
    return folder / ".." / "elsewhere2.mp4"


HUGE = struct.pack(">I", 0xFFFFFFF0)

CORPUS: dict[str, Hostile] = {
    # cut short
    "empty": refused(put("empty.mp4", b""), UNREADABLE),
    "seven bytes": refused(cut_at(b"ftyp", 3), UNREADABLE),
    "cut after ftyp": refused(cut_at(b"mdat", -4), UNREADABLE),
    "cut in the mdat header": refused(cut_at(b"mdat", 2), UNREADABLE),
    "cut before the index (missing moov)": refused(cut_at(b"moov", -4), UNREADABLE),
    "cut in the index": refused(cut_at(b"stbl", 40), UNREADABLE),
    "cut in half, index in front": answers(cut(".mp4", 0.5, front=True)),
    "cut to a tenth, index in front": answers(cut(".mp4", 0.1, front=True), NO_FRAME, NO_SOUND),
    "cut one byte short": refused(cut(".mp4", 0.99999), UNREADABLE, OK),
    "mkv cut in half": answers(cut(".mkv", 0.5)),
    "mkv cut in its header": refused(put("head.mkv", lambda f: good(f, ".mkv")[:100]), UNREADABLE, NO_VIDEO),
    "ts cut in half": answers(cut(".ts", 0.5)),
    "ts cut to its first packets": damaged(put("head.ts", lambda f: good(f, ".ts")[: 188 * 3 + 50])),
    "avi cut in half (no index)": answers(cut(".avi", 0.5)),
    "mpg cut in half": answers(cut(".mpg", 0.5)),
    # bits flipped
    "bits flipped in the data": damaged(flipped(".mp4", 0.3, 1.0, 400)),
    "bits flipped in the index": damaged(flipped(".mp4", 0.0, 0.1, 60)),
    "bits flipped in an mkv": damaged(flipped(".mkv", 0.0, 1.0, 300)),
    "bits flipped in a ts": damaged(flipped(".ts", 0.0, 1.0, 300)),
    "bits flipped in an avi": damaged(flipped(".avi", 0.0, 1.0, 300)),
    "bits flipped in an mpg": damaged(flipped(".mpg", 0.0, 1.0, 300)),
    # no films
    "text": refused(put("text.mp4", b"This is not a film.\n" * 500), UNREADABLE),
    "zeros": refused(put("zeros.mp4", bytes(100_000)), UNREADABLE),
    "noise": refused(put("noise.mp4", random.Random(2).randbytes(100_000)), UNREADABLE, NO_VIDEO),
    "a web page": refused(
        put("page.mp4", b"<html><video src='http://localhost/x.mp4'></html>" * 50), UNREADABLE
    ),
    "a zip": refused(put("zip.mp4", b"PK\x03\x04" + bytes(2000)), UNREADABLE),
    "a png": refused(put("png.mp4", b"\x89PNG\r\n\x1a\n" + bytes(2000)), UNREADABLE),
    "subtitles": refused(put("srt.mp4", b"1\n00:00:00,000 --> 00:00:04,000\nHello\n\n" * 50), UNREADABLE),
    # files that lead to other files
    "hls renamed": refused(playlist("hls.mp4", HLS), UNREADABLE),
    "hls by name": refused(playlist("hls.m3u8", HLS), UNREADABLE),
    "ffconcat renamed": refused(playlist("concat.mp4", CONCAT), UNREADABLE),
    "ffconcat by name": refused(playlist("concat.ffconcat", CONCAT), UNREADABLE),
    "dash renamed": refused(playlist("dash.mp4", DASH), UNREADABLE),
    "sdp renamed": refused(playlist("sdp.mp4", SDP), UNREADABLE),
    "data in another file": damaged(external_reference),
    # bombs and lies
    "16k x 16k in the index": damaged(
        patched("huge-index", ".mp4", (b"avc1", 28, struct.pack(">HH", 16384, 16384)))
    ),
    "16k x 16k frames under a small header": Hostile(
        mjpeg_bomb, frozenset({NO_FRAME}), frozenset({NO_AUDIO})
    ),
    "8k x 8k picture": Hostile(png_bomb, frozenset({TOO_LARGE, NO_FRAME}), frozenset({TOO_LARGE, NO_AUDIO})),
    "0 x 0 in the index": damaged(patched("zero-index", ".mp4", (b"avc1", 28, struct.pack(">HH", 0, 0)))),
    "durations of 49 days in the heads": answers(
        patched("long-heads", ".mp4", (b"mvhd", 20, HUGE), (b"mdhd", 20, HUGE), (b"tkhd", 24, HUGE))
    ),
    "frames of 49 days": damaged(patched("long-frames", ".mp4", (b"stts", 16, HUGE))),
    "4 billion frames": damaged(patched("many-frames", ".mp4", (b"stsz", 12, HUGE))),
    "4 billion runs of frames": damaged(patched("many-runs", ".mp4", (b"stts", 8, HUGE))),
    "an unknown codec": refused(patched("codec", ".mp4", (b"avc1", 0, b"zzzz")), NO_VIDEO),
    "a sample rate of 0": damaged(patched("rate", ".mp4", (b"mp4a", 28, bytes(4)))),
    "100 streams": refused(many_streams, TOO_LARGE),
    # streams and stamps
    "no sound": answers(recipe("no-sound", Recipe(audio=None)), OK, NO_AUDIO),
    "no picture, mp4": refused(recipe("no-picture", Recipe(video=None)), NO_VIDEO),
    "no picture, wav": refused(recipe("wave", Recipe(".wav", None, audio="pcm_s16le")), NO_VIDEO),
    "no picture, flac": refused(recipe("flac", Recipe(".flac", None, audio="flac")), NO_VIDEO),
    "a song with a cover": refused(cover_only, NO_VIDEO),
    "one frame": answers(recipe("one-frame", Recipe(frames=1, audio=None)), BEYOND, NO_AUDIO),
    "all stamps zero": Hostile(
        odd_stamps("zero", lambda k: 0), frozenset({Reason.FRAME_UNCERTAIN}), frozenset({NO_AUDIO})
    ),
    "stamps from a billion": refused(odd_stamps("billion", lambda k: 10**9 + 40 * k), TOO_LARGE),
    "negative stamps": Hostile(odd_stamps("negative", lambda k: 40 * k - 3000), ANY, frozenset({NO_AUDIO})),
    "backward stamps": Hostile(odd_stamps("backward", lambda k: 4000 - 40 * k), ANY, frozenset({NO_AUDIO})),
    "a jump of a day": Hostile(
        odd_stamps("jump", lambda k: 40 * k + (86_400_000 if k > 60 else 0)), frozenset({OK, TOO_LARGE}), ANY
    ),
    # names
    "name with a newline": answers(renamed("new\nline.mp4")),
    "name with quotes": answers(renamed('it\'s "quoted" `$HOME` \\.mp4')),
    "name that is not UTF-8": answers(renamed(b"caf\xe9 \xff\xfe.mp4")),
    "name like an option": answers(renamed("-i.mp4")),
    "name like a protocol": answers(renamed("concat:a|b.mp4")),
    "name like a pattern": answers(renamed("frame%03d*.mp4")),
    "name of 255 bytes": answers(renamed("x" * 251 + ".mp4")),
    # not files, and not here
    "a folder": refused(as_folder, UNREADABLE),
    "a pipe": refused(as_fifo, UNREADABLE),
    "a socket": refused(as_socket, UNREADABLE),
    "a device": refused(link("device.mp4", "/dev/zero"), OUTSIDE),
    "nothing": refused(lambda folder: folder / "nothing.mp4", MISSING),
    "a null byte": refused(lambda folder: folder / "a\0b.mp4", UNREADABLE),
    "a name that is too long": refused(lambda folder: folder / ("x" * 300), UNREADABLE),
    "a dangling link": refused(link("dangling.mp4", "gone.mp4"), MISSING),
    "a link to itself": refused(link("loop.mp4", "loop.mp4"), UNREADABLE),
    "a link to a film here": answers(link("here.mp4", "good-False.mp4")),
    "a link out of the folder": refused(outside, OUTSIDE),
    "a path out of the folder": refused(outside_by_dots, OUTSIDE),
    "a path from the root": refused(lambda folder: Path("/etc/hostname"), OUTSIDE),
}


def mutated(films: list[bytes], number: int) -> bytes:
    """One of many broken films: bits flipped, pieces cut out, doubled, zeroed or exchanged."""
    generator = random.Random(number)
    data = bytearray(films[number % len(films)])
    for _ in range(generator.choice([1, 2, 4, 8])):
        at = generator.randrange(len(data))
        if generator.random() < 0.5:  # heads and indexes lie at the ends
            at = generator.choice([at % 2000, len(data) - 1 - at % 6000]) % len(data)
        size = generator.choice([1, 4, 64, 1024])
        match generator.randrange(6):
            case 0:
                data[at] ^= 1 << generator.randrange(8)
            case 1:
                data[at : at + 4] = generator.randbytes(4)
            case 2:
                del data[at : at + size]
            case 3:
                data[at:at] = data[at : at + size]
            case 4:
                data[at : at + size] = bytes(len(data[at : at + size]))
            case 5:
                data[at : at + 4] = generator.choice([b"\xff\xff\xff\xff", b"\x7f\xff\xff\xff", b"\0\0\0\1"])
        if len(data) < 16:
            break
    return bytes(data)
