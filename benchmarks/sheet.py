"""The common parts of every benchmark: facts about the machine, and the dated file with the results."""

import datetime
import os
import platform
from collections.abc import Sequence
from importlib.metadata import version
from pathlib import Path

#: The search of the documentation leaves measurements out.
NOT_IN_SEARCH = "---\nsearch:\n  exclude: true\n---\n\n"


def machine(*packages: str) -> str:
    """Facts about the machine, and the versions of packages that matter to the numbers."""
    facts = [platform.machine(), f"{os.cpu_count()} cores", f"Python {platform.python_version()}"]
    facts += [f"{package} {version(package)}" for package in packages]
    return ", ".join([*facts, f"load {os.getloadavg()[0]:.1f}"])


def table(columns: str, rows: Sequence[str]) -> str:
    """A table in Markdown. columns: their titles, with | between them. rows: as they are to stand there."""
    titles = columns.split("|")
    return "\n".join([f"| {' | '.join(titles)} |", "|---" * len(titles) + "|", *rows])


def finish(name: str, title: str, body: str, out: Path | None) -> None:
    """Print a benchmark's text under a dated title, and keep it as OUT/<date>-<name>.md if a folder is given."""
    today = datetime.date.today().isoformat()
    text = f"# {title}, {today}\n\n{body.strip()}\n"
    print(text)
    if out:
        out.mkdir(parents=True, exist_ok=True)
        (out / f"{today}-{name}.md").write_text(NOT_IN_SEARCH + text)
