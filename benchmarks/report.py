"""Measures the report: preparing a clip while its film is open, writing the pages, and using them in a browser.

The clips are synthetic: faces and frames have a sample portrait's size in bytes, 0.4 s of sound for the features, 3 s
of it to listen to. The last part needs playwright and a Chromium on the machine.
"""

import argparse
import json
import resource
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pandas as pd
from sheet import finish, machine

PER_FILM = 100
_SIDE_PX = (720, 1280)
_REPEATS = 40


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--clips", type=int, nargs="+", default=[2000, 10000])
    parser.add_argument(
        "--repeat", type=int, default=10, help="open the last report once more, its table repeated so often"
    )
    parser.add_argument("--out", type=Path)
    parser.add_argument("--write", type=Path, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.write:
        print(json.dumps(write(arguments.write)))
        return
    body = [f"{machine('av')}; CPU time. `python benchmarks/report.py` makes this file.\n"]
    body += ["While the film is open:\n", previews()]
    rows, looks = [], []
    for count in arguments.clips:
        folder = Path(tempfile.mkdtemp(prefix="report-"))
        try:
            publish(folder, count)
            # In a process of its own, to measure its memory.
            command = [sys.executable, __file__, "--write", str(folder)]
            told = json.loads(subprocess.run(command, check=True, capture_output=True).stdout)
            rows.append(
                f"| {count} | {told['cpu_s']:.1f} | {1000 * told['cpu_s'] / count:.2f} | "
                f"{told['before_mb']:.0f} | {told['peak_mb']:.0f} | {told['report_mb']:.0f} |"
            )
            looks.append(f"| {count} | " + " | ".join(used(folder)) + " |")
            if count == arguments.clips[-1]:
                table_mb = repeat_table(folder, arguments.repeat)
                looks.append(f"| {count * arguments.repeat} | " + " | ".join(used(folder)) + " |")
        finally:
            shutil.rmtree(folder)
    body += [
        "\n## Writing the report\n",
        "| clips | CPU s | CPU ms a clip | MB before | MB at the peak | report, MB |",
    ]
    body += ["|---:|---:|---:|---:|---:|---:|", *rows]
    body += [
        "\n## In Chromium, seconds of the clock\n",
        "| clips | faces | all charts | a filter | a page | frame and sound of a clip | MB of JavaScript |",
        "|---:|---:|---:|---:|---:|---:|---:|",
        *looks,
    ]
    body += [
        f"\nIn the last row, the table of the row above is repeated: {table_mb:.1f} MB of data/table.js."
    ]
    finish("report", "The report", "\n".join(body), arguments.out)


def previews() -> str:
    from emodal_data.media.encoders import preview_frame, preview_sound

    frame, pcm = picture(np.random.default_rng(0)), voice(3.0)
    parts: dict[str, Callable[[], bytes]] = {
        f"small frame of {_SIDE_PX[1]}x{_SIDE_PX[0]}": lambda: preview_frame(frame),
        "3 s of sound as Opus": lambda: preview_sound(pcm),
    }
    lines = [f"| {name} | {cpu_ms(make):.1f} | {len(make())} |" for name, make in parts.items()]
    return "\n".join(["| part | CPU ms | bytes |", "|---|---:|---:|", *lines])


def cpu_ms(work: Callable[[], object]) -> float:
    times = []
    for _ in range(_REPEATS):
        start_s = time.process_time()
        work()
        times.append(1000 * (time.process_time() - start_s))
    return statistics.median(times)


def voice(seconds: float) -> np.ndarray:
    t_s = np.arange(round(seconds * 16_000)) / 16_000
    tone = sum(np.sin(2 * np.pi * 140 * k * t_s) / k for k in range(1, 12))
    return (6000 * tone * np.sin(2 * np.pi * 1.5 * t_s) ** 2).astype("<i2")


def picture(draw: np.random.Generator) -> np.ndarray:
    return cv2.GaussianBlur(draw.integers(0, 256, (*_SIDE_PX, 3), dtype=np.uint8), (0, 0), 6)


def publish(folder: Path, count: int) -> None:
    """A dataset of synthetic clips in folder/dataset, its store in folder/clips, without augmentation and report."""
    from emodal_data.clips.gates import apply_gates
    from emodal_data.clips.plan import ingest_key
    from emodal_data.clips.store import read_measures, write_reel
    from emodal_data.core.config import DatasetConfig
    from emodal_data.core.label_words import DEFAULT_CLASSES as LABELS
    from emodal_data.core.schema import vote_columns
    from emodal_data.core.versions import package_versions
    from emodal_data.dataset.ledger import write_ledger
    from emodal_data.dataset.manifest import make_manifest
    from emodal_data.dataset.plan import PlannedShards, plan_dataset
    from emodal_data.dataset.shard_writing import write_shard
    from emodal_data.media.encoders import encode_png, preview_frame, preview_sound
    from emodal_data.storage.files import write_json

    config = DatasetConfig.model_validate({"augment": {"per_clip": 0}})
    key, draw = ingest_key(config.clips, config.face), np.random.default_rng(0)
    looks = [picture(draw) for _ in range(8)]
    shared = [
        {
            "image": encode_png(cv2.resize(look[:, :, 0], (128, 128))),
            "preview_frame": preview_frame(look),
            "preview_sound": preview_sound(voice(3.0)),
            "audio": voice(0.4).tobytes(),
        }
        for look in looks
    ]
    rows, places = [], {}
    for film in range(-(-count // PER_FILM)):
        stored = []
        file = folder / "clips" / f"film{film:03}-{film:012}" / f"{key}-reel.parquet"
        for clip in range(min(PER_FILM, count - film * PER_FILM)):
            clip_id = f"{film:04x}{clip:06x}"
            row = {
                "clip_id": clip_id,
                "film": f"film_{film:03}.mp4",
                "start_s": 5.0 * clip,
                "end_s": 5.0 * clip + 0.4,
            }
            rows.append(row | {"row": len(rows) + 2, "label": LABELS[clip % 4], "speaker": f"s{film}"})
            measures = dict(
                zip(
                    (
                        "face_score",
                        "landmark_score",
                        "face_width_px",
                        "sharpness",
                        "yaw_deg",
                        "pitch_deg",
                        "audio_rms",
                    ),
                    (
                        0.55 + 0.45 * draw.random(),
                        0.9,
                        60 + 200 * draw.random(),
                        0.02 + 0.4 * draw.random(),
                        25 * draw.standard_normal(),
                        10 * draw.standard_normal(),
                        0.1 * draw.random(),
                    ),
                    strict=True,
                )
            )
            rest = {
                "roll_deg": 0.0,
                "mirrored_fraction": 0.0,
                "dominance": 1.0,
                "outside_fraction": 0.0,
                "blur_px": 0.3,
                "view_score": 0.9,
                "missing_samples": 0,
                "x0": 400.0,
                "y0": 200.0,
                "x1": 560.0,
                "y1": 360.0,
                "audio_peak": 0.5,
                "audio_clipped_fraction": 0.0,
                "frame_s": row["start_s"] + 0.2,
                "frame_width_px": 1280.0,
            }
            flags = {"faces_in_frame": 1, "audio_is_constant": False, "audio_is_finite": True}
            seen = row | measures | rest | flags | shared[clip % 8] | {"face_hash": draw.bytes(32)}
            stored.append(seen)
            places[clip_id] = (file, clip)
        write_reel(file, stored)
    table = pd.DataFrame(rows).assign(annotator="", reason=None, measured=np.nan, detail=None)
    table = table.assign(label_as_written=table["label"], label_mapped_to=table["label"])
    clips = table.set_index("clip_id")[["film", "start_s", "end_s", "label", "speaker"]]
    votes = pd.get_dummies(clips["label"])[list(LABELS)].astype(int).set_axis(vote_columns(4), axis=1)
    clips = clips.assign(label_confidence=1.0, votes=1, tied=False).join(votes)
    clear = apply_gates(clips, read_measures(places), config.clips, config.face, config.audio)
    plan = plan_dataset(table, clear, config)
    shards = [
        write_shard(shard, config) for shard in PlannedShards(plan, folder / "dataset", config.shards.rows)
    ]
    films = dict.fromkeys(clips["film"].unique(), "0" * 64)
    manifest = make_manifest(plan, config, shards, package_versions(), films, "0" * 64)
    write_ledger(folder / "dataset" / "ledger.parquet", plan.ledger)
    write_json(folder / "dataset" / "manifest.json", manifest)


def write(folder: Path) -> dict[str, float]:
    """Write the report; CPU seconds (those of the chart bundle's process too), memory before and at the peak, size."""
    from emodal_data.dataset.folder import read_manifest
    from emodal_data.presentation.report import write_report

    def cpu_s() -> float:
        return sum(
            sum(resource.getrusage(who)[:2]) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)
        )

    before_mb, start_s = memory_mb("VmRSS"), cpu_s()
    write_report(folder / "dataset", read_manifest(folder / "dataset"), folder / "clips")
    files = [path for path in (folder / "dataset" / "report").rglob("*") if path.is_file()]
    return {
        "cpu_s": cpu_s() - start_s,
        "before_mb": before_mb,
        "peak_mb": memory_mb("VmHWM"),
        "report_mb": sum(path.stat().st_size for path in files) / 1e6,
    }


def memory_mb(name: str) -> float:
    """A line of /proc/self/status; ru_maxrss would include the parent before exec."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) / 1024 for line in lines if line.startswith(name))


def repeat_table(folder: Path, times: int) -> float:
    """Repeat the clips in the table of a report; they share their pictures. Returns the table's size in MB."""
    path = folder / "dataset" / "report" / "data" / "table.js"
    head, _, rest = path.read_text().partition(",")
    value, _, tail = rest.rpartition(",")
    table = json.loads(value)
    columns = table["columns"]
    clip_ids = columns.pop("clip_id")
    for name, column in columns.items():
        if isinstance(column, list):
            columns[name] = column * times
        elif "codes" in column:
            column["codes"] *= times
    columns["clip_id"] = [f"{number:02x}{clip_id[2:]}" for number in range(times) for clip_id in clip_ids]
    table["sheets"] *= times
    path.write_text(f"{head},{json.dumps(table, separators=(',', ':'))},{tail}")
    return path.stat().st_size / 1e6


def used(folder: Path) -> list[str]:
    """Seconds that a reader waits for the faces, the charts, a filter, another page, a clip; MB of JavaScript."""
    from playwright.sync_api import sync_playwright

    chromium = shutil.which("chromium") or shutil.which("google-chrome")
    if chromium is None:
        return ["no chromium"] * 6
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox", "--disable-gpu"])
        page = browser.new_page(viewport={"width": 1280, "height": 900})
        waits = []

        def timed(act: Callable[[], object], seen: str) -> None:
            start_s = time.perf_counter()
            act()
            page.wait_for_function(seen)
            waits.append(time.perf_counter() - start_s)

        url = (folder / "dataset" / "report" / "index.html").as_uri()
        timed(lambda: page.goto(url), "document.querySelector('#sheet .cell')")
        start_s = time.perf_counter() - waits[0]
        page.wait_for_selector("body[data-drawn=all]", timeout=120_000)
        waits.append(time.perf_counter() - start_s)
        all_clips = page.inner_text("#count")
        fewer = f"document.getElementById('count').textContent !== {all_clips!r}"
        timed(lambda: page.select_option("[name=label]", "sad"), fewer)
        turned = "document.querySelector('#pager').textContent.includes('page 2')"
        timed(lambda: page.click("[aria-label='Next page']"), turned)
        shown = "document.querySelector('#frame img')?.complete && document.querySelector('audio')?.readyState >= 1"
        timed(lambda: page.locator("#sheet .cell").nth(30).click(), shown)
        used_mb = page.evaluate("performance.memory.usedJSHeapSize") / 1e6
        browser.close()
    return [*(f"{wait:.2f}" for wait in waits), f"{used_mb:.0f}"]


if __name__ == "__main__":
    main()
