"""The rooms keep to their tables: every import is one that CONTRIBUTING.md allows."""

import ast
import graphlib
import re
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parents[2]
PACKAGES = ("emodal", "emodal_data", "emodal_model", "flows")


def table(first_column: str) -> dict[str, list[list[str]]]:
    """The table of CONTRIBUTING.md with this first column: first cell -> what the other cells name in backticks."""
    text = (ROOT / "CONTRIBUTING.md").read_text().split(f"| {first_column} |", 1)[1].split("\n\n", 1)[0]
    rows = [line.strip("| ").split(" | ") for line in text.splitlines()[2:]]
    return {row[0].strip("`/"): [re.findall(r"`([^`]+?)/?`", cell) for cell in row[1:]] for row in rows}


def allowed_imports() -> dict[str, set[str]]:
    """Room -> rooms it may import. A short name is a room of the same package; emodal_data is all of its rooms."""
    rooms = table("room")
    allowed: dict[str, set[str]] = {room: set() for room in rooms}
    for room, (_, names) in rooms.items():
        for name in names:
            if name in ("emodal_data", "emodal_model"):
                allowed[room] |= {other for other in rooms if other.split("/")[0] == name}
            else:
                allowed[room].add(name if name.split("/")[0] in PACKAGES else f"{room.split('/')[0]}/{name}")
    return allowed


def room_of(module: str) -> str:
    """The room of a dotted name: "emodal_data.core.span" and "emodal_data.core" -> "emodal_data/core"."""
    package, *rest = module.split(".")
    for room in (f"{package}/{rest[0]}", f"{package}/{rest[0]}.py") if rest else ():
        if (ROOT / room).exists():
            return room
    return package


def imports(source: str) -> Iterator[tuple[int, str]]:
    """Line and dotted name of every import, those inside functions and under TYPE_CHECKING too."""
    for node in ast.walk(ast.parse(source)):
        match node:
            case ast.Import(names=names):
                yield from ((node.lineno, name.name) for name in names)
            case ast.ImportFrom(module=module, names=names, level=0):
                yield from ((node.lineno, f"{module}.{name.name}") for name in names)
            case ast.ImportFrom():
                raise AssertionError(f"line {node.lineno}: imports name their package, not dots")
            case ast.Call(
                func=ast.Attribute(attr="import_module"), args=[ast.Constant(value=str(module)), *_]
            ):
                yield node.lineno, module


def forbidden(path: str, source: str) -> list[str]:
    """The imports of a file that the tables don't allow, a line each. path: from the root, with slashes."""
    room = "/".join(path.split("/")[:2]).removesuffix("/__init__.py")
    allowed, libraries = allowed_imports(), table("library")
    if room not in allowed:
        return [f"{path}: {room} is no room of CONTRIBUTING.md: add a row that says what it may import"]
    faults = []
    for line, module in imports(source):
        package = module.split(".")[0]
        if package in PACKAGES and room_of(module) not in allowed[room] | {room}:
            faults.append(f"{path}:{line}: {room} may not import {room_of(module)}")
        if package in libraries:
            only, never = (any(path.startswith(place) for place in places) for places in libraries[package])
            if never or not only:
                faults.append(f"{path}:{line}: {package} may not be imported here")
    return faults


def test_every_import_between_rooms_is_in_the_tables_of_contributing() -> None:
    files = [path for package in PACKAGES for path in sorted((ROOT / package).rglob("*.py"))]
    assert len(files) > 150
    assert [f for p in files for f in forbidden(p.relative_to(ROOT).as_posix(), p.read_text())] == []


def test_the_rooms_form_no_cycle() -> None:
    assert list(graphlib.TopologicalSorter(allowed_imports()).static_order())


def test_every_row_of_the_tables_names_a_place_that_exists() -> None:
    cells = [cell for columns in table("library").values() for cell in columns]
    places = [*allowed_imports(), *(place for cell in cells for place in cell)]
    assert [place for place in places if not (ROOT / place).exists()] == []


def test_an_import_that_the_tables_do_not_allow_is_found_wherever_it_stands() -> None:
    assert forbidden("emodal_data/face/find.py", "def f():\n    from emodal_data.clips import gates\n") == [
        "emodal_data/face/find.py:2: emodal_data/face may not import emodal_data/clips"
    ]
    assert forbidden("emodal_model/losses.py", "import emodal_data.core.span") == [
        "emodal_model/losses.py:1: emodal_model/losses.py may not import emodal_data/core"
    ]
    assert forbidden("emodal_data/core/config.py", "if TYPE_CHECKING:\n    from flows import config") == [
        "emodal_data/core/config.py:2: emodal_data/core may not import flows/config"
    ]
    assert forbidden("flows/engine/work.py", "import prefect.logging") == [
        "flows/engine/work.py:1: prefect may not be imported here"
    ]
    assert forbidden("emodal_data/dataset/plan.py", "importlib.import_module('tensorflow')") == [
        "emodal_data/dataset/plan.py:1: tensorflow may not be imported here"
    ]
    assert forbidden("emodal_data/kitchen/stove.py", "") == [
        "emodal_data/kitchen/stove.py: emodal_data/kitchen is no room of CONTRIBUTING.md: "
        "add a row that says what it may import"
    ]


def test_an_import_that_the_tables_allow_is_no_fault() -> None:
    assert (
        forbidden("emodal_data/clips/gates.py", "from emodal_data.face import FaceMeasures\nimport re") == []
    )
    assert forbidden("emodal_data/face/find.py", "from emodal_data.face import pose") == []
    assert forbidden("flows/cli/build.py", "from emodal_data.dataset.read import read_split") == []
