"""Planning and publishing on paper as the table grows: CPU time and memory of each step, up to a million rows.

python benchmarks/growth.py [--rows 1000 10000 100000 1000000] [--films 530] [--out docs/benchmarks]
The films are named, not there; faces are hashes drawn at random, so that no clip is another's near-duplicate. Each
size runs in a process of its own.
"""

import argparse
import hashlib
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import pandas as pd
from sheet import finish, machine

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


def steps(folder: Path, rows: int, films: int) -> None:
    """Print CPU seconds and peak MB after each step."""
    from emodal_data.annotations import read_annotations
    from emodal_data.config import ClipsConfig, DatasetConfig, FaceConfig
    from emodal_data.dataset import plan_dataset
    from emodal_data.ledger import write_ledger
    from emodal_data.plan import locate_films, plan_build
    from emodal_data.sources import FilmFacts

    table, places = folder / "spans.csv", folder / "films"
    write_table(table, rows, films)
    places.mkdir()
    for n in range(films):
        (places / f"show{n:04}.mp4").touch()
    begin_s = time.process_time()

    def done() -> None:
        nonlocal begin_s
        peak_mb = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e3
        print(time.process_time() - begin_s, peak_mb, flush=True)
        begin_s = time.process_time()

    spans = read_annotations(table)
    done()
    spans, files = locate_films(spans, places)
    done()
    facts = {name: FilmFacts(name, 0, 0, hashlib.sha256(name.encode()).hexdigest(), 7200.0) for name in files}
    plan = plan_build(spans, files, facts, folder / "store", ClipsConfig(), FaceConfig())
    done()
    draw, count = np.random.default_rng(1), len(plan.clips)
    clips = plan.clips.assign(
        reason=None,
        measured=np.nan,
        detail=None,
        face_hash=[draw.bytes(32) for _ in range(count)],
        store_file="reel.parquet",
        store_row=0,
        frame_s=plan.clips["start_s"],
        **{name: draw.random(count) for name in ("blur", "face_score", "yaw_deg", "pitch_deg", "roll_deg")},
    )
    config = DatasetConfig.model_validate({"split": {"allow_imbalance": True}})
    begin_s = time.process_time()
    dataset = plan_dataset(plan.rows, clips, config)
    done()
    write_ledger(folder / "ledger.parquet", dataset.ledger)
    done()


def measure(rows: int, films: int) -> list[tuple[float, float]]:
    with tempfile.TemporaryDirectory() as folder:
        command = [sys.executable, __file__, "--steps", folder, "--rows", str(rows), "--films", str(films)]
        run = subprocess.run(command, capture_output=True, text=True, check=True)
    return [(float(cpu), float(mb)) for cpu, mb in (line.split() for line in run.stdout.splitlines())]


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--rows", type=int, nargs="+", default=[1000, 10_000, 100_000, 1_000_000])
    parser.add_argument("--films", type=int, default=530)
    parser.add_argument("--steps", type=Path, help=argparse.SUPPRESS)
    parser.add_argument("--out", type=Path)
    args = parser.parse_args()
    if args.steps:
        steps(args.steps, args.rows[0], args.films)
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
