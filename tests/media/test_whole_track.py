"""The sound of any span is that of the whole track: codecs, containers, laces, chunks, jitter, gaps, changes."""

import struct
from collections.abc import Callable
from pathlib import Path

import av
import numpy as np
import pytest

from emodal_data.core.config import ClipsConfig
from emodal_data.media import open_film
from tests.media.tracks import (
    Floats,
    coded,
    extradata_of,
    ffmpeg,
    in_blocks,
    make_track,
    noise,
    packets_of,
    picture,
    whole_pcm,
    whole_track,
    write_avi,
    write_matroska,
    write_wav,
)

#: What the decoders of these codecs change after a seek: dither and noise.
TOLERANCE = {
    **{"ac3": 1e-3, "eac3": 1e-3, "mp2": 1e-4, "nellymoser": 3e-2},
    **{"aac": 1e-4, "libopus": 1e-5},
}
TRACKS = [
    *(
        (".mp4", "aac", 44100),
        (".mov", "pcm_s32le", 48000),
        (".mov", "alac", 48000),
        (".mov", "adpcm_ima_qt", 44100),
    ),
    *((".mp4", "flac", 44100), (".mp4", "libopus", 48000), (".3gp", "libopencore_amrnb", 8000)),
    *(
        (".mkv", "aac", 44100),
        (".mkv", "dca", 48000),
        (".mkv", "libvorbis", 96000),
        (".mkv", "pcm_s24le", 44100),
    ),
    *(
        (".mkv", "wavpack", 44100),
        (".mkv", "g726", 8000),
        (".mkv", "adpcm_yamaha", 44100),
        (".mkv", "eac3", 48000),
        (".webm", "libopus", 48000),
    ),
    *((".ts", "aac", 44100), (".ts", "mp2", 48000), (".ts", "ac3", 44100), (".ts", "s302m", 48000)),
    *(
        (".mpg", "mp2", 44100),
        (".mpg", "libmp3lame", 44100),
        (".vob", "ac3", 44100),
        (".vob", "pcm_dvd", 48000),
    ),
    *((".vob", "pcm_dvd", 96000), (".avi", "libmp3lame", 44100), (".avi", "adpcm_ms", 44100)),
    *(
        (".flv", "aac", 44100),
        (".flv", "nellymoser", 22050),
        (".wmv", "wmav2", 44100),
        (".mxf", "pcm_s16le", 48000),
    ),
    *((".ogv", "libvorbis", 44100), (".ogv", "libopus", 48000), (".ogv", "flac", 44100)),
]
MONO = ("libopencore_amrnb", "g726", "nellymoser")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("tracks")


def check(path: Path, whole: Floats, tolerance: float = 1e-6) -> None:
    """Random spans, in one film in no order and each alone, are those of the whole track, and nothing is missing."""
    random = np.random.default_rng(3)
    spans = [(float(a), float(a + random.uniform(0.2, 1.0))) for a in random.uniform(0.1, 4.8, 8)]

    def ask(start_s: float, end_s: float) -> None:
        span = film.audio_span(start_s, end_s)
        right = whole[round(start_s * 16000) : round(end_s * 16000)]
        np.testing.assert_allclose(span.samples[: len(right)], right, rtol=0, atol=tolerance)
        assert span.missing_samples == 0

    with open_film(path) as film:
        for span_s in spans:
            ask(*span_s)
    for span_s in spans[:3]:
        with open_film(path) as film:
            ask(*span_s)


@pytest.mark.parametrize(("suffix", "codec", "rate_hz"), TRACKS, ids=lambda value: str(value).lstrip("."))
def test_a_span_is_that_of_the_whole_track(suffix: str, codec: str, rate_hz: int, folder: Path) -> None:
    options = ["-aac_pns", "0"] if codec == "aac" else []
    options += ["-sample_fmt", "s32"] if (codec, rate_hz) == ("pcm_dvd", 96000) else []
    path = make_track(folder, suffix, codec, rate_hz, 1 if codec in MONO else 2, *options)
    check(path, whole_track(path), TOLERANCE.get(codec, 1e-6))


@pytest.mark.parametrize(
    ("codec", "rate_hz", "name"),
    [
        ("dca", 48000, "A_DTS"),
        ("flac", 44100, "A_FLAC"),
        ("libvorbis", 48000, "A_VORBIS"),
        ("libvorbis", 96000, "A_VORBIS"),
        ("ac3", 48000, "A_AC3"),
        ("libmp3lame", 44100, "A_MPEG/L3"),
        ("libopus", 48000, "A_OPUS"),
    ],
)
def test_frames_of_a_lace_follow_each_other(codec: str, rate_hz: int, name: str, folder: Path) -> None:
    plain = make_track(folder, ".mkv", codec, rate_hz)
    blocks = in_blocks(packets_of(plain, "audio"), 8)
    path = folder / f"laced-{codec}-{rate_hz}.mkv"
    write_matroska(path, plain, name, extradata_of(plain, "audio"), rate_hz, 2, blocks)
    check(path, whole_track(path), TOLERANCE.get(codec, 1e-6))


@pytest.mark.parametrize(
    ("rate_hz", "lengths"), [(48000, (1602, 1601, 1602, 1601, 1602)), (44100, (1471, 1472))]
)
def test_pcm_of_pictures_of_uneven_length_is_without_a_break(
    rate_hz: int, lengths: tuple[int, ...], folder: Path
) -> None:
    samples, blocks, chunks, at = noise(rate_hz, 2), [], [], 0
    while at < len(samples):
        length = lengths[len(chunks) % len(lengths)]
        chunks.append(samples[at : at + length].tobytes())
        blocks.append((round(at * 1000 / rate_hz), chunks[-1:]))
        at += length
    film = make_track(folder, ".mkv", "pcm_s16le", 44100)
    path = folder / f"uneven-{rate_hz}.mkv"
    check(write_matroska(path, film, "A_PCM/INT/LIT", b"", rate_hz, 2, blocks), whole_pcm(samples, rate_hz))
    form = struct.pack("<HHIIHH", 1, 2, rate_hz, rate_hz * 4, 4, 16)
    film = make_track(folder, ".avi", "adpcm_ms", 44100)
    check(
        write_avi(path.with_suffix(".avi"), film, form, rate_hz * 4, 4, chunks), whole_pcm(samples, rate_hz)
    )


@pytest.mark.parametrize("chunk", [333, 640, 8000])
def test_mp3_in_chunks_that_begin_within_a_frame_is_without_a_break(chunk: int, folder: Path) -> None:
    sound = write_wav(folder / "chunks.wav", noise(44100, 2), 44100)
    bare = ["-c:a", "libmp3lame", "-b:a", "128k", "-write_xing", 0, "-id3v2_version", 0]
    ffmpeg("-i", sound, *bare, folder / "bare.mp3")
    data = (folder / "bare.mp3").read_bytes()
    form = struct.pack("<HHIIHHHHIHHH", 0x55, 2, 44100, 16000, 1, 0, 12, 1, 2, 418, 1, 1393)
    chunks = [data[at : at + chunk] for at in range(0, len(data), chunk)]
    film = make_track(folder, ".avi", "adpcm_ms", 44100)
    path = write_avi(folder / f"chunks-{chunk}.avi", film, form, 16000, 1, chunks)
    check(path, whole_track(path))


def restamped(source: Path, to: Path, change: Callable[[int, av.Packet], bool]) -> Path:
    """The packets of a film; change() may move those of the sound (by number), or refuse them with False."""
    with av.open(str(source)) as given, av.open(str(to), "w") as out:
        streams = {stream.index: out.add_stream_from_template(stream) for stream in given.streams}
        number = 0
        for packet in given.demux():
            if packet.dts is None:
                continue
            if packet.stream.type == "audio":
                number += 1
                if not change(number, packet):
                    continue
            packet.stream = streams[packet.stream.index]
            out.mux(packet)
    return to


@pytest.mark.parametrize(
    ("suffix", "codec", "to", "jitter_s"),
    [
        (".mkv", "aac", ".mkv", 0.008),
        (".mp4", "aac", ".mp4", 0.005),
        (".webm", "libopus", ".webm", 0.005),
        (".mkv", "pcm_s16le", ".mkv", 0.004),
    ],
)
def test_time_stamps_of_a_clock_that_jitters_tear_nothing(
    suffix: str, codec: str, to: str, jitter_s: float, folder: Path
) -> None:
    options = ["-aac_pns", "0"] if codec == "aac" else []
    source = make_track(folder, suffix, codec, 48000 if codec == "libopus" else 44100, 2, *options)
    random = np.random.default_rng(5)

    def move(number: int, packet: av.Packet) -> bool:
        ticks = round(random.uniform(-jitter_s, jitter_s) / packet.time_base) if number > 3 else 0
        packet.pts, packet.dts = packet.pts + ticks, packet.dts + ticks
        return True

    path = restamped(source, folder / f"jitter-{codec}{to}", move)
    check(path, whole_track(source), TOLERANCE.get(codec, 1e-6))


@pytest.mark.parametrize(
    ("suffix", "codec", "lost", "samples"),
    [
        (".mkv", "flac", 1, 4096),
        (".mkv", "aac", 1, 1024),
        (".mp4", "aac", 12, 1024),
        (".flv", "aac", 3, 1024),
        (".mkv", "libmp3lame", 2, 1152),
    ],
)
def test_packets_that_are_lost_are_a_gap_of_their_length_whatever_was_asked_before(
    suffix: str, codec: str, lost: int, samples: int, folder: Path
) -> None:
    options = ["-aac_pns", "0"] if codec == "aac" else []
    source = make_track(folder, suffix, codec, 44100, 2, *options)
    first = 30 if codec == "flac" else 120
    path = folder / f"lost-{codec}{suffix}"
    restamped(source, path, lambda number, _: not first <= number < first + lost)
    with open_film(path) as torn, open_film(source) as film:
        span, right = torn.audio_span(2.0, 5.0), film.audio(2.0, 5.0)
    expected = lost * samples * 16000 / 44100
    assert abs(span.missing_samples - expected) <= 1
    differing = np.flatnonzero(np.abs(span.samples - right) > 2e-3)
    assert expected * 0.9 < np.ptp(differing) < expected + 1600  # the reservoir of MP3 and the overlap of AAC
    with open_film(path) as torn:
        np.testing.assert_allclose(torn.audio(4.0, 5.0), right[32000:], atol=1e-4)


def joined(folder: Path, name: str, codec: str, parts: list[tuple[int, int]]) -> Path:
    """MPEG-TS of parts of 3 s, each with its own rate and number of channels, whose clocks go on."""
    files = []
    for number, (rate_hz, channels) in enumerate(parts):
        sound = write_wav(folder / f"{name}-{number}.wav", noise(rate_hz, channels, 3.0), rate_hz)
        files.append(folder / f"{name}-{number}.ts")
        start = ["-output_ts_offset", 3 * number, "-muxdelay", 0, "-muxpreload", 0]
        ffmpeg(
            *picture(".ts", 3), "-i", sound, *coded(".ts"), "-c:a", codec, "-b:a", "192k", *start, files[-1]
        )
    path = folder / f"{name}.ts"
    path.write_bytes(b"".join(file.read_bytes() for file in files))
    return path


@pytest.mark.parametrize(
    ("codec", "parts"),
    [
        ("ac3", [(48000, 2), (48000, 6)]),
        ("ac3", [(48000, 6), (48000, 1)]),
        ("aac", [(44100, 1), (44100, 2)]),
        ("mp2", [(48000, 2), (32000, 1)]),
        ("aac", [(48000, 2), (44100, 2), (48000, 2)]),
        ("libmp3lame", [(44100, 2), (22050, 1)]),
    ],
)
def test_sound_that_changes_its_layout_or_rate_goes_on(
    codec: str, parts: list[tuple[int, int]], folder: Path
) -> None:
    path = joined(folder, f"{codec}-{'-'.join(f'{r}.{c}' for r, c in parts)}", codec, parts)
    spans_s = ((2.5, 3.5), (3.2, 4.2), (2.7, 3.3), (0.5, 1.5))
    with open_film(path) as film:
        together = [film.audio_span(*span_s) for span_s in spans_s]
    for span, span_s in zip(together, spans_s, strict=True):
        assert span.missing_samples == 0
        with open_film(path) as film:
            alone = film.audio_span(*span_s)
        np.testing.assert_allclose(alone.samples, span.samples, atol=2e-2)
    across, after, *_ = (span.samples / span.full_scale for span in together)
    assert min(part.std() for part in np.split(across[:15360], 30)) > 0.02
    np.testing.assert_allclose(across[11200:12000], after[:800], atol=2e-2)
    if codec == "mp2":  # no noise is added by the decoder, and both ends are far from the change
        np.testing.assert_allclose(across[12000:15000], after[800:3800], atol=1e-4)


@pytest.mark.parametrize(("name", "rms"), [("dts.mkv", 0.09), ("vorbis.mkv", 0.09)])
def test_the_given_laced_films_are_those_of_the_whole_track(name: str, rms: float, cases: Path) -> None:
    path = cases / "10-matroska-lacing" / name
    whole = whole_track(path)
    for start_s, end_s in ((0.9, 2.1), (1.3, 2.4)):
        with open_film(path) as film:
            span = film.audio_span(start_s, end_s)
        assert span.missing_samples == 0
        assert span.samples.std() > rms
        np.testing.assert_allclose(
            span.samples, whole[round(start_s * 16000) : round(end_s * 16000)], atol=1e-6
        )


def test_the_given_film_that_goes_from_stereo_to_surround_has_all_its_sound(cases: Path) -> None:
    with open_film(cases / "05-sound-layout-or-rate-changes" / "stereo-to-51.ts") as film:
        for start_s, end_s in ((3.97, 4.97), (3.5, 4.5)):
            span = film.audio_span(start_s, end_s)
            loudness = span.samples / span.full_scale
            assert span.missing_samples == 0
            assert loudness[:8000].std() > 0.04
            assert loudness[8000:].std() > 0.04


@pytest.fixture
def cases() -> Path:
    folder = Path(__file__).resolve().parents[3] / "shared" / "cases"
    if not folder.is_dir():
        pytest.skip("../shared/cases is not there")
    return folder


def test_a_film_whose_channels_cancel_each_other_has_sound_and_says_so(folder: Path) -> None:
    samples = noise(48000, 1)
    sound = write_wav(folder / "phase.wav", np.concatenate([samples, -samples], axis=1), 48000)
    path = folder / "phase.mkv"
    ffmpeg(*picture(".mkv"), "-i", sound, *coded(".mkv"), "-c:a", "flac", path)
    with open_film(path) as film:
        span = film.audio_span(1.0, 2.0)
    assert span.is_one_channel
    assert span.full_scale == 1.0
    assert span.samples.std() == pytest.approx(samples[48000:96000].std() / 32768, rel=0.01)


@pytest.mark.parametrize("codec", ["adpcm_ms", "adpcm_ima_wav"])
def test_coded_sound_in_a_wav_file_is_that_of_the_whole_file(codec: str, tmp_path: Path) -> None:
    """FFmpeg seeks there by bytes, and gives time stamps that lie a few samples off."""
    path = tmp_path / "coded.wav"
    ffmpeg("-i", write_wav(tmp_path / "plain.wav", noise(44100, 1), 44100), "-c:a", codec, path)
    with open_film(path, config=ClipsConfig(modalities="audio")) as film:
        got = film.audio_span(4.1, 4.6)
    np.testing.assert_allclose(got.samples, whole_track(path)[65600:73600], atol=2e-6)
    assert got.missing_samples == 0
