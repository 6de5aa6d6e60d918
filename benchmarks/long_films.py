"""Measures clips of films of two hours, 1080p: CPU a clip against the decode floor and one ffmpeg a clip; memory.

python benchmarks/long_films.py [--hours 2] [--spans 60 600 1500] [--clips 24] [--folder FOLDER] [--out docs/benchmarks]
H.264 with AAC 5.1 in mp4 and 10-bit HEVC with AC-3 in mkv, both in open groups of 250 frames with three B-frames: a
short encode (20 s), its packets repeated. The spans are spread over the whole film; --clips of them in a row are
measured. Every frame is compared with the frame of that number in the short encode.
"""

import argparse
import resource
import subprocess
import tempfile
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

import numpy as np
from media import (
    FFMPEG,
    MAX_SIDE_PX,
    Clips,
    by_film,
    by_one_ffmpeg_per_clip,
    cpu_s,
    draw_clips,
    floor_audio,
    floor_video,
)
from sheet import finish, machine, table

from emodal_data.media import open_film

PIECE_S, RATE = 20, 25
PICTURE = f"testsrc=size=480x270:rate={RATE}:decimals=3,scale=1920:1080:flags=bilinear,noise=alls=22:allf=t"
SOUND = "aevalsrc=" + "|".join(f"{0.1 * n:.1f}*sin(2*PI*{110 * n}*t)" for n in range(1, 7)) + ":c=5.1:s=48000"
GROUPS = "keyint=250:min-keyint=250:scenecut=0:bframes=3:open-gop=1"
KINDS = {
    "h264.mp4": f"-pix_fmt yuv420p -c:v libx264 -preset veryfast -b:v 6M -x264-params {GROUPS} -c:a aac -b:a 384k",
    "hevc.mkv": "-pix_fmt yuv420p10le -c:v libx265 -preset ultrafast -b:v 5M "
    f"-x265-params {GROUPS}:log-level=error -c:a ac3 -b:a 448k",
}
SOUNDS = {"h264.mp4": "aac", "hevc.mkv": "ac3"}
#: The slowest way reads only the first clips.
SLOW_CLIPS = 4


def run(*arguments: str) -> None:
    subprocess.run([FFMPEG, "-y", "-v", "error", *arguments], check=True, stdin=subprocess.DEVNULL)


def make_films(folder: Path, kind: str, hours: float) -> tuple[Path, Path]:
    """The short encode and the long film, made unless they are there."""
    piece, film = folder / f"piece-{kind}", folder / f"long-{kind}"
    if not piece.exists():
        sources = ["-f", "lavfi", "-i", PICTURE, "-f", "lavfi", "-i", SOUND, "-t", str(PIECE_S)]
        run(*sources, *KINDS[kind].split(), str(piece))
    if not film.exists():
        # Frames of sound do not end with the pieces, so the sound is repeated by itself: its clock has no steps.
        parts, sound = folder / "parts.txt", folder / f"sound.{SOUNDS[kind]}"
        times = round(3600 * hours / PIECE_S)
        parts.write_text(f"file '{piece}'\nduration {PIECE_S}\n" * times)
        run("-i", str(piece), "-map", "0:a", "-c", "copy", str(sound))
        frames = sound.read_bytes()
        with sound.open("wb") as file:
            for _ in range(times + 1):
                file.write(frames)
        pictures = [
            "-f",
            "concat",
            "-safe",
            "0",
            "-i",
            str(parts),
            "-i",
            str(sound),
            "-map",
            "0:v",
            "-map",
            "1:a",
        ]
        run(*pictures, "-c", "copy", "-t", str(times * PIECE_S), str(film))
    return piece, film


def wrong_frames(piece: Path, film: Path, clips: Clips) -> int:
    """How many middle frames are not the frame of the short encode that is on screen then."""
    wrong = 0
    with open_film(piece) as short, open_film(film) as long:
        for start_s, end_s in clips:
            number = int((start_s + end_s) / 2 * RATE + 1e-6)
            seen = long.frame_at((start_s + end_s) / 2, max_side_px=MAX_SIDE_PX)
            meant = short.frame_at(number % (PIECE_S * RATE) / RATE + 0.5 / RATE, max_side_px=MAX_SIDE_PX)
            at_its_time = abs(seen.pts_s - number / RATE) < 0.5 / RATE
            wrong += not (at_its_time and np.array_equal(seen.rgb, meant.rgb))
    return wrong


def measure(piece: Path, film: Path, spans: Clips, clips: int) -> dict[str, float]:
    """CPU ms a clip of each way, and what two workers spend more than one if each reads half."""
    clips = min(clips, len(spans))
    part = spans[len(spans) // 2 : len(spans) // 2 + clips]
    half = clips // 2
    ways = {name: cpu_s(way, film, part) for name, way in WAYS.items()}
    halves = [cpu_s(by_film, film, some) * len(some) for some in (part[:half], part[half:])]
    few = part[:: max(1, clips // SLOW_CLIPS)][:SLOW_CLIPS]
    ffmpeg = cpu_s(by_one_ffmpeg_per_clip, film, few)
    return {
        **ways,
        "two": sum(halves) / clips,
        "ffmpeg": ffmpeg,
        "wrong": wrong_frames(piece, film, part),
        "peak": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e3,
    }


WAYS = {"film": by_film, "picture": floor_video, "sound": floor_audio}


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--hours", type=float, default=2.0)
    parser.add_argument("--spans", type=int, nargs="+", default=[60, 600, 1500])
    parser.add_argument("--kinds", nargs="+", default=list(KINDS), choices=list(KINDS))
    parser.add_argument("--clips", type=int, default=24, help="spans in a row that are measured")
    parser.add_argument("--folder", type=Path, help="where the films are kept")
    parser.add_argument("--out", type=Path)
    given = parser.parse_args()
    rows = []
    with tempfile.TemporaryDirectory() as temporary:
        folder = (given.folder or Path(temporary)).absolute()
        for kind in given.kinds:
            piece, film = make_films(folder, kind, given.hours)
            for count in given.spans:
                spans = draw_clips(3600 * given.hours, count)
                with ProcessPoolExecutor(1) as pool:  # so that the peak is of this one alone
                    cost = pool.submit(measure, piece, film, spans, given.clips).result()
                ratios = (
                    f"{cost['film'] / (cost['picture'] + cost['sound']):.2f} | {cost['ffmpeg'] / cost['film']:.1f} | "
                    f"{cost['two'] / cost['film'] - 1:+.1%}"
                )
                ours = " | ".join(
                    f"{1000 * cost[name]:.0f}" for name in ("film", "picture", "sound", "ffmpeg")
                )
                exact = f"{cost['wrong']:.0f} of {min(given.clips, count)}"
                rows.append(f"| {kind} | {count} | {ours} | {ratios} | {cost['peak']:.0f} | {exact} |")
                print(rows[-1], flush=True)
    columns = (
        "film|spans|Film, CPU ms a clip|floor, picture|floor, sound|one ffmpeg|Film / floors|one ffmpeg / Film"
        "|two workers, CPU more|peak, MB|wrong frames"
    )
    about = f"{machine('av')}; `python benchmarks/long_films.py`. {given.hours:g} hours, 1080p, 25 frames a second."
    finish("long-films", "Long films", "\n".join([about, "", table(columns, rows)]), given.out)


if __name__ == "__main__":
    main()
