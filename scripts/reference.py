"""Writes the pages of docs/reference/ from the code, and the changelog into it. `make docs` runs it."""

import ast
import inspect
import pkgutil
import re
import sys
import textwrap
from collections.abc import Iterable, Sequence
from pathlib import Path

import pyarrow as pa
import typer

import emodal
from emodal_data.audio_features import FEATURE_NAMES
from emodal_data.clips.gates import GATES, Gate
from emodal_data.core import schema
from emodal_data.core.config import AudioConfig
from emodal_data.core.reasons import ADVICE, Reason
from flows.cli import app
from flows.config.reference import settings_sections

FOLDER = Path(__file__).parents[1] / "docs" / "reference"
#: What may be used alone, by the path that people import.
DATA_FUNCTIONS = (
    "emodal_data.read_split",
    "emodal_data.media.open_film",
    "emodal_data.media.Film.frame_at",
    "emodal_data.media.Film.audio",
    "emodal_data.face.create_backend",
    "emodal_data.face.find_faces",
    "emodal_data.face.frontalize",
    "emodal_data.face.views.aligned_face",
    "emodal_data.audio_features.clip_features",
)
MODEL_FUNCTIONS = ("emodal_model.load", "emodal_model.losses.h_score")
_MADE = "<!-- Made by scripts/reference.py: change the code, not this page. -->\n\n"


def pages() -> dict[str, str]:
    """The pages by file name."""
    texts = {
        "commands.md": commands(),
        "settings.md": settings(),
        "columns.md": columns(),
        "reasons.md": reasons(),
        "python.md": python(),
        "changelog.md": (FOLDER.parents[1] / "CHANGELOG.md").read_text(encoding="utf-8"),
    }
    return {name: _MADE + text.rstrip() + "\n" for name, text in texts.items()}


def commands() -> str:
    """Every command with its help, as the terminal shows it."""
    group = typer.main.get_command(app)
    parts = ["# Commands\n\nWhat `emodal COMMAND --help` says.\n"]
    for name, command in group.commands.items():  # type: ignore[attr-defined]
        inner = getattr(command, "commands", {})  # of a command with commands of its own
        for words, one in [(name, command), *((f"{name} {word}", inner[word]) for word in inner)]:
            with typer.Context(one, info_name=f"emodal {words}", terminal_width=100) as context:
                parts.append(f"## emodal {words}\n\n```text\n{one.get_help(context).rstrip()}\n```\n")
    return "\n".join(parts)


def settings() -> str:
    """Every setting of emodal.toml."""
    parts = [
        "# Settings\n\nThe keys of the file that `--config` reads (`emodal init` writes one with all of them) and of\n"
        "`--set section.key=value`. The command line wins over `--set`, and that over the file.\n"
    ]
    for section in settings_sections():
        title = f"[{section.name}]" if section.name else "Top"
        rows = [
            (f"`{setting.key}`", setting.kind, _default(setting.default, setting.required), setting.meaning)
            for setting in section.settings
        ]
        parts.append(
            f"## {title}\n\n{section.meaning}\n\n{_table(['key', 'value', 'default', 'meaning'], rows)}"
        )
    return "\n".join(parts)


def columns() -> str:
    """Every table's columns."""
    names = list(FEATURE_NAMES)
    audio = AudioConfig().model_dump(include={"window_s", "step_s", "statistics"})
    parts = [
        "# Files and columns\n",
        f"Schema version {schema.SCHEMA_VERSION}; it stands in every file.\n",
        "## Shards: data/*.parquet\n",
        "Images, class names and vectors for Hugging Face `datasets`; the metadata key `emodal` holds the names of\n"
        "the features and how they were computed.\n",
        _fields(schema.shard_schema(names, audio)),
        "Columns that a setting adds:\n",
        _fields(pa.schema(schema.SHARD_OPTIONS.values())),
        "## Ledger: ledger.parquet\n",
        "One line for every annotation row; other columns of the annotation file follow as text, annotator and\n"
        "speaker last.\n",
        _fields(schema.LEDGER),
        "Columns that folds, the search for cuts or a review add, and, after the others, what the label cell says:\n",
        _fields(pa.schema([*schema.LEDGER_OPTIONS, *schema.LEDGER_LABELS])),
        "## Clip store: clips/*/*.parquet\n",
        "What was read from the films, before any threshold. Safe to delete.\n",
        _fields(schema.CLIP_STORE),
        "Columns that a setting adds:\n",
        _fields(pa.schema([*schema.STORE_OPTIONS, *schema.STORE_VIEWS, schema.TRACKS])),
        "## The 68 speech features\n",
        ", ".join(f"`{name}`" for name in names) + "\n",
    ]
    return "\n".join(parts)


def reasons() -> str:
    """Every reason for dropping a clip, what to do, and the gates that give the reasons of measures."""
    rows = [(f"`{reason.value}`", ADVICE[reason]) for reason in Reason]
    gates = [(gate.stage, f"`{gate.measure}`", _threshold(gate), f"`{gate.reason.value}`") for gate in GATES]
    return (
        "# Reasons\n\nWhy a row is not in the dataset: the ledger's column `reason`. `measured` is the number that\n"
        "decided, and `detail` a line about this very row.\n\n"
        + _table(["reason", "what to do"], rows)
        + "\n## Quality gates\n\nA clip meets the gates in this order, and the first that it fails gives the reason.\n"
        "A measure that is not a number passes none.\n\n"
        + _table(["stage", "measure", "passes if it is", "else the reason is"], gates)
    )


def python() -> str:
    """The public functions and classes, from their docstrings."""
    names = [f"emodal.{name}" for name in (*emodal.__all__, "Dataset.split") if name != "__version__"]
    return "\n".join([
        "# Python API\n\nFor people who call emodal from a script or a notebook. `emodal` has a function for each\n"
        "command that is used most; the lines that begin with `>>>` are run by the tests. Below are the parts of\n"
        "`emodal_data` and `emodal_model` that may be used alone. Everything else may change.\n\n## emodal\n",
        *map(_documented, sorted(names, key=str.lower)),
        "## emodal_data\n",
        *map(_documented, DATA_FUNCTIONS),
        "## emodal_model\n",
        *map(_documented, MODEL_FUNCTIONS),
    ])  # fmt: skip


def _documented(path: str) -> str:
    """A function or class with its signature, text and examples."""
    thing = pkgutil.resolve_name(path)
    node = ast.parse(textwrap.dedent(inspect.getsource(thing))).body[0]
    signature = path
    if isinstance(node, ast.FunctionDef):
        signature += f"({ast.unparse(node.args)}) -> {ast.unparse(node.returns or ast.Constant(None))}"
        signature = re.sub(r"(: |-> )'([^']*)'", r"\1\2", signature.replace("(self, ", "("))
        if len(signature) > 80:  # one argument a line
            signature = re.sub(
                r", (?=\*|\w+: )|\((?=\w+: )|(?=\) ->)", lambda m: f"{m[0].rstrip()}\n    ", signature
            )
            signature = signature.replace("\n    )", "\n)")
    text, found, examples = inspect.cleandoc(thing.__doc__ or "").partition(">>>")
    shown = f"\n```pycon\n{found}{examples}\n```\n" if found else ""
    return f"### {path}\n\n```python\n{signature}\n```\n\n{text.strip()}\n{shown}"


def _threshold(gate: Gate) -> str:
    limit = f"`{gate.threshold}`" if isinstance(gate.threshold, str) else f"{gate.threshold:g}"
    return f"{gate.direction}: {limit}"


def _fields(table: pa.Schema) -> str:
    rows = [
        (f"`{field.name}`", str(field.type), (field.metadata or {}).get(b"description", b"").decode())
        for field in table
    ]
    return _table(["column", "type", "meaning"], rows)


def _default(default: str | None, required: bool) -> str:
    return "required" if required else f"`{default}`" if default else "none"


def _table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    lines = [list(head), ["---"] * len(head), *rows]
    cells = [[cell.replace("|", "\\|") for cell in line] for line in lines]
    return "".join(f"| {' | '.join(line)} |\n" for line in cells)


def main() -> None:
    """Write the pages into the folder of the first argument, or docs/reference."""
    folder = Path(sys.argv[1]) if sys.argv[1:] else FOLDER
    folder.mkdir(parents=True, exist_ok=True)
    for name, text in pages().items():
        (folder / name).write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
