"""The server of the compose file's port 8000: reports, and nothing else of a build."""

import http.client
import threading
from collections.abc import Iterator
from functools import partial
from http.server import ThreadingHTTPServer
from pathlib import Path

import pytest

from flows.server.reports import ReportHandler


@pytest.fixture(scope="module")
def builds(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("builds")
    for name in (
        "dataset/report/index.html",
        "dataset/report/app/page.js",
        "dataset/data/train-00000-of-00001.parquet",
        "dataset/manifest.json",
        "model/report/index.html",
        "model/emodal.keras",
        "clips/film/a.parquet",
        "clips/report/x.parquet",
        "other/dataset/report/index.html",
        "other/model/emodal.keras",
    ):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(name)
    (folder / "dataset" / "report" / "link").symlink_to(folder / "model" / "emodal.keras")
    (folder / "dataset" / "report" / "out").symlink_to("/etc/passwd")
    return folder


@pytest.fixture(scope="module")
def port(builds: Path) -> Iterator[int]:
    handler = partial(ReportHandler, hosts=("127.0.0.1", "reports.example"), directory=str(builds))
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield server.server_port
        server.shutdown()


def get(port: int, path: str, host: str = "127.0.0.1", method: str = "GET") -> tuple[int, str, str]:
    line = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
    line.request(method, path, headers={"Host": f"{host}:{port}"})
    answer = line.getresponse()
    return answer.status, answer.read().decode(), answer.headers.get("Content-Security-Policy", "")


@pytest.mark.parametrize(
    "name",
    [
        "dataset/report/index.html",
        "dataset/report/app/page.js",
        "model/report/index.html",
        "other/dataset/report/index.html",
    ],
)
def test_files_of_reports_are_served(port: int, name: str) -> None:
    status, body, policy = get(port, f"/{name}")
    assert (status, body) == (200, name)
    assert "frame-ancestors 'none'" in policy


@pytest.mark.parametrize(
    "path",
    [
        "/model/emodal.keras",
        "/other/model/emodal.keras",
        "/dataset/data/train-00000-of-00001.parquet",
        "/dataset/manifest.json",
        "/clips/film/a.parquet",
        "/clips/report/x.parquet",
        "/dataset/report/",
        "/dataset/report/../manifest.json",
        "/dataset/report/%2e%2e/manifest.json",
        "/dataset/report/../../../etc/passwd",
        "/dataset/report/out",
        "//etc/passwd",
        "/dataset",
    ],
)
@pytest.mark.parametrize("method", ["GET", "HEAD"])
def test_nothing_else_of_a_build_is_served(port: int, path: str, method: str) -> None:
    assert get(port, path, method=method)[0] == 404


def test_the_first_page_lists_the_reports(port: int) -> None:
    status, body, _ = get(port, "/")
    assert status == 200
    assert [line.split('"')[0] for line in body.split('href="')[1:]] == [
        "dataset/report/index.html",
        "model/report/index.html",
        "other/dataset/report/index.html",
    ]


def test_a_page_under_another_name_that_leads_here_gets_nothing(port: int) -> None:
    assert get(port, "/dataset/report/index.html", "reports.example")[0] == 200
    assert get(port, "/dataset/report/index.html", "evil.example")[0] == 421
    assert get(port, "/", "")[0] == 421
