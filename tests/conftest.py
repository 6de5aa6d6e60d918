"""What several rooms' tests share: sample films made once, the optional real media, a Prefect server."""

import gc
import os
import shutil
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import hypothesis
import pytest
from filelock import FileLock

from tests.run_folder import run_folder
from tests.skipped import skipped_lines
from tests.warm_workers import started_and_ended, warm_workers

if TYPE_CHECKING:
    from playwright.sync_api import Browser

#: Real clips that a developer may have beside the checkout.
MEDIA = Path(__file__).parents[1].parent / "shared" / "media"

#: Files that one process runs one after the other: they share a server of Prefect or a stack, which take long to start.
TOGETHER = (
    ("tests/flows/test_deploy.py", "tests/flows/test_nightly.py"),
    ("tests/service/test_topology.py", "tests/service/test_other_origin.py"),
)

#: As a browser on a build machine wants them; it talks to nobody.
_ARGUMENTS = [
    *("--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-sync"),
    *("--disable-background-networking", "--disable-component-update"),
]

# No test talks to anybody.
os.environ |= {"DO_NOT_TRACK": "1", "PREFECT_SERVER_ANALYTICS_ENABLED": "false", "HF_HUB_OFFLINE": "1"}

# Small matrices cost up to 25 times the CPU on several threads, and the test processes share the cores.
os.environ |= {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}

# Programs that tests start find our modules compiled.
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
sys.dont_write_bytecode = False

# What is imported while tests are collected is no garbage: looking for some took a fifth of that time.
gc.disable()

# An example takes as long as the machine lets it; how long is no property of the code.
hypothesis.settings.register_profile(
    "emodal", deadline=None, suppress_health_check=[hypothesis.HealthCheck.too_slow]
)
hypothesis.settings.load_profile("emodal")


def pytest_configure(config: pytest.Config) -> None:
    if not hasattr(config, "workerinput"):  # the processes of pytest-xdist inherit the folder
        config.add_cleanup(_own_temporary_folder())
    config.addinivalue_line(
        "markers", "fuzz: many mutated inputs; the suite draws a few, benchmarks draw all"
    )


def _own_temporary_folder() -> Callable[[], None]:
    """Put all temporary files, also those of started programs, into one folder. Returns what removes it."""
    folder = run_folder(Path(tempfile.gettempdir()))
    folder.chmod(0o711)  # PostgreSQL runs as a user of its own
    os.environ["TMPDIR"] = tempfile.tempdir = str(folder)
    return lambda: shutil.rmtree(folder, ignore_errors=True)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Begin with the tests of the services, which mostly wait: at the end, one process would wait alone.

    The last of them restore the database of the stack.
    """
    items.sort(key=lambda item: ("service" not in item.path.parts, item.path.name == "test_other_origin.py"))


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Any:
    """Hand out the tests by file, as --dist loadfile does, but files of TOGETHER as if they were one."""
    from xdist.scheduler import LoadFileScheduling

    class ByFileAndFixture(LoadFileScheduling):
        def _split_scope(self, nodeid: str) -> str:
            file = super()._split_scope(nodeid)
            return next((" ".join(files) for files in TOGETHER if file in files), file)

    return ByFileAndFixture(config, log) if config.getoption("dist") == "loadfile" else None


def pytest_collection_finish() -> None:
    gc.freeze()
    gc.enable()


@pytest.hookimpl(trylast=True)  # the last lines are read
def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Say which tests were skipped, and how to have them."""
    skipped = terminalreporter.stats.get("skipped", [])
    why = [str(one.longrepr[2] if isinstance(one.longrepr, tuple) else one.longrepr) for one in skipped]
    found = zip((one.nodeid.partition("::")[0] for one in skipped), why, strict=True)
    for line in skipped_lines((file, reason.removeprefix("Skipped: ")) for file, reason in found):
        terminalreporter.write_line(line)


@pytest.fixture(scope="session")
def media() -> Path:
    """The folder of real clips, or a skip that says where it was looked for."""
    if not MEDIA.is_dir():
        pytest.skip(f"no real media at {MEDIA}")
    return MEDIA


def made_once(factory: pytest.TempPathFactory, name: str, make: Callable[[Path], object]) -> Path:
    """A folder that the first of the test processes makes and all read. make: fills an empty folder."""
    here = factory.getbasetemp()
    shared = here.parent if "PYTEST_XDIST_WORKER" in os.environ else here
    with FileLock(shared / f"{name}.lock"):
        if not (shared / name).exists():
            make(made := factory.mktemp(name))
            made.rename(shared / name)
    return shared / name


@pytest.fixture(scope="session")
def sample_films(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with films/, annotations.csv and truth.csv: 4 films of 6 clips."""
    from emodal_data.sample_films import make_sample_films

    return made_once(
        tmp_path_factory,
        "samples",
        lambda folder: make_sample_films(folder, films=4, clips_per_film=6, seed=1),
    )


@pytest.fixture(scope="session")
def few_films(sample_films: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Some clips of the sample films, for builds that are repeated: just enough for both sides of a split."""
    import pandas as pd

    folder = tmp_path_factory.mktemp("few")
    table = pd.read_csv(sample_films / "annotations.csv", dtype=str, keep_default_na=False)
    table = table[table["film"].isin(sorted(table["film"].unique())[:3])].groupby("film").head(4)
    table.to_csv(folder / "annotations.csv", index=False)
    (folder / "films").mkdir()
    for film in table["film"].unique():
        shutil.copy(sample_films / "films" / film, folder / "films")
    return folder


@pytest.fixture(scope="session", autouse=True)
def _warm_workers() -> Iterator[None]:
    with warm_workers():
        yield


@pytest.fixture(scope="module")
def fresh_workers() -> Iterator[None]:
    """For tests of how worker processes start and end."""
    with started_and_ended():
        yield


@pytest.fixture(scope="session")
def prefect_server() -> Iterator[None]:
    """A real Prefect server of its own for the flows that run in this process."""
    from prefect.settings import PREFECT_FLOWS_HEARTBEAT_FREQUENCY, temporary_settings
    from prefect.testing.utilities import prefect_test_harness

    with (
        prefect_test_harness(server_startup_timeout=180),
        temporary_settings({PREFECT_FLOWS_HEARTBEAT_FREQUENCY: None}),
    ):
        yield


@pytest.fixture(scope="module")
def browser() -> "Iterator[Browser]":
    """Headless Chromium. Not for the whole session: while Playwright is open, nobody else can start an event loop."""
    sync_api = pytest.importorskip("playwright.sync_api", reason="playwright is not installed (extra dev)")
    chromium = shutil.which("chromium") or shutil.which("google-chrome")
    if chromium is None:
        missing = "no Chromium on this machine to look at pages with (Debian: apt-get install chromium)"
        # A build machine that lacks the browser must not look green.
        pytest.fail(missing) if os.environ.get("CI") else pytest.skip(missing)
    with sync_api.sync_playwright() as playwright:
        started = playwright.chromium.launch(executable_path=chromium, args=_ARGUMENTS)
        yield started
        started.close()
