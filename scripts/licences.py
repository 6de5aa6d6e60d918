"""Prints the licence of every package that a default installation brings, as a table. `make licences`."""

import argparse
import importlib.metadata
import re
import tomllib
from collections.abc import Iterable
from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).parents[1]
_CLASSIFIER = "License :: "


def required(extras: Iterable[str] = ()) -> list[str]:
    """The requirements of pyproject.toml, with those of extras."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    more = (line for extra in extras for line in project["optional-dependencies"][extra])
    return [*project["dependencies"], *more]


def closure(requirements: Iterable[str]) -> list[str]:
    """The names of the installed packages that the requirements name, and of all that they require, sorted."""
    found: dict[str, set[str]] = {}
    waiting = [(Requirement(line), frozenset[str]()) for line in requirements]
    while waiting:
        needed, asked = waiting.pop()
        name, extras = canonicalize_name(needed.name), found.get(canonicalize_name(needed.name))
        if needed.marker and not any(needed.marker.evaluate({"extra": extra}) for extra in ("", *asked)):
            continue
        if extras is not None and needed.extras <= extras:
            continue
        try:
            lines = importlib.metadata.requires(name) or []
        except importlib.metadata.PackageNotFoundError:
            continue
        found[name] = (extras or set()) | needed.extras
        waiting += [(Requirement(line), frozenset(found[name])) for line in lines]
    return sorted(found)


def licence(package: str) -> str:
    """The licence as the package's metadata states it, in one line."""
    metadata = importlib.metadata.metadata(package)
    if stated := metadata.get("License-Expression"):
        return stated
    classifiers = [
        line.removeprefix(_CLASSIFIER).removeprefix("OSI Approved :: ")
        for line in metadata.get_all("Classifier", [])
        if line.startswith(_CLASSIFIER) and line != f"{_CLASSIFIER}OSI Approved"
    ]
    text = " ".join(metadata.get("License", "").split())
    if classifiers:
        return "; ".join(classifiers)
    return text if 0 < len(text) < 80 else "see its licence file"


def copyleft(text: str) -> bool:
    """Whether a licence asks whoever passes the package on to pass on more than its text."""
    return re.search(r"\b[AL]?GPL|General Public|MPL|Mozilla|EUPL", text) is not None


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description="The licences of the installed packages.")
    parser.add_argument("--extra", action="append", default=[], help="with an extra; may be repeated")
    given = parser.parse_args()
    print("| package | version | licence | copyleft |\n|---|---|---|---|")
    for package in closure(required(given.extra)):
        text = licence(package)
        mark = "yes" if copyleft(text) else ""
        print(f"| {package} | {importlib.metadata.version(package)} | {text} | {mark} |")


if __name__ == "__main__":
    main()
