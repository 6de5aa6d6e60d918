"""Compares resampling to 16 kHz and downmix of 5.1 by FFmpeg's swr, soxr and scipy: effect on sound and features.

python benchmarks/resampling.py --media ../shared/media [--out docs/benchmarks]   (needs pip install soxr)
--media has grid/*.mpg and ravdess/video/* (44.1 and 48 kHz films) and ravdess/speech/*.flac (16 kHz voices).
"""

import argparse
import math
import statistics
import time
from collections.abc import Callable
from pathlib import Path

import av
import numpy as np
import soxr
from scipy import signal as dsp
from sheet import finish, machine

from emodal_data.audio_features import FEATURE_NAMES, clip_features
from emodal_data.audio_features.quality import measure_audio
from emodal_data.media.downmix import resampled

TARGET_HZ = 16000
Resampler = Callable[[np.ndarray, int], np.ndarray]


def by_swr(wave: np.ndarray, rate_hz: int) -> np.ndarray:
    return resampled(wave[None].astype(np.float32), "mono", rate_hz).astype(np.float64)


def by_scipy(wave: np.ndarray, rate_hz: int) -> np.ndarray:
    common = math.gcd(rate_hz, TARGET_HZ)
    return dsp.resample_poly(wave, TARGET_HZ // common, rate_hz // common)


WAYS: dict[str, Resampler] = {
    "swr (FFmpeg's default)": by_swr,
    "soxr MQ": lambda wave, rate_hz: soxr.resample(wave, rate_hz, TARGET_HZ, quality="MQ"),
    "soxr HQ": lambda wave, rate_hz: soxr.resample(wave, rate_hz, TARGET_HZ, quality="HQ"),
    "soxr VHQ": lambda wave, rate_hz: soxr.resample(wave, rate_hz, TARGET_HZ, quality="VHQ"),
    "scipy resample_poly": by_scipy,
}


def gain_db(way: Resampler, rate_hz: int, tone_hz: float) -> float:
    """The level of a resampled tone; above 8 kHz, that of its alias."""
    t = np.arange(2 * rate_hz) / rate_hz
    out = way(np.sin(2 * np.pi * tone_hz * t), rate_hz)
    middle = out[len(out) // 4 : -len(out) // 4]
    return float(20 * np.log10(np.sqrt(2) * middle.std() + 1e-12))


def response_rows(rate_hz: int) -> list[str]:
    tones = (1000, 5000, 6500, 7000, 7500, 8200, 8500, 9000, 10000, 15000)
    rows = [
        f"| {rate_hz} Hz to 16 kHz | {' | '.join(f'{hz / 1000:g} kHz' for hz in tones)} | CPU, ms per 3.5 s |",
        "|" + "---|" * (len(tones) + 2),
    ]
    wave = np.random.default_rng(0).standard_normal(round(3.5 * rate_hz)) * 0.1
    for name, way in WAYS.items():
        times = []
        for _ in range(9):
            start = time.process_time()
            way(wave, rate_hz)
            times.append(1000 * (time.process_time() - start))
        cells = [f"{gain_db(way, rate_hz, hz):.1f}" for hz in tones]
        rows.append(f"| {name} | {' | '.join(cells)} | {statistics.median(times):.1f} |")
    return rows


def sound_of(path: Path) -> tuple[np.ndarray, int]:
    """The first channel of a file, float64, at the file's own rate."""
    with av.open(str(path)) as container:
        stream = container.streams.audio[0]
        converter = av.AudioResampler("fltp", stream.layout, stream.rate)
        pieces = [
            out.to_ndarray()[0] for frame in container.decode(stream) for out in converter.resample(frame)
        ]
        return np.concatenate(pieces).astype(np.float64), stream.rate


def spread_of_features(voices: list[np.ndarray]) -> np.ndarray:
    """Standard deviation of every feature between utterances, the unit of all effects."""
    return np.stack([clip_features(voice) for voice in voices]).std(axis=0)


def effect(features: np.ndarray, reference: np.ndarray, spread: np.ndarray) -> str:
    moved = np.abs(features - reference) / spread
    worst = FEATURE_NAMES[int(moved.max(axis=0).argmax())]
    return f"{np.median(moved):.4f} | {np.percentile(moved, 95):.3f} | {moved.max():.2f} ({worst})"


def film_rows(films: list[Path], spread: np.ndarray) -> list[str]:
    rows = ["| way | median | 95 % | worst |", "|---|---|---|---|"]
    sounds = [sound_of(path) for path in films]
    reference = np.stack([clip_features(WAYS["soxr VHQ"](wave, rate)) for wave, rate in sounds])
    for name, way in WAYS.items():
        features = np.stack([clip_features(way(wave, rate)) for wave, rate in sounds])
        rows.append(f"| {name} | {effect(features, reference, spread)} |")
    whole_sample = np.stack([clip_features(by_swr(wave[1:], rate)) for wave, rate in sounds])
    rows.append(f"| swr, the span one input sample later | {effect(whole_sample, reference, spread)} |")
    return rows


def music(samples: int, rate_hz: int, seed: int) -> np.ndarray:
    """Chords with an attack every half second, over a noise floor; deviation 1."""
    random = np.random.default_rng(seed)
    t = np.arange(samples) / rate_hz
    wave = 0.1 * random.standard_normal(samples)
    for start_s in np.arange(0, t[-1], 0.5):
        for note in random.choice([110, 131, 165, 196, 220, 262, 330, 392, 440, 523], 3):
            since = np.clip(t - start_s, 0, None)
            wave += (
                (t >= start_s)
                * np.exp(-3 * since)
                * sum(np.sin(2 * np.pi * k * note * t) / k for k in range(1, 6))
            )
    return wave / wave.std()


def downmix_rows(voices: list[np.ndarray], spread: np.ndarray) -> list[str]:
    """Voice in the centre, other sound in the five others, at several levels; and a film without a centre."""
    rate_hz = 48000
    rows = ["| film | mix | median | 95 % | worst |", "|---|---|---|---|---|"]
    clean = [soxr.resample(voice / 32768.0, TARGET_HZ, rate_hz, quality="VHQ") for voice in voices]
    reference = np.stack([clip_features(by_swr(wave, rate_hz)) for wave in clean])
    for level_db in (-20, -10, 0):
        mixes: dict[str, list[np.ndarray]] = {"FFmpeg's default": [], "centre only": []}
        for k, wave in enumerate(clean):
            gain = wave.std() * 10 ** (level_db / 20)
            others = [gain * music(len(wave), rate_hz, 10 * k + side) for side in range(4)]
            left, right, back_left, back_right = others
            channels = np.stack([left, right, wave, np.zeros_like(wave), back_left, back_right])
            mixes["FFmpeg's default"].append(resampled(channels.astype(np.float32), "5.1(side)", rate_hz))
            mixes["centre only"].append(by_swr(channels[2], rate_hz))
        for name, sounds in mixes.items():
            features = np.stack([clip_features(sound) for sound in sounds])
            rows.append(
                f"| music {level_db:+d} dB beside the voice | {name} | {effect(features, reference, spread)} |"
            )
    wave = clean[0]
    empty = np.zeros_like(wave)
    channels = np.stack([wave, wave, empty, empty, empty, empty]).astype(np.float32)
    kept = clip_features(resampled(channels, "5.1(side)", rate_hz))
    rows.append(
        f"| stereo kept in 5.1, centre silent | FFmpeg's default | {effect(kept[None], reference[:1], spread)} |"
    )
    silent = measure_audio(by_swr(channels[2], rate_hz))
    rows.append(f"| stereo kept in 5.1, centre silent | centre only | clip lost: rms {silent.rms:g} | | |")
    return rows


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--media", type=Path, required=True)
    parser.add_argument("--out", type=Path)
    arguments = parser.parse_args()
    films = sorted(p for p in arguments.media.glob("*/*.mpg")) + sorted(
        arguments.media.glob("ravdess/video/*.*")
    )
    voices = [sound_of(path)[0] * 32768 for path in sorted(arguments.media.glob("ravdess/speech/*.flac"))]
    voices = [np.rint(voice).astype(np.int16) for voice in voices]
    spread = spread_of_features(voices)
    lines = [
        f"{machine('av', 'soxr')}, libswresample {'.'.join(map(str, av.library_versions['libswresample']))}.",
        "`python benchmarks/resampling.py --media FOLDER` makes this file.",
        "",
        "## Gain in dB (beyond 8 kHz: of the alias)",
        "",
        *response_rows(48000),
        "",
        *response_rows(44100),
        "",
        f"## Effect on the 68 features: {len(films)} films at 44.1 and 48 kHz, distance to soxr VHQ",
        "",
        f"In units of the feature's standard deviation between {len(voices)} utterances of four emotions.",
        "",
        *film_rows(films, spread),
        "",
        "## 5.1: distance to the voice alone, same unit, 24 voices",
        "",
        *downmix_rows(voices[::14], spread),
    ]
    finish("resampling", "Resampling and downmix", "\n".join(lines), arguments.out)


if __name__ == "__main__":
    main()
