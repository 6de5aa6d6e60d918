"""Measures growth: planning and publishing of up to a million rows, and whole builds with more and more clips.

python benchmarks/growth.py [--rows 1000 10000 100000 1000000] [--films 530] [--out docs/benchmarks]
The films do not exist; face hashes are random, so that no two clips are near-duplicates. Each size runs in a process of
its own.

python benchmarks/growth.py --paper 1000 10000 100000 [--hollow] [--films 530] [--out docs/benchmarks]
Whole builds of the same films that do not exist (paper_build.py): everything but decoding is real, one process a core.
--hollow: workers write no shards and no pages, for the memory of the parent alone with up to a million clips.

python benchmarks/growth.py --clips 1000 10000 [--compare 1000] [--samples FOLDER] [--out docs/benchmarks]
Real builds of the same close-ups, annotated more and more densely, with one process a core; the size of --compare also
with one process, and with Dask. --samples: a folder of emodal sample-films with at least 16 films (made if absent).
"""

import argparse
import hashlib
import os
import resource
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
from processes import Cost, measured
from sheet import finish, machine

from flows.engine.processes import settle_memory

#: Films of the whole builds, and clips of the build that start-up is told by.
GROWN_FILMS, START_CLIPS = 16, 160
STEPS = ("read the table", "find the films", "plan", "split, proof, ledger", "write the ledger")


def write_table(path: Path, rows: int, films: int) -> None:
    draw = np.random.default_rng(0)
    start_s = np.round(draw.uniform(0, 7000, rows), 2)
    columns = {
        "film": np.array([f"show{n:04}.mp4" for n in range(films)])[draw.integers(0, films, rows)],
        "start": start_s,
        "end": np.round(start_s + draw.uniform(1, 5, rows), 2),
        "label": np.array(["angry", "happy", "neutral", "sad", ""])[draw.integers(0, 5, rows)],
        "annotator": "anna",
        "speaker": np.array([f"s{n}" for n in range(4 * films)])[draw.integers(0, 4 * films, rows)],
    }
    pd.DataFrame(columns).to_csv(path, index=False)


def cpu_s() -> float:
    """CPU seconds so far, with those of the ended worker that read the table."""
    return sum(os.times()[:4])


def steps(folder: Path, rows: int, films: int) -> None:
    """Print CPU seconds and peak MB after each step."""
    from emodal_data.annotations import read_annotations
    from emodal_data.clips.films import FilmFacts
    from emodal_data.clips.plan import locate_films, plan_build
    from emodal_data.core.config import ClipsConfig, DatasetConfig, FaceConfig
    from emodal_data.core.schema import MORE_QUALITY, QUALITY
    from emodal_data.dataset.ledger import write_ledger
    from emodal_data.dataset.plan import plan_dataset

    settle_memory()  # as a build does
    table, places = folder / "spans.csv", folder / "films"
    write_table(table, rows, films)
    places.mkdir()
    for n in range(films):
        (places / f"show{n:04}.mp4").touch()
    begin_s = cpu_s()

    def done() -> None:
        nonlocal begin_s
        peak_mb = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e3
        print(cpu_s() - begin_s, peak_mb, flush=True)
        begin_s = cpu_s()

    spans = read_annotations(table)
    done()
    spans, files = locate_films(spans, places)
    done()
    facts = {name: FilmFacts(name, 0, 0, hashlib.sha256(name.encode()).hexdigest(), 7200.0) for name in files}
    plan = plan_build(spans, files, facts, folder / "store", ClipsConfig(), FaceConfig())
    done()
    draw, count = np.random.default_rng(1), len(plan.clips)
    measures = [field.name for field in (*QUALITY, *MORE_QUALITY) if field.name != "faces_in_frame"]
    clips = plan.clips.assign(
        **{name: draw.random(count, np.float32) for name in [*measures, "frame_width_px"]},
        frame_error_s=draw.random(count),
        **{
            "faces_in_frame": 1,
            "corrupt_frames": 0,
            "missing_samples": 0,
            "audio_is_constant": False,
            "audio_is_finite": True,
        },
        **{"reason": None, "measured": np.nan, "detail": None, "store_file": "reel.parquet", "store_row": 0},
        face_hash=pd.array([draw.bytes(32) for _ in range(count)], pd.ArrowDtype(pa.binary())),
        frame_s=plan.clips["start_s"],
    )
    config = DatasetConfig.model_validate({"split": {"allow_imbalance": True}})
    begin_s = cpu_s()
    dataset = plan_dataset(plan.rows, clips, config)
    done()
    write_ledger(folder / "ledger.parquet", dataset.ledger)
    done()


def measure(rows: int, films: int) -> list[tuple[float, float]]:
    with tempfile.TemporaryDirectory() as folder:
        command = [sys.executable, __file__, "--steps", folder, "--rows", str(rows), "--films", str(films)]
        run = subprocess.run(command, capture_output=True, text=True, check=True)
    return [(float(cpu), float(mb)) for cpu, mb in (line.split() for line in run.stdout.splitlines())]


def paper_builds(sizes: list[int], films: int, is_hollow: bool) -> list[str]:
    """Builds without decoding: a line for each size."""
    lines = ["| clips | CPU s | wall s | parent, MB | largest worker, MB |", "|" + "---|" * 5]
    for clips in sizes:
        with tempfile.TemporaryDirectory() as folder:
            script = Path(__file__).with_name("paper_build.py")
            command = [sys.executable, script, folder, "--clips", clips, "--films", films]
            cost = measured([*command, "--hollow"] if is_hollow else command)
        row = f"{cost.cpu_s:.1f} | {cost.wall_s:.1f} | {cost.parent_mb:.0f} | {cost.child_mb:.0f}"
        lines.append(f"| {clips} | {row} |")
        print(lines[-1], file=sys.stderr, flush=True)
    return lines


def build(folder: Path, films: Path, clips: int, name: str, more: tuple[str, ...]) -> Cost:
    """Build a dataset of `clips` clips from nothing, and delete it."""
    from closeups import write_dense_table

    table, out = folder / f"{clips}.csv", folder / "build"
    if not table.exists():
        write_dense_table(table, films, clips)
    command = [sys.executable, "-m", "flows", "build", "--films", films, "--annotations", table, "--out", out]
    settings = ["augment.per_clip=0", "split.allow_imbalance=true", *more]
    try:
        cost = measured([*command, "--no-train", *(word for one in settings for word in ("--set", one))])
    finally:
        shutil.rmtree(out, ignore_errors=True)
    print(f"{clips} clips, {name}: {cost}", file=sys.stderr, flush=True)
    return cost


def builds(sizes: list[int], compare: int, samples: Path | None) -> list[str]:
    """Whole builds: a line for each size, then those of one size by another engine. The smallest is the start-up."""
    from closeups import make_closeups

    sizes = [size for size in sizes if size != START_CLIPS]  # that one is always built
    cores = len(os.sched_getaffinity(0))
    engines = {
        f"{cores} processes": (f"workers={cores}",),
        "1 process": ("workers=1",),
        f"Dask, {cores} workers": (f"workers={cores}", "engine.kind=dask"),
    }
    pool, *others = engines
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        films = folder / "films"
        make_closeups(films, samples or folder / "samples", GROWN_FILMS)
        costs = {
            (engine, clips): build(folder, films, clips, engine, engines[engine])
            for engine in engines
            for clips in [START_CLIPS, *(sorted({*sizes, compare}) if engine == pool else [compare])]
        }
    lines = ["| clips | engine | CPU s | wall s | CPU ms a clip more | parent, MB | largest worker, MB |"]
    lines.append("|" + "---|" * 7)
    slopes_ms = {}
    for (engine, clips), cost in costs.items():
        more = ""
        if clips != START_CLIPS:
            start = costs[engine, START_CLIPS]
            slopes_ms[engine, clips] = 1000 * (cost.cpu_s - start.cpu_s) / (clips - START_CLIPS)
            more = f"{slopes_ms[engine, clips]:.1f}"
        lines.append(
            f"| {clips} | {engine} | {cost.cpu_s:.1f} | {cost.wall_s:.1f} | {more} | {cost.parent_mb:.0f} "
            f"| {cost.child_mb:.0f} |"
        )
    lines.append("")
    first, last = min(sizes), max(sizes)
    if last > first:
        off = slopes_ms[pool, last] / slopes_ms[pool, first] - 1
        grown = 1000 * (costs[pool, last].parent_mb - costs[pool, first].parent_mb) / (last - first)
        lines.append(
            f"From {first} to {last} clips a clip costs {off:+.1%}; the parent grows by {grown:.1f} MB a 1,000 clips."
        )

    def wall_s(engine: str) -> float:
        return costs[engine, compare].wall_s - costs[engine, START_CLIPS].wall_s

    one, dask = others
    lines.append(
        f"At {compare} clips, start-up aside: {pool} are {wall_s(one) / wall_s(pool):.2f} times as fast as one. Dask "
        f"takes {costs[dask, compare].wall_s / costs[pool, compare].wall_s - 1:+.0%} wall and "
        f"{costs[dask, compare].cpu_s / costs[pool, compare].cpu_s - 1:+.0%} CPU time, start-up and all; "
        f"{wall_s(dask) / wall_s(pool) - 1:+.0%} and {slopes_ms[dask, compare] / slopes_ms[pool, compare] - 1:+.0%} "
        "without it."
    )
    return lines


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--rows", type=int, nargs="+", default=[1000, 10_000, 100_000, 1_000_000])
    parser.add_argument("--films", type=int, default=530)
    parser.add_argument("--paper", type=int, nargs="+")
    parser.add_argument("--hollow", action="store_true")
    parser.add_argument("--clips", type=int, nargs="+")
    parser.add_argument(
        "--compare", type=int, help="clips of the builds by other engines (default: the fewest)"
    )
    parser.add_argument("--samples", type=Path)
    parser.add_argument("--steps", type=Path, help=argparse.SUPPRESS)
    parser.add_argument("--out", type=Path)
    args = parser.parse_args()
    if args.steps:
        steps(args.steps, args.rows[0], args.films)
        return
    if args.paper:
        about = (
            f"{machine('pandas', 'pyarrow')}; whole builds from nothing of films that are not there "
            "(benchmarks/paper_build.py): faces and sounds are made up, no augmentation, all else is real."
        )
        body = "\n".join([about, "", *paper_builds(args.paper, args.films, args.hollow)])
        finish("growth-paper", "Builds without decoding as the clips grow", body, args.out)
        return
    if args.clips:
        lines = builds(args.clips, args.compare or min(args.clips), args.samples)
        about = (
            f"{machine('pandas', 'pyarrow')}; {GROWN_FILMS} films of close-ups (benchmarks/closeups.py), one face "
            "each, no augmentation; whole builds from nothing, CPU and memory of all processes."
        )
        finish("growth-builds", "Builds as the clips grow", "\n".join([about, "", *lines]), args.out)
        return
    lines = [
        f"| rows | {' | '.join(f'{step}, CPU s' for step in STEPS)} | all | peak after plan, MB | peak, MB |"
    ]
    lines.append("|" + "---|" * (len(STEPS) + 4))
    for rows in args.rows:
        found = measure(rows, min(args.films, rows))
        each = " | ".join(f"{cpu:.2f}" for cpu, _ in found)
        whole = sum(cpu for cpu, _ in found)
        lines.append(f"| {rows} | {each} | {whole:.1f} | {found[2][1]:.0f} | {found[-1][1]:.0f} |")
        print(lines[-1], flush=True)
    finish(
        "growth",
        "Planning as the table grows",
        "\n".join([machine("pandas", "pyarrow"), "", *lines]),
        args.out,
    )


if __name__ == "__main__":
    main()
