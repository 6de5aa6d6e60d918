"""`emodal corpus`: public corpora by name, from their own files to a table and an emodal.toml."""

from pathlib import Path
from typing import Annotated

import typer

from flows.cli.groups import Command, Group
from flows.cli.options import Json, note, on_this_machine, print_result
from flows.cli.verbosity import with_verbosity

corpus = typer.Typer(cls=Group, no_args_is_help=True, rich_markup_mode=None)


@corpus.callback()
def _corpus() -> None:
    """Turn the files of a public corpus into a table of spans and an emodal.toml.

    Example: emodal corpus table ravdess RAVDESS --out ravdess/spans.csv
    """


@corpus.command("list", cls=Command, short_help="List the corpora.")
@with_verbosity
def list_corpora(as_json: Json = False) -> None:
    """Name every corpus, with a line about each.

    Example: emodal corpus list
    """
    from emodal_data.corpora import corpora

    known = corpora()
    lines = [f"{name:<14} {one.title}: {one.summary}" for name, one in known.items()]
    print_result({name: one.summary for name, one in known.items()}, "\n".join(lines), as_json)


@corpus.command(cls=Command, short_help="Show the facts of a corpus.")
@with_verbosity
def show(
    name: Annotated[str, typer.Argument(help="Name of a corpus; `emodal corpus list` has all.")],
    as_json: Json = False,
) -> None:
    """Print licence, access, citation, files, classes, options, known faults, and what was verified.

    Example: emodal corpus show crema_d
    """
    from emodal_data.corpora import corpus_named
    from emodal_data.corpora.facts import facts_dict, facts_text

    found = corpus_named(name)
    print_result(facts_dict(found), facts_text(found), as_json)


@corpus.command(cls=Command, short_help="Write the table and the settings of a corpus.")
@with_verbosity
def table(
    name: Annotated[str, typer.Argument(help="Name of a corpus; `emodal corpus list` has all.")],
    folder: Annotated[Path, typer.Argument(help="Folder that the corpus was unpacked into.")],
    out: Annotated[
        Path, typer.Option(help="Table to write, such as spans.csv; emodal.toml comes beside it.")
    ],
    option: Annotated[
        list[str] | None,
        typer.Option(help="A choice of the corpus, such as modality=audio. May be repeated."),
    ] = None,
    facts: Annotated[Path | None, typer.Option(help="Also write the page of facts to this file.")] = None,
    force: Annotated[bool, typer.Option("--force", help="Overwrite the files of an earlier call.")] = False,
    as_json: Json = False,
) -> None:
    """Write the table of a corpus and the emodal.toml that builds it; print its facts.

    Missing and ambiguous files are reported on standard error.

    Example: emodal corpus table ravdess RAVDESS --out ravdess/spans.csv
    """
    from emodal_data.core.errors import InputError
    from emodal_data.corpora import corpus_named, read_corpus, write_corpus
    from emodal_data.corpora.facts import facts_dict, facts_text
    from emodal_data.storage.files import write_bytes

    options = {}
    for text in option or []:
        key, equals, value = text.partition("=")
        if not equals:
            raise InputError(f"--option {text}: write name=value, such as --option modality=audio")
        options[key.strip()] = value.strip()
    found = corpus_named(name)
    made = read_corpus(found, on_this_machine(folder), options)
    written = [str(path) for path in write_corpus(made, on_this_machine(out), force)]
    if facts:
        write_bytes(on_this_machine(facts), (facts_text(found) + "\n").encode())
        written.append(str(facts))
    from flows.progress.summary import next_command

    for warning in made.warnings:
        note(warning)
    counts = {"rows": len(made.rows), "films": made.films}
    lines = [
        f"{written[0]}: {counts['rows']} rows, {counts['films']} films",
        *written[1:],
        "",
        facts_text(found),
    ]
    result = {"written": written, **counts, "warnings": list(made.warnings), "facts": facts_dict(found)}
    then = next_command("plan", "--config", written[1])
    print_result(result, "\n".join(lines), as_json, brief=lines[0], then=[then])
