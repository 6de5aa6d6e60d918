"""A build works behind proxies, without a home and beside files of the user; or one line names the setting."""

import http.server
import os
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from emodal_data.core.errors import InputError
from flows.server.environment import check_server, without_proxy_to_this_machine
from tests.media.films import Recipe, make_film

REPOSITORY = Path(__file__).parents[2]
#: Modules of Python and of libraries that a build imports.
NAMES = ("prefect", "numbers", "queue", "av", "signal", "json", "numpy", "socket", "typer")
NOBODY = "http://127.0.0.1:9"


def emodal(
    *arguments: str, folder: Path, environment: dict[str, str], module: bool = False
) -> subprocess.CompletedProcess[str]:
    """Run the command in a folder. module: as python -m flows, else as the installed script does."""
    start = ["-m", "flows"] if module else ["-c", "from flows.cli import main; main()"]
    variables = {name: value for name, value in os.environ.items() if not name.startswith("PREFECT_")}
    return subprocess.run(
        [sys.executable, *start, *arguments],
        cwd=folder,
        env=variables | {"PYTHONPATH": str(REPOSITORY)} | environment,
        capture_output=True,
        text=True,
        timeout=280,
        check=False,
    )


@pytest.fixture
def beside(tmp_path: Path) -> Path:
    """A working folder with files of the user that are named as modules."""
    for name in NAMES:
        (tmp_path / f"{name}.py").write_text(f"raise SystemExit('{name}.py of the user was imported')")
    return tmp_path


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a film and a table: enough for a build to get as far as a server."""
    folder = tmp_path_factory.mktemp("project")
    make_film(folder, Recipe(frames=50))
    (folder / "spans.csv").write_text("film,start,end,label\nfilm.mp4,0.5,1.5,sad\n")
    return folder


def test_a_build_runs_behind_a_proxy_without_a_home_and_beside_the_users_files(
    few_films: Path, beside: Path
) -> None:
    temporary = beside / "temporary"
    temporary.mkdir()
    run = emodal(
        *("build", "--films", str(few_films / "films"), "--annotations", str(few_films / "annotations.csv")),
        *(
            "--out",
            str(beside / "build"),
            "--no-train",
            "--workers",
            "1",
            "--set",
            "split.allow_imbalance=true",
        ),
        folder=beside,
        environment={
            "http_proxy": NOBODY,
            "HTTPS_PROXY": NOBODY,
            "all_proxy": "socks5://127.0.0.1:9",
            "HOME": "/proc/no-home",
            "PYTHONPATH": f":{REPOSITORY}",  # an empty entry is the working folder
            "TMPDIR": str(temporary),
        },
    )
    assert run.returncode == 0, run.stderr
    assert "rows kept" in run.stdout
    assert (beside / "build" / "dataset" / "manifest.json").is_file()
    assert "Prefect" not in run.stderr
    assert list(temporary.iterdir()) == []


def build_arguments(out: Path) -> tuple[str, ...]:
    """A build of the films in the working folder."""
    paths = ("--films", ".", "--annotations", "spans.csv", "--out", str(out / "build"))
    return ("build", *paths, "--no-train")


@pytest.mark.parametrize("module", [False, True])
def test_the_command_never_imports_from_the_working_folder(module: bool, beside: Path) -> None:
    run = emodal("--version", folder=beside, environment={"PYTHONPATH": f":{REPOSITORY}:."}, module=module)
    assert (run.returncode, run.stderr) == (0, "")


@pytest.mark.parametrize(
    ("environment", "line"),
    [
        (
            {"PREFECT_API_URL": "http://127.0.0.1:9/api"},
            "no Prefect server at http://127.0.0.1:9/api (PREFECT_API_URL): start it, or unset PREFECT_API_URL",
        ),
        (
            {"PREFECT_API_URL": "http://127.0.0.1:9/api", "PREFECT_API_REQUEST_TIMEOUT": "soon"},
            "Prefect refuses its settings: api.request_timeout = 'soon': Input should be a valid number",
        ),
        (
            {"PREFECT_API_URL": "http://127.0.0.1:9/api", "SSL_CERT_FILE": "/no/such.pem"},
            "SSL_CERT_FILE=/no/such.pem: no such file; unset it or correct it",
        ),
    ],
    ids=["no-server", "wrong-setting", "no-certificates"],
)
def test_a_wrong_setting_of_the_machine_is_one_line(
    environment: dict[str, str], line: str, project: Path, tmp_path: Path
) -> None:
    run = emodal(
        *build_arguments(tmp_path),
        folder=project,
        environment={"PREFECT_HOME": str(tmp_path)} | environment,
    )
    said = run.stderr.splitlines()
    assert (run.returncode, run.stdout, len(said)) == (2, "", 1), run.stderr
    assert said[0].startswith(f"emodal: {line}")


def write_profile(folder: Path) -> None:
    """What `prefect profile` and `prefect config set` leave."""
    home = folder / "home"
    home.mkdir()
    (home / "profiles.toml").write_text(
        'active = "team"\n[profiles.team]\nPREFECT_API_URL = "http://127.0.0.1:9/api"\n'
    )


def write_project_file(folder: Path) -> None:
    (folder / "prefect.toml").write_text('[api]\nurl = "http://127.0.0.1:9/api"\n')


def write_short_project_file(folder: Path) -> None:
    (folder / "prefect.toml").write_text('api.url = "http://127.0.0.1:9/api"\n')


def write_pyproject(folder: Path) -> None:
    (folder / "pyproject.toml").write_text('[tool.prefect.api]\nurl = "http://127.0.0.1:9/api"\n')


def write_variables(folder: Path) -> None:
    (folder / ".env").write_text("prefect_api_url=http://127.0.0.1:9/api\n")


@pytest.mark.parametrize(
    "write", [write_profile, write_project_file, write_short_project_file, write_pyproject, write_variables]
)
def test_a_server_named_in_a_file_of_prefect_is_the_server_of_a_build(
    write: Callable[[Path], None], project: Path, tmp_path: Path
) -> None:
    write(tmp_path)
    films, spans = str(project), str(project / "spans.csv")
    run = emodal(
        *("build", "--films", films, "--annotations", spans, "--out", str(tmp_path / "build"), "--no-train"),
        folder=tmp_path,
        environment={"PREFECT_HOME": str(tmp_path / "home")},
    )
    assert (run.returncode, run.stdout) == (2, "")
    assert run.stderr.startswith("emodal: no Prefect server at http://127.0.0.1:9/api (PREFECT_API_URL)")


@contextmanager
def answering(code: int) -> Iterator[str]:
    """The URL of a web server that answers everything with one code and a page."""

    class Answer(http.server.BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            self.send_response(code)
            self.end_headers()
            self.wfile.write(b"<html></html>")

        do_GET = do_POST

        def log_message(self, *arguments: object) -> None:
            """Nothing."""

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Answer) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}/api"
        server.shutdown()
        thread.join()


@pytest.mark.parametrize(
    ("code", "line"),
    [
        (
            401,
            "the Prefect server at {url} refuses access (401): set PREFECT_API_AUTH_STRING or PREFECT_API_KEY",
        ),
        (404, "no Prefect server at {url} (PREFECT_API_URL): the answer is 404; correct the URL or unset it"),
        (200, "no Prefect server at {url} (PREFECT_API_URL): start it, or unset PREFECT_API_URL ("),
    ],
)
def test_a_server_that_is_not_prefects_is_named(code: int, line: str) -> None:
    from prefect.settings import PREFECT_API_URL, temporary_settings

    with (
        answering(code) as url,
        temporary_settings({PREFECT_API_URL: url}),
        pytest.raises(InputError) as error,
    ):
        check_server(url)
    assert str(error.value).startswith(line.format(url=url))


def test_this_machine_is_asked_without_a_proxy_and_others_as_before(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("http_proxy", "https_proxy", "all_proxy", "no_proxy"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)
    monkeypatch.setenv("http_proxy", NOBODY)
    monkeypatch.setenv("NO_PROXY", "example.org")
    before = dict(os.environ)
    with without_proxy_to_this_machine():
        assert os.environ["http_proxy"] == NOBODY
        assert os.environ["no_proxy"] == os.environ["NO_PROXY"] == "example.org,127.0.0.1,localhost,::1"
    assert dict(os.environ) == before
