"""Asks every film of the media matrix, and counts wrong frames and wrong sound against a whole decode of each.

python benchmarks/media_matrix.py [--films NAME ...] [--out docs/benchmarks]   (about two CPU-minutes)
"""

import argparse
import sys
import tempfile
from collections import Counter
from pathlib import Path

import av
import imageio_ffmpeg
from sheet import finish, machine

sys.path.insert(0, str(Path(__file__).parents[1]))

from emodal_data.core.errors import Dropped
from tests.media.matrix import FILMS, ORDERS, QUESTIONS, Answers, make_cell


def ask(name: str, folder: Path) -> dict[str, Answers]:
    """The answers of a film by kind of question; a film that is refused is one wrong answer of one."""
    path = make_cell(folder, name)
    answers = {}
    for kind, questions in QUESTIONS.items():
        try:
            answers[kind] = questions(path)
        except Dropped as dropped:
            answers[kind] = Answers(1, (f"refused: {dropped}",))
    path.unlink()
    return answers


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--films", nargs="*", default=list(FILMS))
    parser.add_argument("--out", type=Path)
    arguments = parser.parse_args()
    asked, wrong, rows, faults = Counter[str](), Counter[str](), [], []
    with tempfile.TemporaryDirectory() as folder:
        for name in arguments.films:
            answers = ask(name, Path(folder))
            counts = []
            for kind, answer in answers.items():
                asked[kind] += answer.asked
                wrong[kind] += len(answer.wrong)
                counts += [f"{answer.asked}", f"{len(answer.wrong)}"]
                if answer.wrong:
                    faults.append(f"| {name} | {kind} | {answer.wrong[0]} |")
            rows.append(f"| {name} | {' | '.join(counts)} |")
            print(rows[-1], file=sys.stderr, flush=True)
    program = f"the ffmpeg program {imageio_ffmpeg.get_ffmpeg_version()}"
    lines = [
        f"{machine('av')}, libavcodec {'.'.join(map(str, av.library_versions['libavcodec']))}, {program}.",
        "`python benchmarks/media_matrix.py` makes this file; `tests/media/matrix.py` makes the films.",
        "",
        f"Each film is asked for the frames at 40 random times in {len(ORDERS)} orders ({', '.join(ORDERS)}),",
        "and for the sound of 12 random spans, in one film and each alone. Right is what a whole decode gives.",
        "",
        "| | films | questions | wrong |",
        "|---|---|---|---|",
        *(f"| {kind} | {len(arguments.films)} | {asked[kind]} | {wrong[kind]} |" for kind in QUESTIONS),
        "",
    ]
    if faults:
        lines += ["## Wrong", "", "| film | what | first wrong answer |", "|---|---|---|", *faults, ""]
    lines += ["## Films", "", "| film | frames | wrong | sounds | wrong |", "|---|---|---|---|---|", *rows]
    finish("media-matrix", "Media: every codec in every container", "\n".join(lines), arguments.out)


if __name__ == "__main__":
    main()
