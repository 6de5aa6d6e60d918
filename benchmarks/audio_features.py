"""Measures speech features: CPU per clip against pyAudioAnalysis and the bare rffts, worst errors, augmentation.

python benchmarks/audio_features.py [--repeats 15] [--speech FOLDER] [--out docs/benchmarks]
The methods run in turns on the same clips in one run; figures are medians of this process's CPU time.
"""

import argparse
import functools
import statistics
import time
from collections.abc import Callable
from pathlib import Path

import av
import cv2
import numpy as np
from pyAudioAnalysis import ShortTermFeatures
from sheet import finish, machine

from emodal_data.audio_features import clip_features
from emodal_data.dataset.augment.clip import augment_clip
from emodal_data.dataset.augment.face import FaceChange, augment_face
from emodal_data.dataset.augment.stable_random import StableRandom
from emodal_data.dataset.augment.voice import VoiceChange, augment_voice

RATE_HZ = 16000
WINDOW, STEP = 800, 400
LENGTHS_S = (2.0, 3.5, 5.0)


def syllables(seconds: float, rate_hz: int = RATE_HZ, seed: int = 1) -> np.ndarray:
    """A signal with the spectrum and the pauses of speech, int16."""
    random = np.random.default_rng(seed)
    t = np.arange(round(seconds * rate_hz)) / rate_hz
    pitch = 2 * np.pi * np.cumsum(140 + 30 * np.sin(2 * np.pi * 0.7 * t)) / rate_hz
    voiced = sum(np.sin(k * pitch) / k for k in range(1, 20))
    envelope = np.clip(np.sin(2 * np.pi * 3.1 * t), 0, 1)
    wave = 0.2 * envelope * voiced + 0.003 * random.standard_normal(len(t))
    return np.rint(20000 * wave).clip(-32768, 32767).astype(np.int16)


def by_package(signal: np.ndarray) -> np.ndarray:
    matrix, _ = ShortTermFeatures.feature_extraction(signal, RATE_HZ, WINDOW, STEP, deltas=False)
    return np.concatenate([matrix.mean(axis=1), matrix.std(axis=1)])


def framed(signal: np.ndarray) -> np.ndarray:
    return np.lib.stride_tricks.sliding_window_view(signal / 32768.0, WINDOW)[::STEP].copy()


def cpu_ms(ways: dict[str, Callable[[], object]], repeats: int, inner: int = 5) -> dict[str, float]:
    """Median CPU time of one call of each method, run in turns."""
    for work in ways.values():
        work()
    times: dict[str, list[float]] = {name: [] for name in ways}
    for _ in range(repeats):
        for name, work in ways.items():
            start = time.process_time()
            for _ in range(inner):
                work()
            times[name].append((time.process_time() - start) / inner)
    return {name: 1000 * statistics.median(each) for name, each in times.items()}


def speed_rows(repeats: int) -> list[str]:
    rows = [
        "| clip, s | pyAudioAnalysis, ms | ours, ms | rffts alone, ms | faster | times the rffts |",
        "|" + "---|" * 6,
    ]
    for seconds in LENGTHS_S:
        signal = syllables(seconds)
        ms = cpu_ms(
            {
                "package": functools.partial(by_package, signal),
                "ours": functools.partial(clip_features, signal),
                # The floor: the spectra of all frames in one call; everything else is done before.
                "rffts": functools.partial(np.fft.rfft, framed(signal), axis=1),
            },
            repeats,
        )
        rows.append(
            f"| {seconds:g} | {ms['package']:.1f} | {ms['ours']:.2f} | {ms['rffts']:.3f} "
            f"| {ms['package'] / ms['ours']:.0f}x | {ms['ours'] / ms['rffts']:.1f}x |"
        )
    return rows


def error_rows(speech: Path) -> list[str]:
    random = np.random.default_rng(2)
    n = 3 * RATE_HZ
    t = np.arange(n) / RATE_HZ
    kinds = {
        "syllables": [syllables(3, seed=k) for k in range(4)],
        "noise": [random.standard_normal(n) * 0.1 for _ in range(4)],
        "silence": [np.zeros(n)],
        "constant": [np.full(n, 0.3)],
        "tones": [0.5 * np.sin(2 * np.pi * hz * t) for hz in (100, 400, 440, 3999)],
        "impulses": [(20000 * (np.arange(n) % k == 0)).astype(np.int16) for k in (800, 1237, n)],
        "clipped": [np.clip(3 * random.standard_normal(n), -1, 1)],
        "one window": [random.standard_normal(WINDOW) * 0.1],
    }
    files = sorted(speech.glob("*.flac"))
    if files:
        kinds[f"speech, {len(files)} utterances"] = [_decoded(file) for file in files]
    rows = ["| signal | worst error / max(1, reference) |", "|---|---|"]
    for kind, signals in kinds.items():
        worst = 0.0
        for signal in signals:
            scaled = signal if signal.dtype == np.int16 else signal * 32768.0
            reference = by_package(scaled)
            errors = np.abs(clip_features(signal) - reference) / np.maximum(1, np.abs(reference))
            worst = max(worst, float(errors.max()))
        rows.append(f"| {kind} | {worst:.1e} |")
    return rows


def _decoded(file: Path) -> np.ndarray:
    with av.open(str(file)) as container:
        return np.concatenate([frame.to_ndarray()[0] for frame in container.decode(audio=0)])


def augmentation_rows(repeats: int) -> list[str]:
    voice = syllables(3.5)
    face = cv2.GaussianBlur(np.random.default_rng(3).integers(0, 256, (128, 128), dtype=np.uint8), (0, 0), 3)
    face_change = FaceChange(True, 3.0, 1.05, (2, 3), 1.1, 5, 0.8, 4.0, (10, 10, 20, 20))
    numbers = iter(range(1, 10**9))

    def sample() -> None:
        image, audio, _ = augment_clip(face, voice, "clip", next(numbers), seed=0)
        clip_features(audio)
        cv2.imencode(".png", image)

    ways: dict[str, Callable[[], object]] = {
        "every change of the face": lambda: augment_face(face, face_change, StableRandom(1)),
        "tempo": lambda: augment_voice(voice, VoiceChange(tempo=0.95), StableRandom(1)),
        "pitch": lambda: augment_voice(voice, VoiceChange(pitch=1.06), StableRandom(1)),
        "reverberation": lambda: augment_voice(voice, VoiceChange(reverb_s=0.4), StableRandom(1)),
        "noise": lambda: augment_voice(voice, VoiceChange(snr_db=20.0), StableRandom(1)),
        "68 features": lambda: clip_features(voice),
        "PNG": lambda: cv2.imencode(".png", face),
        "whole sample, as drawn": sample,
    }
    ms = cpu_ms(ways, repeats, inner=20)
    return ["| 3.5 s clip | ms |", "|---|---|", *(f"| {name} | {value:.2f} |" for name, value in ms.items())]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--repeats", type=int, default=15)
    parser.add_argument("--speech", type=Path, default=Path("../shared/media/ravdess/speech"))
    parser.add_argument("--out", type=Path)
    arguments = parser.parse_args()
    lines = [
        f"{machine('numpy', 'scipy', 'pyAudioAnalysis')}. CPU time, medians.",
        "`python benchmarks/audio_features.py` makes this file.",
        "",
        "## CPU per clip (16 kHz, 50 ms windows every 25 ms, mean and deviation)",
        "",
        *speed_rows(arguments.repeats),
        "",
        "## Distance to pyAudioAnalysis",
        "",
        *error_rows(arguments.speech),
        "",
        "## Augmentation",
        "",
        *augmentation_rows(arguments.repeats),
    ]
    finish("audio-features", "Speech features", "\n".join(lines), arguments.out)


if __name__ == "__main__":
    main()
