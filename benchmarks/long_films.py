"""Measures clips of films of two hours, 1080p: CPU a clip against the decode floor and one ffmpeg a clip; memory.

python benchmarks/long_films.py [--hours 2] [--spans 60 600 1500] [--clips 24] [--kinds ...] [--folder FOLDER]
    [--out docs/benchmarks]
H.264 with AAC 5.1 in mp4 and 10-bit HEVC with AC-3 in mkv, both in open groups of 250 frames with three B-frames: a
short encode (20 s), its packets repeated. The spans are spread over the whole film; --clips of them in a row are
measured. Every frame is compared with the frame of that number in the short encode.
"""

import argparse
import resource
import subprocess
import tempfile
from collections import defaultdict
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

import av
import numpy as np
from media import (
    FFMPEG,
    MAX_SIDE_PX,
    Clips,
    by_film,
    by_one_ffmpeg_per_clip,
    cpu_s,
    decode_wanted,
    draw_clips,
    floor_audio,
)
from sheet import finish, machine, table

from emodal_data.media import open_film

PIECE_S, RATE, GROUP = 20, 25, 250
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


def start_s(film: Path) -> float:
    """Where the picture starts: joining shifts it by what the encoder of the sound needs."""
    with av.open(str(film)) as container:
        stream = container.streams.video[0]
        return float((stream.start_time or 0) * stream.time_base)


def wrong_frames(piece: Path, film: Path, clips: Clips) -> int:
    """How many middle frames are not the frame of the short encode that is on screen then."""
    wrong, first_s = 0, start_s(film)
    with open_film(piece) as short, open_film(film) as long:
        for begin_s, end_s in clips:
            number = frame_number((begin_s + end_s) / 2, first_s)
            seen = long.frame_at((begin_s + end_s) / 2, max_side_px=MAX_SIDE_PX)
            meant = short.frame_at((number % (PIECE_S * RATE) + 0.5) / RATE, max_side_px=MAX_SIDE_PX)
            at_its_time = abs(seen.pts_s - first_s - number / RATE) < 0.1 / RATE
            wrong += not (at_its_time and np.array_equal(seen.rgb, meant.rgb))
    return wrong


def frame_number(t_s: float, first_s: float) -> int:
    return int((t_s - first_s) * RATE + 1e-6)


def floor_picture(film: Path, clips: Clips) -> None:
    """Decode only the frames that the middle ones depend on, each once, in groups whose places are known beforehand."""
    first_s = start_s(film)
    groups = defaultdict(set)
    for begin_s, end_s in clips:
        number = frame_number((begin_s + end_s) / 2, first_s)
        groups[number // GROUP].add(number)
    with av.open(str(film)) as container:
        stream = container.streams.video[0]
        tick_s = float(stream.time_base)
        stream.codec_context.thread_count = 1
        for group, numbers in groups.items():
            wanted = {round((first_s + number / RATE) / tick_s) for number in numbers}
            decode_wanted(container, stream, round((first_s + group * GROUP / RATE) / tick_s), wanted)


def ours(piece: Path, film: Path, clips: Clips) -> dict[str, float]:
    """CPU s a clip, what two workers spend more if each reads half, peak MB, and the frames that are wrong."""
    one = cpu_s(by_film, film, clips)
    peak_mb = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e3
    half = len(clips) // 2
    two = sum(cpu_s(by_film, film, some) * len(some) for some in (clips[:half], clips[half:])) / len(clips)
    return {"film": one, "two": two, "peak": peak_mb, "wrong": wrong_frames(piece, film, clips)}


def others(film: Path, clips: Clips) -> dict[str, float]:
    """CPU s a clip of the floors, and of one ffmpeg a clip."""
    few = clips[:: max(1, len(clips) // SLOW_CLIPS)][:SLOW_CLIPS]
    return {
        "picture": cpu_s(floor_picture, film, clips),
        "sound": cpu_s(floor_audio, film, clips),
        "ffmpeg": cpu_s(by_one_ffmpeg_per_clip, film, few),
    }


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
                part = spans[count // 2 : count // 2 + given.clips]
                with ProcessPoolExecutor(1) as pool:  # so that the peak is of this one alone
                    cost = pool.submit(ours, piece, film, part).result() | others(film, part)
                ratios = (
                    f"{cost['film'] / (cost['picture'] + cost['sound']):.2f} | {cost['ffmpeg'] / cost['film']:.1f} | "
                    f"{cost['two'] / cost['film'] - 1:+.1%}"
                )
                times = " | ".join(
                    f"{1000 * cost[name]:.0f}" for name in ("film", "picture", "sound", "ffmpeg")
                )
                exact = f"{cost['wrong']:.0f} of {len(part)}"
                rows.append(f"| {kind} | {count} | {times} | {ratios} | {cost['peak']:.0f} | {exact} |")
                print(rows[-1], flush=True)
    columns = (
        "film|spans|Film, CPU ms a clip|floor, picture|floor, sound|one ffmpeg|Film / floors|one ffmpeg / Film"
        "|two workers, CPU more|peak, MB|wrong frames"
    )
    about = f"{machine('av')}; `python benchmarks/long_films.py`. {given.hours:g} hours, 1080p, 25 frames a second."
    finish("long-films", "Long films", "\n".join([about, "", table(columns, rows)]), given.out)


if __name__ == "__main__":
    main()
