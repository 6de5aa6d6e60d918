"""Measures the shares of music and of speech on recordings: their distribution, and the pieces above the gate.

python benchmarks/heard.py FOLDER...: the sound files of each, up to five pieces of 4 s of a file (of 1 s at least).
"""

import argparse
import subprocess
from pathlib import Path

import imageio_ffmpeg
import numpy as np
import numpy.typing as npt
from speakers import interval

from emodal_data.audio_features.music import music_share
from emodal_data.audio_features.voice_level import voice_level
from emodal_data.core.sizes import RATE_HZ
from emodal_data.media.voice_activity import speech_in

GATE = 0.35
PIECES, PIECE_S, MIN_S = 5, 4.0, 1.0
ENDINGS = {".wav", ".ogg", ".opus", ".mp3", ".flac", ".g722"}


def sound(path: Path) -> npt.NDArray[np.float32]:
    """(n,) The first minute at 16 kHz, by FFmpeg."""
    command = [imageio_ffmpeg.get_ffmpeg_exe(), "-v", "error", "-i", str(path), "-t", "60"]
    command += ["-ac", "1", "-ar", str(RATE_HZ), "-f", "f32le", "-"]
    return np.frombuffer(subprocess.run(command, capture_output=True, check=False).stdout, np.float32)


def pieces(wave: npt.NDArray[np.float32]) -> list[npt.NDArray[np.float32]]:
    """Evenly spaced pieces; a shorter sound is one piece, and silent ones are left out."""
    length = round(PIECE_S * RATE_HZ)
    number = min(PIECES, max(1, len(wave) // length))
    starts = np.linspace(0, max(0, len(wave) - length), number).astype(int)
    cut = [wave[start : start + length] for start in starts]
    return [piece for piece in cut if len(piece) >= MIN_S * RATE_HZ and np.abs(piece).max() > 0.01]


def row(folder: Path, pattern: str, most: int, with_speech: bool) -> str:
    paths = sorted(path for path in folder.rglob(pattern) if path.suffix in ENDINGS)
    order = np.random.default_rng(0).permutation(len(paths))[:most]
    music, speech, files = [], [], 0
    for number in sorted(order):
        mine = pieces(sound(paths[number]))
        files += bool(mine)
        music += [music_share(piece) for piece in mine]
        if with_speech:
            speech += [voice_level(piece, speech_in([piece])).speech_share for piece in mine]
    if not files:
        return f"| {folder.name} {pattern} | 0 | | | | | |"
    return (
        f"| {folder.name} {pattern} | {files} | {np.median(music):.2f} | {np.percentile(music, 95):.2f} "
        f"| {max(music):.2f} | {interval(sum(one > GATE for one in music), len(music))} "
        f"| {np.round(np.percentile(speech, (0, 50, 100)), 2) if speech else '-'} |"
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folders", type=Path, nargs="+")
    parser.add_argument("--pattern", default="*")
    parser.add_argument("--most", type=int, default=60, help="files of a folder, drawn at random")
    parser.add_argument("--speech", action="store_true", help="measure the share of speech too")
    arguments = parser.parse_args()
    print(f"| folder | files | median | 95 % | largest | above {GATE} | speech_share: least, median, most |")
    print("|---|---|---|---|---|---|---|")
    for folder in arguments.folders:
        print(row(folder, arguments.pattern, arguments.most, arguments.speech), flush=True)


if __name__ == "__main__":
    main()
