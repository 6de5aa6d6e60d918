"""The commands verify, leak-price, diff, check-split and forget: what is done with a finished dataset."""

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from flows.cli.options import Json, dataset_in, note, print_line, print_result

if TYPE_CHECKING:
    from flows.operations.forget import Forgotten


def verify(
    out: Annotated[Path, typer.Argument(help="Folder of a build, or of its dataset.")],
    as_json: Json = False,
) -> None:
    """Compare a dataset with its manifest: hashes, counts, ledger and split. The exit code is 1 if anything is wrong.

    Example: emodal verify build
    """
    from emodal_data.dataset.read import read_unchanged
    from emodal_data.dataset.verify import verify_dataset

    dataset = dataset_in(out)
    problems = read_unchanged(dataset, lambda: verify_dataset(dataset))
    print_result(problems, "\n".join(problems) or f"{dataset}: all is as the manifest says", as_json)
    if problems:
        raise typer.Exit(1)


def leak_price(
    out: Annotated[Path, typer.Argument(help="Folder of a build, or of its dataset.")],
    as_json: Json = False,
) -> None:
    """Measure leakage: the accuracy of simple models on a leaking split of this dataset and on one without leaks.

    Example: emodal leak-price build
    """
    from emodal_data.core.errors import InputError
    from emodal_data.dataset.read import read_unchanged
    from emodal_data.dataset.split.leak_price import format_price
    from emodal_data.dataset.split.leak_price import leak_price as measure

    dataset = dataset_in(out)
    price = read_unchanged(dataset, lambda: measure(dataset))
    if price is None:
        raise InputError(
            f"{dataset}: fewer than two classes in the training split: there is nothing to classify"
        )
    print_result(price, format_price(price), as_json)


def diff(
    one: Annotated[Path, typer.Argument(metavar="OUT_A", help="Folder of a build, or of its dataset.")],
    two: Annotated[Path, typer.Argument(metavar="OUT_B", help="The other one.")],
    as_json: Json = False,
) -> None:
    """List the differences of two builds, and why: settings, films, spans, samples. The exit code is 1 if there are
    any.

    Example: emodal diff build-of-may build-of-june
    """
    from emodal_data.dataset.compare import compare_datasets, format_differences, is_equal
    from emodal_data.dataset.read import read_unchanged

    a, b = dataset_in(one), dataset_in(two)
    differences = read_unchanged(a, lambda: read_unchanged(b, lambda: compare_datasets(a, b)))
    print_result(differences, format_differences(differences), as_json)
    if not is_equal(differences):
        raise typer.Exit(1)


def check_split(
    one: Annotated[Path, typer.Argument(metavar="OUT_A", help="Folder of a build, or of its dataset.")],
    two: Annotated[Path, typer.Argument(metavar="OUT_B", help="The one that must have nothing in common.")],
    as_json: Json = False,
) -> None:
    """List what two related builds share: films, clips, speakers, faces. The exit code is 1 if they share anything.

    For training and test sets that were built separately.

    Example: emodal check-split build-train build-test
    """
    from emodal_data.dataset.read import read_unchanged
    from emodal_data.dataset.split.shared import format_shared, has_shared, shared_between

    a, b = dataset_in(one), dataset_in(two)
    shared = read_unchanged(a, lambda: read_unchanged(b, lambda: shared_between(a, b)))
    text = format_shared(shared)
    print_result(shared, text if has_shared(shared) else f"nothing is in both:\n{text}", as_json)
    if has_shared(shared):
        raise typer.Exit(1)


def forget(
    out: Annotated[Path, typer.Argument(help="Folder of a build.")],
    film: Annotated[str | None, typer.Option(help="Film, as its path below the films folder.")] = None,
    speaker: Annotated[str | None, typer.Option(help="Speaker, as the annotations name them.")] = None,
    person: Annotated[int | None, typer.Option(help="Number of a person, as in the column person.")] = None,
    model: Annotated[
        bool,
        typer.Option(
            "--model", help="Remove OUT/model too, because it may have learnt from what is removed."
        ),
    ] = False,
    also: Annotated[
        list[Path] | None,
        typer.Option(help="A further file or folder to search, such as an export. May be repeated."),
    ] = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Change nothing; say what would go and what would be left.")
    ] = False,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask for confirmation.")] = False,
    as_json: Json = False,
) -> None:
    """Remove a film, a speaker or a person from a build, then search every file for its name. Reads no film.

    If something still names it, the command says where, and the exit code is 1. You can repeat it at any time. Remove
    it from the annotations too, or the next build adds it again.

    Example: emodal forget build --speaker anna
    """
    from dataclasses import asdict

    from flows.operations.forget import forget as forget_in
    from flows.progress.summary import next_command

    def run(only_say: bool) -> "Forgotten":
        return forget_in(
            out, film, speaker, with_model=model, also=also or (), dry_run=only_say, person=person
        )

    done = "would be removed" if dry_run else "removed"
    if sys.stdin.isatty() and sys.stderr.isatty() and not (yes or dry_run):
        for line in _counts(run(only_say=True), "will be removed"):
            print_line(line)
        typer.confirm("Remove it?", abort=True, err=True)
    result = run(dry_run)
    if not result.is_known:
        note(
            f"{out}: knows no {'film' if film else 'speaker'} {film or speaker!r}: searched for its name alone"
        )
    for line in result.left:  # the command fails for it, so it is said also with -q
        print_line(f"{'would be left' if dry_run else 'left'}: {line}")
    if (out / "model").exists():
        note(f"{out / 'model'} may have learnt from it; --model removes it")
    note("take it out of the annotations too, or the next build brings it back")
    found = f"{len(result.left)} places still name it" if result.left else "nothing names it any more"
    lines = [*_counts(result, done), found] if not dry_run else _counts(result, done)
    then = [] if dry_run or result.left else [next_command("verify", out)]
    print_result(
        asdict(result), "\n".join(lines), as_json, brief=lines[-1] if not dry_run else None, then=then
    )
    if result.left:
        raise typer.Exit(1)


def _counts(result: "Forgotten", done: str) -> list[str]:
    counts = {
        "annotation rows": result.rows,
        "samples": result.samples,
        "stored clips": result.stored_clips,
        "mp4 files": result.exports,
        "cached files": result.cached,
    }
    return [f"{count:>7} {name} {done}" for name, count in counts.items()]
