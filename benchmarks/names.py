"""Measures how long film names take to be found: with suffix, without, and missing, for 1,000 to 100,000 names.

python benchmarks/names.py [--names 1000 13700 100000] [--out docs/benchmarks]
The films are empty files in folders of 1,000; a table names each once. Each size and kind runs in a process of its own.
"""

import argparse
import os
import subprocess
import sys
import tempfile
from pathlib import Path

from sheet import finish, machine

KINDS = ("path", "no suffix", "name alone", "missing")


def make_films(folder: Path, count: int) -> list[str]:
    names = [f"part{n // 1000}/dia{n // 20}_utt{n % 20}.mp4" for n in range(count)]
    for part in {name.split("/")[0] for name in names}:
        (folder / part).mkdir(parents=True)
    for name in names:
        (folder / name).touch()
    return names


def as_named(name: str, kind: str) -> str:
    stem = name.removesuffix(".mp4")
    return {
        "path": name,
        "no suffix": stem,
        "name alone": stem.split("/")[1],
        "missing": f"{stem.replace('dia', 'dialogue')}x",
    }[kind]


def step(table: Path, films: Path) -> None:
    """Print the CPU seconds of reading a table and finding its films, and how many rows have a film."""
    from emodal_data.annotations import read_annotations
    from emodal_data.clips.plan import locate_films

    begin_s = sum(os.times()[:4])  # with the worker that reads the table
    rows, _ = locate_films(read_annotations(table), films)
    print(sum(os.times()[:4]) - begin_s, int(rows["reason"].isna().sum()))


def measure(names: int, kind: str) -> tuple[float, int]:
    with tempfile.TemporaryDirectory() as scratch:
        films, table = Path(scratch) / "films", Path(scratch) / "spans.csv"
        known = make_films(films, names)
        (films / "one.mp4").touch()  # a table of which no film is found is refused
        lines = [f"{as_named(name, kind)},1,2,sad\n" for name in known]
        table.write_text("film,start,end,label\none.mp4,1,2,sad\n" + "".join(lines))
        command = [sys.executable, __file__, "--step", str(table), str(films)]
        run = subprocess.run(command, capture_output=True, text=True, check=True)
    cpu_s, found = run.stdout.split()
    return float(cpu_s), int(found)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--names", type=int, nargs="+", default=[1_000, 13_700, 100_000])
    parser.add_argument("--out", type=Path, default=Path("docs/benchmarks"))
    parser.add_argument("--step", type=Path, nargs=2, help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.step:
        step(*args.step)
        return
    lines = [
        machine(),
        "\nCPU seconds to read a table and to find the film of every row, and rows with a film.\n",
        "| names | " + " | ".join(KINDS) + " |",
        "|---|" + "---|" * len(KINDS),
    ]
    for names in args.names:
        cells = [f"{cpu_s:.2f} s, {found:,}" for cpu_s, found in (measure(names, kind) for kind in KINDS)]
        lines.append(f"| {names:,} | " + " | ".join(cells) + " |")
        print(lines[-1], flush=True)
    finish("names", "Finding film names", "\n".join(lines), args.out)


if __name__ == "__main__":
    main()
