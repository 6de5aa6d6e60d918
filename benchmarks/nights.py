"""Measures scheduled builds: from nothing, with one new film, without changes, and the start of a command.

python benchmarks/nights.py [--samples FOLDER] [--films 53] [--clips-per-film 58] [--turns 5] [--out docs/benchmarks]
The new film is the last by name. Adding it and building it alone run in turns, because the speed of a machine varies.
One worker by default, no training, augmented to the size of the poster's dataset. CPU of a command and its processes.
"""

import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

import pandas as pd
from processes import Cost, measured
from samples import SAMPLES_PER_CLIP, parser_of, samples_in
from sheet import finish, machine

from emodal_data.storage.files import link_or_copy

EMODAL = [sys.executable, "-m", "flows"]


def some_films(samples: Path, names: list[str], folder: Path) -> list[object]:
    """The options for some films of the samples and their spans, which are put into the folder."""
    (folder / "films").mkdir(parents=True)
    for name in names:
        link_or_copy(samples / "films" / name, folder / "films" / name)
    spans = pd.read_csv(samples / "annotations.csv")
    spans[spans["film"].isin(names)].to_csv(folder / "spans.csv", index=False)
    return ["--films", folder / "films", "--annotations", folder / "spans.csv"]


def build(films: list[object], clips: int, out: Path, workers: int = 1) -> list[object]:
    """The command that builds a dataset from some films."""
    target = round(SAMPLES_PER_CLIP * clips)
    settings = [f"augment.target_size={target}", "split.allow_imbalance=true"]
    options = [word for setting in settings for word in ("--set", setting)]
    return [*EMODAL, "build", *films, "--out", out, "--no-train", "--workers", workers, *options]


def nights(samples: Path, count: int, turns: int, work: Path) -> list[str]:
    spans = pd.read_csv(samples / "annotations.csv")
    names = sorted(spans["film"].unique())[:count]
    clips = spans[spans["film"].isin(names)]["film"].value_counts()
    last = names[-1]
    before = some_films(samples, names[:-1], work / "before")
    after = some_films(samples, names, work / "after")
    alone = some_films(samples, [last], work / "alone")

    built, grown = work / "built", work / "grown"
    cores = len(os.sched_getaffinity(0))
    whole = measured(build(before, int(clips.sum()), built))
    together = measured(build(before, int(clips.sum()), work / "together", cores))
    again = build(before, int(clips.sum()), built)
    unchanged = [measured(again) for _ in range(turns)]
    told = subprocess.run(list(map(str, [*again, "--json"])), capture_output=True, check=True, text=True)
    read = json.loads(told.stdout)["clips_read"]
    pairs = []
    for _ in range(turns):
        shutil.copytree(built, grown)
        added = measured(build(after, int(clips.sum()), grown))
        pairs.append((added, measured(build(alone, int(clips[last]), work / "one"))))
        shutil.rmtree(grown)
        shutil.rmtree(work / "one")
    helps = [measured([*EMODAL, "--help"]) for _ in range(turns)]
    plans = [measured([*EMODAL, "plan", *after, "--out", work / f"plan-{n}"]) for n in range(turns)]

    rows = [
        (f"{count - 1} films from nothing: {int(clips.sum() - clips[last])} clips", [whole]),
        (f"the same with {cores} workers", [together]),
        (f"the same again: {read} clips read", unchanged),
        (f"one film more: {clips[last]} clips", [added for added, _ in pairs]),
        ("that film alone, from nothing", [one for _, one in pairs]),
        ("`emodal --help`", helps),
        (f"`emodal plan`, {count} films never seen before", plans),
    ]
    more = statistics.median(added.cpu_s for added, _ in pairs) / statistics.median(o.cpu_s for _, o in pairs)
    each = ", ".join(f"{added.cpu_s:.1f}/{one.cpu_s:.1f}" for added, one in pairs)
    return [
        "| command | CPU s | wall s | parent, MB | largest worker, MB |",
        "|---|---|---|---|---|",
        *(row(title, costs) for title, costs in rows),
        "",
        f"{cores} workers are {whole.wall_s / together.wall_s:.2f} times as fast as one, start-up and all.",
        f"Medians of {turns}, but for the first two rows. One film more takes {more - 1:+.1%} beside the film alone;",
        f"pairs, CPU s: {each}.",
    ]


def row(title: str, costs: list[Cost]) -> str:
    cpu_s, wall_s = (statistics.median(getattr(cost, name) for cost in costs) for name in ("cpu_s", "wall_s"))
    parent_mb, child_mb = (max(getattr(cost, name) for cost in costs) for name in ("parent_mb", "child_mb"))
    return f"| {title} | {cpu_s:.2f} | {wall_s:.2f} | {parent_mb:.0f} | {child_mb:.0f} |"


def main() -> None:
    parser = parser_of(__doc__, films=53)
    parser.add_argument("--turns", type=int, default=5)
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        work = Path(name)
        samples = samples_in(args.samples or work / "samples", args.films, args.clips_per_film)
        lines = nights(samples, args.films, args.turns, work)
    facts = f"{machine('pandas', 'pyarrow', 'prefect')}; sample films of 720p"
    finish("nights", "What a night costs", "\n".join([facts, "", *lines]), args.out)


if __name__ == "__main__":
    main()
