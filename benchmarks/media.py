"""Measures media reading: CPU per clip of Film, the decoding floor, one ffmpeg per clip, and the ffmpeg-python script.

python benchmarks/media.py [--seconds 120] [--films FOLDER] [--out docs/benchmarks]
All methods run on the same clips in one run; CPU time is that of the process and its children.
"""

import argparse
import datetime
import os
import platform
import resource
import statistics
import subprocess
import tempfile
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor
from fractions import Fraction
from pathlib import Path

import av
import ffmpeg
import imageio_ffmpeg
import numpy as np
from av.container import InputContainer
from av.video.stream import VideoStream
from sheet import NOT_IN_SEARCH

from emodal_data.media import open_film

FFMPEG = imageio_ffmpeg.get_ffmpeg_exe()
Clips = Sequence[tuple[float, float]]
#: Size of the frames that the face stage needs.
MAX_SIDE_PX = 1280


def make_film(path: Path, width: int, height: int, seconds: int) -> None:
    """A film with camera movement, grain and cuts, x264's defaults for films (GOP 250, B-frames), and sound."""
    random = np.random.default_rng(1)
    scenes = [_scene(random, width, height) for _ in range(4)]
    grain = random.integers(0, 20, (8, height, width, 1), dtype=np.uint8)
    with av.open(str(path), "w") as out:
        video = out.add_stream("libx264", rate=25, options={"preset": "veryfast", "crf": "23"})
        video.width, video.height, video.pix_fmt = width, height, "yuv420p"
        audio = out.add_stream("aac", rate=48000)
        audio.layout = "stereo"
        for k in range(25 * seconds):
            scene = scenes[k // 200 % len(scenes)]
            dx, dy = int(60 + 50 * np.sin(k / 40)), int(40 + 30 * np.cos(k / 55))
            rgb = scene[dy : dy + height, dx : dx + width] + grain[k % 8]
            frame = av.VideoFrame.from_ndarray(np.ascontiguousarray(rgb), format="rgb24")
            frame.pts, frame.time_base = k, Fraction(1, 25)
            out.mux(video.encode(frame))
            sound = random.normal(0, 0.1, (2, 1920)).astype(np.float32)
            piece = av.AudioFrame.from_ndarray(sound, format="fltp", layout="stereo")
            piece.sample_rate, piece.pts, piece.time_base = 48000, 1920 * k, Fraction(1, 48000)
            out.mux(audio.encode(piece))
        out.mux(video.encode(None))
        out.mux(audio.encode(None))


def _scene(random: np.random.Generator, width: int, height: int) -> np.ndarray:
    small = random.integers(20, 220, (height // 24 + 8, width // 24 + 8, 3), dtype=np.uint8)
    frame = av.VideoFrame.from_ndarray(small, format="rgb24")
    return frame.reformat(width=width + 128, height=height + 96, interpolation="BICUBIC").to_ndarray()


def draw_clips(seconds: float, count: int, seed: int = 5) -> Clips:
    """Spans of 1 to 5 s, ascending."""
    random = np.random.default_rng(seed)
    starts = np.sort(random.uniform(0.2, seconds - 6, count))
    lengths = random.uniform(1, 5, count)
    return [(round(float(s), 3), round(float(s + d), 3)) for s, d in zip(starts, lengths, strict=True)]


def by_film(path: Path, clips: Clips) -> None:
    with open_film(path) as film:
        for start_s, end_s in clips:
            film.frame_at((start_s + end_s) / 2, max_side_px=MAX_SIDE_PX)
            film.audio(start_s, end_s)


def floor_video(path: Path, clips: Clips) -> None:
    """Decode only the frames that the wanted ones depend on, each once: no conversion, no sound."""
    with av.open(str(path)) as container:
        stream = container.streams.video[0]
        packets = [p for p in container.demux(stream) if p.pts is not None]
    wanted = _on_screen(packets, [(a + b) / 2 for a, b in clips])
    with av.open(str(path)) as container:
        stream = container.streams.video[0]
        stream.codec_context.thread_count = 1
        keys = [p.pts for p in packets if p.is_keyframe]
        for key, following in zip(keys, [*keys[1:], float("inf")], strict=True):
            here = {pts for pts in wanted if key <= pts < following}
            if here:
                decode_wanted(container, stream, key, here)


def decode_wanted(container: InputContainer, stream: VideoStream, key: int, wanted: set[int]) -> None:
    """Decode from a keyframe on what the wanted frames depend on, up to the last of them. key, wanted: pts."""
    container.seek(key, stream=stream)
    for packet in container.demux(stream):
        stream.codec_context.skip_frame = "DEFAULT" if packet.pts in wanted else "NONREF"
        packet.decode()
        wanted.discard(packet.pts)
        if not wanted:
            break


def _on_screen(packets: list[av.Packet], times_s: list[float]) -> list[int]:
    pts = np.sort([p.pts for p in packets])
    ticks = (np.array(times_s) + 1e-6) / float(packets[0].time_base)
    return sorted({int(n) for n in pts[np.searchsorted(pts, ticks, side="right") - 1]})


def floor_audio(path: Path, clips: Clips) -> None:
    """Decode the spans' sound and nothing else."""
    with av.open(str(path)) as container:
        stream = container.streams.audio[0]
        for start_s, end_s in clips:
            start, end = (int(t_s / stream.time_base) for t_s in (start_s, end_s))
            container.seek(start, stream=stream)
            for packet in container.demux(stream):
                packet.decode()
                if packet.pts is None or packet.pts > end:
                    break


def by_one_ffmpeg_per_clip(path: Path, clips: Clips) -> None:
    with tempfile.TemporaryDirectory() as folder:
        for start_s, end_s in clips:
            middle = (end_s - start_s) / 2
            seek = ["-ss", str(start_s), "-i", str(path)]
            _run(
                [
                    *seek,
                    "-ss",
                    str(middle),
                    "-frames:v",
                    "1",
                    f"{folder}/a.png",
                    "-t",
                    str(end_s - start_s),
                    "-vn",
                    "-ac",
                    "1",
                    "-ar",
                    "16000",
                    f"{folder}/a.wav",
                ]
            )


def by_script(path: Path, clips: Clips) -> None:
    """The handwritten ffmpeg-python script: cut, probe, png, wav."""
    with tempfile.TemporaryDirectory() as folder:
        cut, png, wav = f"{folder}/cut.mp4", f"{folder}/a.png", f"{folder}/a.wav"
        for start_s, end_s in clips:
            _run(ffmpeg.input(str(path), ss=start_s, t=end_s - start_s).output(cut).get_args())
            with av.open(cut) as container:  # imageio-ffmpeg has no ffprobe
                middle = container.duration / 2e6
            _run(ffmpeg.input(cut, ss=middle).output(png, vframes=1).get_args())
            _run(ffmpeg.input(cut).output(wav, ac=1, ar=16000).get_args())


def _run(arguments: list[str]) -> None:
    subprocess.run([FFMPEG, "-y", "-v", "error", *arguments], check=True, stdin=subprocess.DEVNULL)


def cpu_s(work: Callable[[Path, Clips], None], path: Path, clips: Clips) -> float:
    """CPU seconds a clip, of this process and its children."""
    before = _used()
    work(path, clips)
    return (_used() - before) / len(clips)


def _used() -> float:
    total = 0.0
    for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN):
        usage = resource.getrusage(who)
        total += usage.ru_utime + usage.ru_stime
    return total


WAYS: dict[str, Callable[[Path, Clips], None]] = {
    "Film": by_film,
    "decode floor, picture": floor_video,
    "decode floor, sound": floor_audio,
    "one ffmpeg per clip": by_one_ffmpeg_per_clip,
    "ffmpeg-python script": by_script,
}
#: The slow methods read only the first clips.
SLOW_CLIPS = 4


def measure(path: Path, clips: Clips) -> dict[str, float]:
    """CPU seconds a clip of each method: the median of three runs (one run of the slow methods), interleaved."""
    runs: dict[str, list[float]] = {name: [] for name in WAYS}
    for _ in range(3):
        for name in ("Film", "decode floor, picture", "decode floor, sound"):
            runs[name].append(cpu_s(WAYS[name], path, clips))
    few = clips[:: max(1, len(clips) // SLOW_CLIPS)][:SLOW_CLIPS]
    for name in ("one ffmpeg per clip", "ffmpeg-python script"):
        runs[name].append(cpu_s(WAYS[name], path, few))
    return {name: statistics.median(values) for name, values in runs.items()}


def two_processes(path: Path, clips: Clips) -> tuple[float, float]:
    """The gain of two processes over one: in the same time, and by the CPU time that each needs.

    The first is valid only on an idle machine; the second does not depend on other users of the cores.
    """
    walls, costs = [], []
    for workers in (1, 2):
        with ProcessPoolExecutor(workers) as pool:
            list(pool.map(_warm, range(workers)))
            begin_s = time.perf_counter()
            costs.append(statistics.mean(pool.map(_own_cpu_s, [path] * workers, [clips] * workers)))
            walls.append(time.perf_counter() - begin_s)
    return 2 * walls[0] / walls[1], 2 * costs[0] / costs[1]


def _own_cpu_s(path: Path, clips: Clips) -> float:
    begin_s = time.process_time()
    by_film(path, clips)
    return time.process_time() - begin_s


def _warm(_: int) -> None:
    time.sleep(0.2)  # so that each worker gets one


def memory_over_a_long_film(folder: Path, hours: float = 3.0) -> tuple[float, float]:
    """Resident MB of a worker after the first clips of a long film, and after the last."""
    path = _long_film(folder, hours)
    clips = draw_clips(3600 * hours, 300)
    with ProcessPoolExecutor(1) as pool:
        return pool.submit(_resident_mb, path, clips).result()


def _resident_mb(path: Path, clips: Clips) -> tuple[float, float]:
    resident = []
    with open_film(path) as film:
        for start_s, end_s in clips:
            film.frame_at((start_s + end_s) / 2, max_side_px=MAX_SIDE_PX)
            film.audio(start_s, end_s)
            pages = int(Path("/proc/self/statm").read_text().split()[1])
            resident.append(pages * resource.getpagesize() / 1e6)
    tenth = len(resident) // 10
    return statistics.median(resident[tenth : 2 * tenth]), statistics.median(resident[-tenth:])


def _long_film(folder: Path, hours: float) -> Path:
    """One minute repeated: its packets with later time stamps each time."""
    minute, path = folder / "minute.mp4", folder / "long.mkv"
    if not minute.exists():
        make_film(minute, 320, 180, 60)
    with av.open(str(path), "w") as out:
        streams: dict[int, av.stream.Stream] = {}
        for number in range(round(hours * 60)):
            with av.open(str(minute)) as given:
                if not streams:
                    streams = {s.index: out.add_stream_from_template(s) for s in given.streams}
                for packet in given.demux():
                    if packet.dts is None or packet.pts * packet.time_base >= 60 or packet.dts < 0 < number:
                        continue
                    shift = round(60 * number / packet.time_base)
                    packet.pts, packet.dts = packet.pts + shift, packet.dts + shift
                    packet.stream = streams[packet.stream.index]
                    out.mux(packet)
    return path


def remux(source: Path, to: Path) -> Path:
    """The same packets in another container."""
    with av.open(str(source)) as given, av.open(str(to), "w") as out:
        streams = {stream.index: out.add_stream_from_template(stream) for stream in given.streams}
        for packet in given.demux():
            if packet.dts is not None:
                packet.stream = streams[packet.stream.index]
                out.mux(packet)
    return to


def report(
    rows: list[tuple[str, dict[str, float]]],
    speedup: tuple[float, float],
    memory_mb: tuple[float, float],
    seconds: int,
) -> str:
    lines = [
        "# Media: what a clip costs",
        "",
        f"{datetime.date.today()}, {os.cpu_count()} cores ({_processor()}), Python {platform.python_version()}, "
        f"PyAV {av.__version__}, FFmpeg {av.ffmpeg_version_info}; `python benchmarks/media.py`.",
        "",
        "CPU milliseconds a clip (middle frame at up to 1280 px and 16 kHz sound of 1 to 5 s), all in one run;",
        "the machine was shared, so ratios count, not times. The floor decodes what the frames are made of, each",
        "packet once, and makes no picture; it knows all packets beforehand. One ffmpeg and the script: "
        f"{SLOW_CLIPS} of the clips, once;",
        f"the others: medians of 3 runs. Films of {seconds} s at 25 frames a second, x264's default groups of 250.",
        "",
        "| film, clips | Film | floor, picture | floor, sound | one ffmpeg | script "
        "| Film / floors | one ffmpeg / Film | script / Film |",
        "|---|---|---|---|---|---|---|---|---|",
    ]
    for name, cost in rows:
        film, picture, sound, single, script = cost.values()
        numbers = " | ".join(f"{1000 * value:.0f}" for value in cost.values())
        ratios = f"{film / (picture + sound):.2f} | {single / film:.1f} | {script / film:.1f}"
        lines.append(f"| {name} | {numbers} | {ratios} |")
    lines += [
        "",
        f"Two processes do {speedup[0]:.2f} times the work of one in the same time, {speedup[1]:.2f} times by the CPU",
        f"time each needs; load of the machine meanwhile: {os.getloadavg()[0]:.1f}.",
        "",
        f"Memory of a worker over a film of 3 hours, 300 clips: {memory_mb[0]:.0f} MB resident in the second tenth, "
        f"{memory_mb[1]:.0f} MB in the last.",
    ]
    return "\n".join(lines) + "\n"


def _processor() -> str:
    info = Path("/proc/cpuinfo")
    names = [
        line.split(":")[1].strip() for line in info.read_text().splitlines() if line.startswith("model name")
    ]
    return names[0] if names else platform.processor()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=int, default=120, help="length of the films")
    parser.add_argument("--films", type=Path, help="folder to keep the films in")
    parser.add_argument("--out", type=Path, default=Path("docs/benchmarks"))
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        folder = given.films or Path(temporary)
        rows = []
        for width, height in ((1280, 720), (1920, 1080)):
            film = folder / f"{height}p.mp4"
            if not film.exists():
                make_film(film, width, height, given.seconds)
            for path in (film, remux(film, film.with_suffix(".mkv"))):
                for label, count in (("sparse", given.seconds // 15), ("dense", given.seconds // 3)):
                    clips = draw_clips(given.seconds, count)
                    rows.append(
                        (f"{height}p {path.suffix[1:]}, {count} clips ({label})", measure(path, clips))
                    )
                    print(rows[-1], flush=True)
        speedup = two_processes(folder / "720p.mp4", draw_clips(given.seconds, given.seconds // 3))
        memory_mb = memory_over_a_long_film(folder)
    text = report(rows, speedup, memory_mb, given.seconds)
    given.out.mkdir(parents=True, exist_ok=True)
    (given.out / f"{datetime.date.today()}-media.md").write_text(NOT_IN_SEARCH + text)
    print(text)


if __name__ == "__main__":
    main()
