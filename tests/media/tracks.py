"""Sound tracks for tests: films whose sound is known noise, in any codec and container, and their whole decode.

Two small writers make what FFmpeg does not write: laced blocks in Matroska, and AVI with sound in chunks of any size.
"""

import struct
import subprocess
import wave
from collections.abc import Sequence
from fractions import Fraction
from pathlib import Path

import av
import imageio_ffmpeg
import numpy as np
from numpy.typing import NDArray

SECONDS = 6
#: The picture codec of a container, where it is not H.264.
_PICTURES = {
    **{".mpg": "mpeg2video", ".vob": "mpeg2video", ".mxf": "mpeg2video", ".avi": "mpeg4", ".webm": "libvpx"},
    **{".ogv": "libtheora", ".wmv": "wmv2", ".flv": "flv"},
}

Floats = NDArray[np.float32]
#: A block of a track: milliseconds, and the frames in it.
Block = tuple[int, Sequence[bytes]]


def ffmpeg(*arguments: object) -> None:
    """Run FFmpeg."""
    program = [imageio_ffmpeg.get_ffmpeg_exe(), "-v", "quiet", "-y"]
    subprocess.run([*program, *map(str, arguments)], check=True, stdin=subprocess.DEVNULL)


def picture(suffix: str, seconds: float = SECONDS) -> list[str]:
    """Arguments for a small picture, and the codec of the container."""
    return ["-f", "lavfi", "-i", f"testsrc2=s=64x48:r=25:d={seconds}"]


def coded(suffix: str) -> list[str]:
    """Arguments for the picture codec of a container."""
    return ["-c:v", _PICTURES.get(suffix, "libx264"), "-bf", "0", "-g", "25", "-threads", "1"]


def noise(rate_hz: int, channels: int, seconds: float = SECONDS) -> NDArray[np.int16]:
    """(n, channels) noise of 150 to 3500 Hz, each channel its own level."""
    count = round(seconds * rate_hz)
    random = np.random.default_rng(rate_hz + channels)
    frequency = np.fft.rfftfreq(count, 1 / rate_hz)
    spectrum = np.zeros(len(frequency), complex)
    band = (frequency > 150) & (frequency < 3500)
    spectrum[band] = np.exp(2j * np.pi * random.random(band.sum()))
    sound = np.fft.irfft(spectrum, count)
    sound *= 0.4 / np.abs(sound).max()
    return (sound[:, None] / (1 + 0.2 * np.arange(channels)) * 32767).astype(np.int16)


def write_wav(path: Path, samples: NDArray[np.int16], rate_hz: int) -> Path:
    """Write samples, (n, channels)."""
    with wave.open(str(path), "wb") as out:
        out.setnchannels(samples.shape[1])
        out.setsampwidth(2)
        out.setframerate(rate_hz)
        out.writeframes(samples.astype("<i2").tobytes())
    return path


def make_track(folder: Path, suffix: str, codec: str, rate_hz: int, channels: int = 2, *options: str) -> Path:
    """A film with noise as its sound."""
    sound = folder / f"{rate_hz}-{channels}.wav"
    if not sound.exists():
        write_wav(sound, noise(rate_hz, channels), rate_hz)
    path = folder / f"{codec}-{rate_hz}-{channels}{suffix}"
    ffmpeg(*picture(suffix), "-i", sound, *coded(suffix), "-c:a", codec, "-strict", "-2", *options, path)
    return path


def whole_track(path: Path) -> Floats:
    """The whole sound track at 16 kHz, decoded from front to back, frame after frame from the first time stamp on."""
    with av.open(str(path)) as container:
        stream = container.streams.audio[0]
        start_s = Fraction(container.start_time or 0, 1_000_000)
        for one in container.streams:
            if one.start_time is not None:
                exact_s = one.start_time * one.time_base
                start_s = exact_s if abs(exact_s - start_s) <= Fraction(1, 10**6) else start_s
        frames = list(container.decode(stream))
        first = frames[0]
        lead = round((first.pts * stream.time_base - start_s) * first.sample_rate)
        if lead > 0:
            frames.insert(0, _silence(first, lead))
        resampler = av.AudioResampler("flt", "mono", 16000)
        pieces = []
        for frame in [*frames, None]:
            if frame is not None:
                frame.pts = None
            pieces += [piece.to_ndarray()[0] for piece in resampler.resample(frame)]
        return np.concatenate(pieces)[max(0, round(-lead * 16000 / first.sample_rate)) :]


def whole_pcm(samples: NDArray[np.int16], rate_hz: int) -> Floats:
    """16 kHz mono of (n, 2) samples."""
    frame = av.AudioFrame.from_ndarray(samples.reshape(1, -1), format="s16", layout="stereo")
    frame.sample_rate = rate_hz
    resampler = av.AudioResampler("flt", "mono", 16000)
    return np.concatenate([piece.to_ndarray()[0] for f in (frame, None) for piece in resampler.resample(f)])


def _silence(like: av.AudioFrame, samples: int) -> av.AudioFrame:
    frame = av.AudioFrame(format=like.format.name, layout=like.layout.name, samples=samples)
    for plane in frame.planes:
        plane.update((b"\x80" if like.format.name in ("u8", "u8p") else b"\0") * plane.buffer_size)
    frame.sample_rate = like.sample_rate
    return frame


def packets_of(path: Path, kind: str) -> list[tuple[int, bytes]]:
    """Time stamp in milliseconds and data of the packets of the first track of a kind."""
    with av.open(str(path)) as container:
        stream = getattr(container.streams, kind)[0]
        packets = [packet for packet in container.demux(stream) if packet.size]
        return [(round(packet.pts * stream.time_base * 1000), bytes(packet)) for packet in packets]


def extradata_of(path: Path, kind: str) -> bytes:
    """What the decoder of the first track of a kind has to know first."""
    with av.open(str(path)) as container:
        return getattr(container.streams, kind)[0].codec_context.extradata or b""


def in_blocks(packets: Sequence[tuple[int, bytes]], frames: int) -> list[Block]:
    """Packets in blocks of so many frames; only the first of a block keeps its time stamp."""
    groups = [packets[at : at + frames] for at in range(0, len(packets), frames)]
    return [(group[0][0], [data for _, data in group]) for group in groups]


def write_matroska(
    path: Path,
    picture_of: Path,
    codec: str,
    extradata: bytes,
    rate_hz: int,
    channels: int,
    blocks: list[Block],
) -> Path:
    """A Matroska film with the picture of another, and sound in blocks; several frames in a block are laced."""
    settings = _element(0x63A2, extradata) if extradata else b""
    size = _element(0xB0, _number(64)) + _element(0xBA, _number(48))
    x264 = _element(0x63A2, extradata_of(picture_of, "video"))
    tracks = _track(1, 1, "V_MPEG4/ISO/AVC", x264 + _element(0xE0, size))
    form = _element(0xB5, struct.pack(">d", rate_hz)) + _element(0x9F, _number(channels))
    form += _element(0x6264, _number(16)) if codec.startswith("A_PCM") else b""
    tracks += _track(2, 2, codec, settings + _element(0xE1, form))
    pictures = [(ms, 1, [data]) for ms, data in packets_of(picture_of, "video")]
    everything = sorted([*pictures, *((ms, 2, frames) for ms, frames in blocks)], key=lambda block: block[0])
    head = _element(0x1A45DFA3, _element(0x4282, b"matroska") + _element(0x4287, _number(4)))
    info = _element(0x1549A966, _element(0x2AD7B1, _number(1_000_000)))
    clusters = b""
    for second in range(everything[-1][0] // 1000 + 1):
        here = [block for block in everything if block[0] // 1000 == second]
        stored = b"".join(_block(ms - 1000 * second, track, frames) for ms, track, frames in here)
        clusters += _element(0x1F43B675, _element(0xE7, _number(1000 * second)) + stored)
    path.write_bytes(head + _element(0x18538067, info + _element(0x1654AE6B, tracks) + clusters))
    return path


def _track(number: int, kind: int, codec: str, more: bytes) -> bytes:
    known = (
        (0xD7, _number(number)),
        (0x73C5, _number(number)),
        (0x83, _number(kind)),
        (0x86, codec.encode()),
    )
    return _element(0xAE, b"".join(_element(*one) for one in known) + more)


def _block(ms: int, track: int, frames: Sequence[bytes]) -> bytes:
    sizes = b""
    if len(frames) > 1:  # Xiph lacing: the sizes of all frames but the last, in bytes of up to 255
        sizes = bytes([len(frames) - 1])
        for frame in frames[:-1]:
            sizes += b"\xff" * (len(frame) // 255) + bytes([len(frame) % 255])
    flags = 0x80 | (0x02 if sizes else 0)
    return _element(0xA3, bytes([0x80 | track]) + struct.pack(">hB", ms, flags) + sizes + b"".join(frames))


def _element(identity: int, data: bytes) -> bytes:
    name = identity.to_bytes((identity.bit_length() + 7) // 8, "big")
    return name + (len(data) | 1 << 56).to_bytes(8, "big") + data


def _number(value: int) -> bytes:
    return value.to_bytes(8, "big")


def write_avi(
    path: Path, picture_of: Path, form: bytes, byte_rate: int, align: int, chunks: list[bytes]
) -> Path:
    """An AVI film with the picture of another. form: WAVEFORMATEX. chunks: the sound, in the order of the film."""
    pictures = [data for _, data in packets_of(picture_of, "video")]
    movie, index, sounds = b"movi", b"", list(chunks)
    done = 0
    for number, data in enumerate(pictures):
        until = byte_rate * (number + 1) // 25 if number + 1 < len(pictures) else 1 << 60
        while sounds and done < until:
            index += b"01wb" + struct.pack("<III", 0x10, len(movie), len(sounds[0]))
            done += len(sounds[0])
            movie += _chunk(b"01wb", sounds.pop(0))
        index += b"00dc" + struct.pack("<III", 0x10 if number % 25 == 0 else 0, len(movie), len(data))
        movie += _chunk(b"00dc", data)
    length = sum(map(len, chunks)) // align
    main = struct.pack("<14I", 40000, 0, 0, 0x110, len(pictures), 0, 2, 1 << 20, 64, 48, 0, 0, 0, 0)
    of_picture = b"vidsXVID" + struct.pack("<12I", 0, 0, 0, 1, 25, 0, len(pictures), 1 << 20, 0, 0, 0, 0)
    of_sound = b"auds" + struct.pack("<13I", 0, 0, 0, 0, align, byte_rate, 0, length, 1 << 18, 0, align, 0, 0)
    bitmap = struct.pack("<IiiHH4sIiiII", 40, 64, 48, 1, 24, b"XVID", 64 * 48 * 3, 0, 0, 0, 0)
    streams = _list(b"strl", _chunk(b"strh", of_picture) + _chunk(b"strf", bitmap))
    streams += _list(b"strl", _chunk(b"strh", of_sound) + _chunk(b"strf", form))
    header = _list(b"hdrl", _chunk(b"avih", main) + streams)
    path.write_bytes(_chunk(b"RIFF", b"AVI " + header + _chunk(b"LIST", movie) + _chunk(b"idx1", index)))
    return path


def _chunk(name: bytes, data: bytes) -> bytes:
    return name + struct.pack("<I", len(data)) + data + b"\0" * (len(data) % 2)


def _list(kind: bytes, data: bytes) -> bytes:
    return _chunk(b"LIST", kind + data)
