"""The documentation is true: its site builds, every command in it runs, and every command of the program is in it."""

import hashlib
import json
import re
import shlex
import shutil
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import TYPE_CHECKING

import pandas as pd
import pytest
import typer

from emodal_data.clips.plan import clip_id_of
from emodal_data.core.schema import CLIP_STORE, LEDGER, LEDGER_LABELS, LEDGER_OPTIONS, SHARD_OPTIONS
from flows.cli import app
from flows.cli.exits import clear_errors
from flows.operations.forget import forget
from tests.corpora.toys import TOYS
from tests.published import written

if TYPE_CHECKING:
    from playwright.sync_api import Browser

ROOT = Path(__file__).parents[2]
#: The commands of corpora.md need the corpora: tests/corpora/test_page.py runs them on folders that look like them.
PAGES = [ROOT / "README.md", *sorted(set((ROOT / "docs").glob("*.md")) - {ROOT / "docs" / "corpora.md"})]

#: Commands that test_deploy.py and test_review.py run, because they need a server or do not end.
ELSEWHERE = ("deploy", "review")
#: Commands that say which one usually follows.
GOES_ON = ("init", "sample-films", "propose", "plan", "build", "train", "evaluate", "export", "forget")
#: What three dots in a line stand for.
AS_BEFORE = "--films films --annotations spans.csv --out build"
#: What makes a command small enough for a test; the line of the page is run with these behind it.
SMALL = {
    "build": "--set model.name=audio --set model.epochs=1 --set model.members=1 --set model.filters=[2,2,2] "
    "--set split.allow_imbalance=true --set split.test_fraction=0.34",
    "train": "--model audio --set epochs=1 --set members=1 --set filters=[2,2,2]",
    "propose": "--no-clips",
    "sample-films": "--films 1 --clips-per-film 1",
}


def lines_of(page: Path) -> list[str]:
    """The lines of its code blocks that call emodal, without their comments."""
    found = re.findall(r"^(?: {4,}|```.*\n)(emodal .*)$", page.read_text(), re.MULTILINE)
    return [re.split(r"\s+#", line)[0].strip() for line in found]


def examples() -> list[str]:
    """The lines that the help of the commands has as examples."""
    commands = dict(typer.main.get_command(app).commands)  # type: ignore[attr-defined]
    for group in [command for command in commands.values() if hasattr(command, "commands")]:
        commands |= {f"{group.name} {name}": command for name, command in group.commands.items()}
    found = {name: re.findall(r"Example: (emodal .*)", command.help) for name, command in commands.items()}
    assert [name for name, lines in found.items() if len(lines) != 1] == []
    return [line for lines in found.values() for line in lines]


def all_lines() -> list[str]:
    """The lines of the pages and of the help, in an order in which they can run."""
    # What speaks of a bucket needs a server: test_remote_build.py.
    shown = [line for page in PAGES for line in lines_of(page) if "://" not in line]
    lines = dict.fromkeys([*shown, *examples()])
    order = ["init", "propose", "plan", "build", "forget"]

    def rank(line: str) -> tuple[int, bool]:
        """What reads a build comes after it, what takes something out of it last; the README's build stays."""
        word = line.split()[1]
        place = order.index(word) if word in order else order.index("build")
        return (place if word != "build" else place - 1, "samples/" not in line)

    return sorted(lines, key=rank)


@pytest.fixture(scope="module")
def folder(few_films: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A folder with what the pages speak of: films, spans.csv, overrides.csv, export.json; after a build, its model."""
    here = tmp_path_factory.mktemp("docs")
    shutil.copytree(few_films, here / "samples")
    _, *others = sorted(path.name for path in (few_films / "films").iterdir())
    names = dict(zip(others, ("heat/part1.mkv", "film.mkv"), strict=True))
    (samples := here / "samples" / "films").joinpath("heat").mkdir()
    for old, new in names.items():
        (samples / old).rename(samples / new)
    shutil.copytree(samples, here / "films")  # the same films: what one page has read, the next has stored
    shutil.copy(samples / "film.mkv", here)
    spans = pd.read_csv(here / "samples" / "annotations.csv", dtype=str, keep_default_na=False)
    spans["film"] = spans["film"].replace(names)
    for table in ("samples/annotations.csv", "spans.csv"):
        spans.to_csv(here / table, index=False)
    rows = spans.to_dict("records")
    first = spans.iloc[0]
    digest = hashlib.sha256((here / "films" / first["film"]).read_bytes()).hexdigest()
    clip_id = clip_id_of(digest, float(first["start"]), float(first["end"]))
    (here / "overrides.csv").write_text(f"clip_id,decision\n{clip_id},drop\n")
    tasks = [{"data": row, "annotations": [{"completed_by": 1, "result": [label_of(row)]}]} for row in rows]
    (here / "export.json").write_text(json.dumps(tasks))
    TOYS["ravdess"](here / "RAVDESS")
    for build, films in (("build-train", ("f0", "f1", "f2")), ("build-test", ("f3", "f4"))):
        written(here / build, "dataset")
        for film in films:
            forget(here / build, film=f"{film}.mp4")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(here)
        yield here


def label_of(row: dict[str, str]) -> dict[str, object]:
    return {"type": "choices", "value": {"choices": [row["label"]] if row["label"] else []}}


@pytest.mark.parametrize("line", [line for line in all_lines() if line.split()[1] not in ELSEWHERE])
def test_every_command_of_the_pages_and_every_example_of_the_help_runs(
    folder: Path, line: str, capsys: pytest.CaptureFixture[str]
) -> None:
    # The films of the test are three, and one of them is tested on.
    line = line.replace("split.folds=3", "split.folds=2")
    command, *arguments = shlex.split(line.replace(" ... ", f" {AS_BEFORE} "))[1:]
    out = arguments[arguments.index("--out") + 1] if "--out" in arguments else None
    if out and command in (
        "propose",
        "export",
    ):  # they want a folder of their own; several lines share a name
        shutil.rmtree(folder / out, ignore_errors=True)
    if command in ("diff", "compare", "evaluate"):
        for build in (folder / argument.split("/")[0] for argument in arguments):
            if not build.exists():
                shutil.copytree(folder / "build", build)
    with clear_errors():
        code = app([command, *arguments, *shlex.split(SMALL.get(command, ""))], standalone_mode=False)
    assert not code
    goes_on = command in GOES_ON or "corpus table" in line or (command == "predict" and not out)
    assert ("\nnext: " in f"\n{capsys.readouterr().err}") == goes_on
    if line == "emodal init":  # the reader fills in the table
        shutil.copy(folder / "spans.csv", folder / "annotations.csv")
    assert out is None or command == "plan" or (folder / out).is_file() or any((folder / out).iterdir())


def test_every_command_of_the_program_is_in_a_page() -> None:
    commands = typer.main.get_command(app).commands  # type: ignore[attr-defined]
    assert set(commands) - {line.split()[1] for line in all_lines()} == set()


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The site, built as `make docs` builds it, from a copy."""
    here = tmp_path_factory.mktemp("site")
    shutil.copytree(ROOT / "docs", here / "docs", ignore=shutil.ignore_patterns("reference"))
    shutil.copy(ROOT / "zensical.toml", here)
    made = subprocess.run(
        [sys.executable, str(ROOT / "scripts" / "reference.py"), str(here / "docs" / "reference")],
        capture_output=True,
        text=True,
        check=False,
        cwd=ROOT,
    )
    assert made.returncode == 0, made.stderr
    zensical = Path(sys.executable).with_name("zensical")
    built = subprocess.run(
        [zensical, "build", "--strict"], capture_output=True, text=True, check=False, cwd=here
    )
    assert built.returncode == 0, built.stdout + built.stderr
    return here / "site"


def test_the_site_has_every_page_and_every_setting_reason_and_column(site: Path) -> None:
    for page in (ROOT / "docs").glob("*.md"):
        assert (site / f"{page.stem}.html").is_file()
    settings = (site / "reference" / "settings.html").read_text()
    assert "min_landmark_score" in settings
    assert "face_turned_away" in (site / "reference" / "reasons.html").read_text()
    columns = (site / "reference" / "columns.html").read_text()
    ledger = [*LEDGER, *LEDGER_OPTIONS, *LEDGER_LABELS]
    named = {field.name for field in (*SHARD_OPTIONS.values(), *CLIP_STORE, *ledger)}
    assert {name for name in named if f"<code>{name}</code>" not in columns} == set()


def test_the_navigation_names_every_page_and_no_other() -> None:
    named = set(re.findall(r'"([a-z/-]+\.md)"', (ROOT / "zensical.toml").read_text()))
    pages = {page.name for page in (ROOT / "docs").glob("*.md")}
    assert {name for name in named if not name.startswith("reference/")} == pages, "see nav in zensical.toml"


def test_linked_pages_of_measurements_open_with_a_table_and_its_command() -> None:
    pages = [ROOT / "README.md", *(ROOT / "docs").glob("*.md")]
    linked = {name for page in pages for name in re.findall(r"benchmarks/(\d[\w-]+\.md)", page.read_text())}
    openings = {name: (ROOT / "docs/benchmarks" / name).read_text().split("\n## ")[0] for name in linked}
    assert len(linked) > 15
    assert {name for name, opening in openings.items() if "\n|---" not in opening} == set()
    command = r"benchmarks/\w+\.py|`emodal "
    assert {name for name, opening in openings.items() if not re.search(command, opening)} == set()


def test_measurements_are_not_in_the_search(site: Path) -> None:
    found = json.loads((site / "search.json").read_text())["items"]
    assert [item["location"] for item in found if item["location"].startswith("benchmarks/")] == []


@pytest.fixture(scope="module")
def results(site: Path, browser: "Browser") -> Iterator[Callable[[str], list[str]]]:
    """A function from words to the pages that the site's search finds, best first."""
    with ThreadingHTTPServer(("127.0.0.1", 0), partial(SimpleHTTPRequestHandler, directory=site)) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        address = f"http://127.0.0.1:{server.server_port}/"
        page = browser.new_page()

        def search(words: str) -> list[str]:
            page.goto(f"{address}index.html", wait_until="networkidle")
            page.keyboard.press("/")
            page.locator("input:focus").fill(words)  # at once: no letter has results of its own
            links = page.get_by_role("listbox").get_by_role("option")
            links.first.wait_for()
            return [(link.get_attribute("href") or "").removeprefix(address) for link in links.all()]

        yield search
        page.close()
        server.shutdown()


@pytest.mark.parametrize(
    ("words", "page"),
    [
        ("colour", "pictures.html"),
        ("several frames", "pictures.html"),
        ("API", "reference/python.html"),
        ("RAVDESS", "corpora.html"),
        ("label classes", "labels.html"),
        ("install", "installation.html"),
        ("cite", "citing.html"),
        ("backup", "operating.html"),
    ],
)
def test_the_search_finds_the_right_page_first(
    results: Callable[[str], list[str]], words: str, page: str
) -> None:
    assert results(words)[0].partition("#")[0] == page


@pytest.mark.parametrize("width_px", [1280, 390])
def test_the_site_asks_nobody_for_anything_fits_and_has_no_accessibility_violation(
    site: Path, browser: "Browser", width_px: int
) -> None:
    axe = pytest.importorskip(
        "axe_playwright_python.sync_playwright", reason="axe-playwright-python is missing"
    )
    asked: list[str] = []
    page = browser.new_page(viewport={"width": width_px, "height": 900})
    page.on("request", lambda request: asked.append(request.url))
    for name in ("index.html", "reference/settings.html", "installation.html", "annotations.html"):
        page.goto(f"file://{site / name}")
        page.wait_for_load_state("networkidle")
        assert page.title()
        assert page.evaluate("document.documentElement.scrollWidth") <= width_px
        assert axe.Axe().run(page).response["violations"] == []
    page.close()
    assert [url for url in asked if not url.startswith(("file:", "data:", "blob:"))] == []
