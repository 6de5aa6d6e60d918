"""The last lines of a test run: which tests were skipped, why, and how to have them."""

import re
from collections import Counter
from collections.abc import Iterable, Iterator

#: What the reasons of skipped tests say, and what brings those tests; the first that is found holds.
HOW = {
    r"shared|real media|photos of|sample tables|tables of corpora|no cases": (
        "put the folder shared, with its films, tables and photos, beside the checkout"
    ),
    r"Chromium": "make browser, or install Chromium",
    r"label-studio": "install label-studio in an environment of its own, and put it on the PATH",
    r"opensmile": ".venv/bin/pip install '.[opensmile]' (for research only: read its licence)",
    r"FAN weights": "put the file where the reason says",
    r"namespaces": "run the tests as root on Linux, with the command ip",
    r"npx": "install Node.js, with a way to its registry",
    r"PostgreSQL": "make setup, or install the system's package",
    r"pip install|extra|comes with|could not import|is missing|not installed|needs the|writes the|no axe": "make setup",
}


def skipped_lines(skipped: Iterable[tuple[str, str]]) -> Iterator[str]:
    """Lines for people, the largest group first. skipped: file and reason of every skipped test."""
    groups: dict[str, dict[str, Counter[str]]] = {}
    for file, reason in skipped:
        how = next((how for words, how in HOW.items() if re.search(words, reason)), "see the reason")
        groups.setdefault(how, {}).setdefault(reason, Counter())[file] += 1
    sizes = {how: sum(files.total() for files in reasons.values()) for how, reasons in groups.items()}
    for how in sorted(groups, key=lambda how: -sizes[how]):
        yield f"{sizes[how]:>4} skipped; to have them: {how}"
        for reason, files in sorted(groups[how].items(), key=lambda item: -item[1].total()):
            yield f"       {files.total():>4} {reason}: {', '.join(files)}"
