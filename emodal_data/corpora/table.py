"""Writes a corpus as a table of spans with the emodal.toml that reads it."""

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, fields
from pathlib import Path

from emodal_data.core.errors import InputError
from emodal_data.core.file_types import FILM_SUFFIXES, SOUND_SUFFIXES
from emodal_data.core.text import counted, csv_text
from emodal_data.corpora.corpus import Choices, Corpus, Row
from emodal_data.corpora.folder import CorpusFolder
from emodal_data.corpora.toml import toml_text
from emodal_data.storage.files import write_bytes

CONFIG, BUILD = "emodal.toml", "build"

#: Columns that every table has.
_ALWAYS = ("film", "start", "end", "label")
#: What stands in place of a large file that was not fetched yet.
_POINTERS = (b"version https://git-lfs", b"/annex/objects/", b"../.git/annex")
_POINTER_BYTES = 1024


@dataclass(frozen=True)
class CorpusTable:
    """The rows of a corpus whose films exist. warnings: what was left out or is odd, a line each."""

    corpus: Corpus
    root: Path
    choices: Choices
    columns: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    warnings: tuple[str, ...]

    @property
    def films(self) -> int:
        """Number of different films."""
        return len({row[0] for row in self.rows})

    def column(self, name: str) -> list[str]:
        """The cells of a column."""
        index = self.columns.index(name)
        return [row[index] for row in self.rows]


def read_corpus(corpus: Corpus, root: Path, options: Mapping[str, str] | None = None) -> CorpusTable:
    """The table of a corpus that was unpacked below a folder.

    Rows whose film is missing, or could be several files, are left out and counted in the warnings.
    Raises InputError for an unknown option, if a file of the corpus is missing or damaged, and if no row is left.
    """
    choices = _choices(corpus, options or {})
    folder = CorpusFolder(root)
    kinds = _suffixes(_modality(corpus, choices))
    found: dict[str | tuple[str, ...], list[str]] = {}
    kept, missing, several = [], list[Row](), list[tuple[Row, list[str]]]()
    for row in _read(corpus, folder, choices):
        if row.film not in found:
            found[row.film] = _found(folder, row, kinds)
        films = found[row.film]
        if len(films) == 1:
            kept.append((films[0], row))
        elif films:
            several.append((row, films))
        else:
            missing.append(row)
    warnings = [*_about_missing(missing), *_about_several(several), *folder.notes]
    if not kept:
        raise InputError("\n".join([f"{root}: no file of {corpus.title} to make a row of", *warnings]))
    warnings += _about_strays(folder, kinds[0], {film for film, _ in kept})
    warnings += _about_pointers(folder, {film for film, _ in kept})
    splits = sorted({row.split for _, row in kept} - {""})
    if len(splits) == 1:
        warnings.append(f"all rows are in the split {splits[0]} of the corpus: they are divided anew")
    columns, cells = _cells(kept, with_split=len(splits) > 1)
    return CorpusTable(corpus, root, choices, columns, cells, tuple(warnings))


def write_corpus(table: CorpusTable, out: Path, force: bool = False) -> list[Path]:
    """Write the table, and emodal.toml beside it. Returns both paths.

    Raises InputError if one of them exists with another content, unless `force`.
    """
    config = out.parent / CONFIG
    contents = {
        out: csv_text([table.columns, *table.rows]).encode(),
        config: config_text(table, out).encode(),
    }
    if out.name == CONFIG:
        raise InputError(
            f"{out}: that is the name of the settings; name a table, such as {out.with_name('spans.csv')}"
        )
    other = [path for path, content in contents.items() if path.exists() and path.read_bytes() != content]
    if other and not force:
        names = " and ".join(map(str, other))
        raise InputError(
            f"{names}: already there with another content, nothing was written; --force overwrites"
        )
    for path, content in contents.items():
        write_bytes(path, content)
    return list(contents)


def config_text(table: CorpusTable, out: Path) -> str:
    """The emodal.toml that builds a dataset of the table written to `out`."""
    corpus = table.corpus
    place = out.parent.resolve()
    options = "".join(f" --option {name}={value}" for name, value in table.choices.items())
    settings: dict[str, dict[str, object]] = {"labels": {}, "split": _split(table), "clips": {}}
    targets = [name for name in corpus.targets if name in table.columns]
    label = table.columns.index("label")
    if targets and not any(row[label] for row in table.rows):
        settings["labels"] = {"classes": []}
    elif corpus.classes:
        settings["labels"] = (
            {"classes": corpus.classes, "map": corpus.map} if corpus.map else {"classes": corpus.classes}
        )
    if targets:
        settings["labels"]["targets"] = targets
    if (modality := _modality(corpus, table.choices)) != "both":
        settings["clips"]["modalities"] = modality
    for section, values in corpus.settings.items():
        settings.setdefault(section, {}).update(values)
    paths = {
        "films": str(table.root.resolve()),
        "annotations": str(place / out.name),
        "out": str(place / BUILD),
    }
    head = (
        f"# {corpus.title}, as written by: emodal corpus table {corpus.name}{options}\n"
        f"# emodal corpus show {corpus.name} has the licence, the citation and the known faults.\n"
    )
    return head + toml_text({**paths, **{name: section for name, section in settings.items() if section}})


def _read(corpus: Corpus, folder: CorpusFolder, choices: Choices) -> Iterator[Row]:
    """The rows of a corpus. Raises InputError, naming the row, if a cell is no number where the corpus has numbers."""
    try:
        yield from corpus.read(folder, choices)
    except (ArithmeticError, ValueError) as error:
        raise InputError(f"{folder.place}: {error}: is this the corpus's own table?") from error


def _choices(corpus: Corpus, given: Mapping[str, str]) -> Choices:
    known = {option.name: option for option in corpus.all_options}
    for name, value in given.items():
        if name not in known:
            names = ", ".join(known) or "none"
            raise InputError(f"--option {name}: {corpus.name} has no such option; it has {names}")
        if known[name].values and value not in known[name].values:
            raise InputError(f"--option {name}={value}: must be {' or '.join(known[name].values)}")
    return {name: given.get(name, option.default) for name, option in known.items()}


def _modality(corpus: Corpus, choices: Choices) -> str:
    return choices.get("modality", corpus.modalities[0])


def _suffixes(modality: str) -> tuple[frozenset[str], ...]:
    """Kinds of files that a row may mean, the preferred first: the sound of a film is sound too."""
    return (SOUND_SUFFIXES, FILM_SUFFIXES) if modality == "audio" else (FILM_SUFFIXES,)


def _found(folder: CorpusFolder, row: Row, kinds: tuple[frozenset[str], ...]) -> list[str]:
    ends = (row.film,) if isinstance(row.film, str) else row.film
    return next((films for kind in kinds for end in ends if (films := folder.find(end, kind))), [])


def _cells(
    kept: list[tuple[str, Row]], with_split: bool
) -> tuple[tuple[str, ...], tuple[tuple[str, ...], ...]]:
    known = [field.name for field in fields(Row) if field.name not in ("film", "more")]
    more = dict.fromkeys(name for _, row in kept for name in row.more)
    used = {name for name in known for _, row in kept if getattr(row, name)}
    if not with_split:
        used.discard("split")
    names = [name for name in known if name in used or name in _ALWAYS]
    # label comes after the times, as people write tables by hand.
    names.sort(key=lambda name: _ALWAYS.index(name) if name in _ALWAYS else len(_ALWAYS))
    cells = tuple(
        (film, *(getattr(row, name) for name in names), *(row.more.get(name, "") for name in more))
        for film, row in kept
    )
    return ("film", *names, *more), cells


def _split(table: CorpusTable) -> dict[str, object]:
    if "split" in table.columns:
        section: dict[str, object] = {"column": "split"}
    else:
        section = {} if table.corpus.group_by == "film" else {"group_by": table.corpus.group_by}
    return {**section, "fold_column": "fold"} if "fold" in table.columns else section


def _about_missing(rows: list[Row]) -> list[str]:
    films = {row.film: row for row in rows}
    if not films:
        return []
    by_split = Counter(row.split for row in films.values() if row.split)
    where = (
        f" ({', '.join(f'{split} {count}' for split, count in sorted(by_split.items()))})" if by_split else ""
    )
    first = next(iter(films))
    example = first if isinstance(first, str) else first[0]
    left_out = counted(len(rows), "row", "rows") + " left out"
    files = counted(len(films), "file of the corpus is", "files of the corpus are")
    return [f"{files} not in the folder{where}, such as {example}: {left_out}"]


def _about_several(rows: list[tuple[Row, list[str]]]) -> list[str]:
    if not rows:
        return []
    example = " and ".join(rows[0][1][:2])
    left_out = counted(len(rows), "row", "rows")
    return [f"{left_out} left out: several files may be meant, such as {example}; keep one copy"]


def _about_strays(folder: CorpusFolder, kind: frozenset[str], used: set[str]) -> list[str]:
    strays = [name for name in folder.media(kind) if name not in used]
    found = counted(len(strays), "file is", "files are")
    return [f"{found} in no row, such as {strays[0]}"] if strays else []


def _about_pointers(folder: CorpusFolder, films: set[str]) -> list[str]:
    pointers = [name for name in sorted(films) if _is_pointer(folder.root / name)]
    if not pointers:
        return []
    how = "fetch what they point to (git lfs pull, datalad get)"
    found = counted(len(pointers), "film is only a pointer", "films are only pointers")
    return [f"{found}, such as {pointers[0]}: {how}"]


def _is_pointer(path: Path) -> bool:
    try:
        if path.stat().st_size > _POINTER_BYTES:
            return False
        with path.open("rb") as file:
            head = file.read(_POINTER_BYTES)
    except OSError:
        return path.is_symlink()  # git-annex links to what is not there
    return any(mark in head for mark in _POINTERS)
