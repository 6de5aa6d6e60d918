"""A proposed project in Label Studio itself: imported, its clips served, labelled, exported, and read again.

Label Studio needs an environment of its own (it brings another OpenCV); put its program on the PATH to run this.
"""

import json
import os
import shutil
import signal
import socket
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from emodal_data.annotations import read_annotations
from emodal_data.annotations.label_studio_project import clip_file, write_project
from emodal_data.core.label_words import DEFAULT_CLASSES
from emodal_data.core.span import Span

PROGRAM = shutil.which("label-studio")
pytestmark = pytest.mark.skipif(PROGRAM is None, reason="no label-studio on the PATH")

TOKEN = "0123456789abcdef0123456789abcdef01234567"
PROPOSED = [("deep/film one.mp4", Span(1.25, 3.5)), ("ünï+1.mkv", Span(600.125, 602.0))]


@pytest.fixture
def project(sample_films: Path, tmp_path: Path) -> Path:
    folder = tmp_path / "label-studio"
    write_project(folder, PROPOSED, DEFAULT_CLASSES)
    for film, span in PROPOSED:
        to = folder / clip_file(film, span)
        to.parent.mkdir(parents=True)
        shutil.copy(sample_films / "films" / "film_000.mp4", to)
    return folder


@pytest.fixture
def server(project: Path, tmp_path: Path) -> Iterator[str]:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    environment = os.environ | {
        "LABEL_STUDIO_BASE_DATA_DIR": str(tmp_path / "data"),
        "LABEL_STUDIO_LOCAL_FILES_SERVING_ENABLED": "true",
        "LABEL_STUDIO_LOCAL_FILES_DOCUMENT_ROOT": str(project),
        "LABEL_STUDIO_ENABLE_LEGACY_API_TOKEN": "true",
        "COLLECT_ANALYTICS": "false",
    }
    environment.pop("PYTHONPATH", None)
    user = ["--username", "anna@example.org", "--password", "not-a-secret", "--user-token", TOKEN]
    command = [str(PROGRAM), "start", "--no-browser", "--port", str(port), *user]
    with (tmp_path / "server.log").open("wb") as log:
        process = subprocess.Popen(
            command, env=environment, stdout=log, stderr=log, cwd=tmp_path, start_new_session=True
        )
        try:
            url = f"http://127.0.0.1:{port}"
            wait_for(f"{url}/api/version", process)
            yield url
        finally:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()


def wait_for(url: str, process: "subprocess.Popen[bytes]") -> None:
    deadline_s = time.monotonic() + 250
    while time.monotonic() < deadline_s and process.poll() is None:
        try:
            urllib.request.urlopen(url, timeout=5).close()
            return
        except (urllib.error.URLError, OSError):
            time.sleep(1)
    raise AssertionError(f"no answer at {url}; exit code {process.poll()}")


def ask(url: str, body: object = None) -> bytes:
    data = None if body is None else json.dumps(body).encode()
    headers = {"Authorization": f"Token {TOKEN}", "Content-Type": "application/json"}
    with urllib.request.urlopen(urllib.request.Request(url, data, headers), timeout=60) as answer:
        content: bytes = answer.read()
        return content


def test_a_proposal_goes_into_label_studio_and_its_labels_come_back(
    server: str, project: Path, tmp_path: Path
) -> None:
    made = {"title": "spans", "label_config": (project / "config.xml").read_text()}
    number = json.loads(ask(f"{server}/api/projects", made))["id"]
    storage = {"project": number, "path": str(project / "clips"), "use_blob_urls": True}
    ask(f"{server}/api/storages/localfiles", storage)
    ask(f"{server}/api/projects/{number}/import", json.loads((project / "tasks.json").read_text()))
    tasks: list[dict[str, Any]] = json.loads(ask(f"{server}/api/tasks?project={number}"))["tasks"]
    assert [task["data"]["film"] for task in tasks] == [film for film, _ in PROPOSED]
    for task, label, (film, span) in zip(tasks, ["sad", "happy"], PROPOSED, strict=True):
        assert ask(server + task["data"]["video"]) == (project / clip_file(film, span)).read_bytes()
        value = {"type": "choices", "from_name": "label", "to_name": "video", "value": {"choices": [label]}}
        ask(f"{server}/api/tasks/{task['id']}/annotations", {"result": [value]})
    exported = tmp_path / "export.json"
    exported.write_bytes(ask(f"{server}/api/projects/{number}/export?exportType=JSON"))
    rows = read_annotations(exported)
    assert rows["reason"].isna().all()
    spans = list(zip(rows["film"], rows["start_s"], rows["end_s"], rows["label"], strict=True))
    assert spans == [("deep/film one.mp4", 1.25, 3.5, "sad"), ("ünï+1.mkv", 600.125, 602.0, "happy")]
