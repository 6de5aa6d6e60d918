"""Makes the sound of a film: music, room tone, and the mix with speech on one track.

encoder.py writes the track to a file.
"""

import numpy as np

from emodal_data.sample_films.voice import RATE_HZ, Signal

#: Amplitude of the room tone, which is everywhere but in silent spans.
ROOM_TONE = 8e-4
CHORDS_HZ = ((220.0, 277.2, 329.6), (196.0, 246.9, 293.7), (174.6, 220.0, 261.6), (164.8, 207.7, 246.9))


def room_tone(seconds: float, rng: np.random.Generator) -> Signal:
    """Quiet noise."""
    return (rng.standard_normal(round(seconds * RATE_HZ)) * ROOM_TONE).astype(np.float32)


def music(seconds: float, rng: np.random.Generator) -> Signal:
    """Slow chords of a few partials, a new one every second, with a fade at both ends."""
    count = round(seconds * RATE_HZ)
    time_s = np.arange(count) / RATE_HZ
    track = np.zeros(count)
    for start in range(0, max(1, int(seconds + 0.999))):
        chosen = CHORDS_HZ[int(rng.integers(len(CHORDS_HZ)))]
        here = time_s - start
        envelope = np.clip(here / 0.05, 0, 1) * np.exp(-np.maximum(here, 0) * 1.5)
        for pitch_hz in chosen:
            track += envelope * sum(np.sin(2 * np.pi * pitch_hz * k * here) / k**2 for k in (1, 2, 3))
    fade = np.clip(np.minimum(time_s, seconds - time_s) / 0.2, 0, 1)
    return (0.06 * track * fade).astype(np.float32)


def add(track: Signal, piece: Signal, start_s: float, gain: float = 1.0) -> None:
    """Add a piece to the track, in place; the part beyond the end is cut off."""
    first = round(start_s * RATE_HZ)
    piece = piece[: max(0, len(track) - first)]
    track[first : first + len(piece)] += piece * np.float32(gain)


def mouth_opening(speech: Signal, fps: int, frames: int) -> Signal:
    """Opening of the speaker's mouth, 0 to 1, at each of `frames` frames from the start of the speech."""
    per_frame = RATE_HZ // fps
    padded = np.zeros(frames * per_frame, np.float32)
    kept = speech[: len(padded)]
    padded[: len(kept)] = kept
    level = np.sqrt((padded.reshape(frames, per_frame) ** 2).mean(axis=1))
    loud = float(np.percentile(level, 95)) if level.any() else 1.0
    opening = np.clip(level / max(loud, 1e-6), 0, 1) ** 0.7
    smooth = np.convolve(np.pad(opening, 1, mode="edge"), [0.25, 0.5, 0.25], mode="valid")
    return smooth.astype(np.float32)
