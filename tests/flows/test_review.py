"""`emodal review` in a real browser: clips play, keys decide, and no decision is lost."""

import contextlib
import csv
import os
import queue
import re
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

import av
import fsspec
import httpx
import numpy as np
import psutil
import pytest
import uvicorn

from emodal_data.annotations import read_annotations
from emodal_data.clips.overrides import read_overrides
from emodal_data.presentation.report.training import write_training
from emodal_data.storage.workspace import workspace
from flows.cli.review import review as review_command
from flows.config.load import load_config
from flows.review import serve
from flows.review.clips import clips_of_dataset
from tests.media.films import Recipe, make_film
from tests.presentation.conftest import write_fake_report
from tests.s3 import s3_server

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

ROOT = Path(__file__).parents[2]
#: Three seconds of the film are four spans of these lengths.
SPANS = [("0.4", "1.0"), ("1.0", "2.2"), ("2.2", "2.6"), ("3.0", "3.6")]
HOSTILE_NAME = 'a <img src=x onerror="document.title=1"> & b.mkv'


class Stoppable(uvicorn.Server):
    """A server that the thread that started it can be found by."""

    of_thread: ClassVar[dict[threading.Thread, uvicorn.Server]] = {}

    def run(self, sockets: list[socket.socket] | None = None) -> None:
        self.of_thread[threading.current_thread()] = self
        super().run(sockets)


@dataclass
class Process:
    """A running `emodal review`. address: with the token."""

    process: "subprocess.Popen[str]"
    address: str

    def stop(self) -> None:
        """Ctrl-C."""
        self.process.send_signal(signal.SIGINT)
        self.process.wait(20)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """films/ with two films."""
    films = tmp_path_factory.mktemp("review") / "films"
    films.mkdir()
    make_film(films, Recipe(".mkv")).rename(films / "a.mkv")
    make_film(films, Recipe(".mkv")).rename(films / HOSTILE_NAME)
    return films


@pytest.fixture(scope="module")
def fake_build(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A build of clips that were never in a film."""
    return write_fake_report(tmp_path_factory.mktemp("build")).parent


@pytest.fixture
def spans(tmp_path: Path) -> Path:
    """A table of candidates, as `emodal propose` writes it with a model."""
    path = tmp_path / "annotations.csv"
    with path.open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["film", "start", "end", "label", "annotator", "speaker", "score", "why"])
        for start, end in SPANS:
            writer.writerow(["a.mkv", start, end, "", "", "ada", "0.9", "unsure"])
        writer.writerow([HOSTILE_NAME, "0.4", "1.0", "", "", "<b>bo</b>", "0.1", "rare"])
    return path


@contextlib.contextmanager
def review(
    place: Path, films: Path, classes: Sequence[str] | None = None, reviewer: str = "anna"
) -> Iterator[str]:
    """A server in a thread, which costs less than a process; its address."""
    table = place if place.is_file() else None
    settings = [] if classes is None else [f"labels.classes={list(classes)}"]
    config = load_config(
        None, settings, films=films, annotations=table or place, out=table.parent if table else place
    )
    addresses: queue.Queue[str] = queue.Queue()
    server = threading.Thread(
        target=serve.review,
        args=(place, config, reviewer, None, 0, lambda address, _: addresses.put(address)),
    )
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(uvicorn, "Server", Stoppable)
        server.start()
        address = addresses.get(timeout=20)
        while server not in Stoppable.of_thread:
            time.sleep(0.01)
    try:
        yield address
    finally:
        Stoppable.of_thread.pop(server).should_exit = True
        server.join(20)
        assert not server.is_alive()


@contextlib.contextmanager
def review_process(place: Path, films: Path | str) -> Iterator[Process]:
    """A server in a process of its own, as the command starts it."""
    named = {"build": str(place), "films": str(films)}  # in the example of the help
    (example,) = re.findall(r"Example: emodal (.*)", str(review_command.__doc__))
    command = [sys.executable, "-m", "flows", *(named.get(word, word) for word in example.split())]
    process = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True)
    try:
        assert process.stdout is not None
        yield Process(process, process.stdout.readline().strip())
    finally:
        process.terminate()  # it removes what it cut
        process.wait(20)


def opened(browser: "Browser", address: str, **looks: Any) -> "Page":
    page = browser.new_page(**({"viewport": {"width": 1280, "height": 900}} | looks))
    page.heard = []  # type: ignore[attr-defined]
    page.on("console", lambda message: page.heard.append(message.text))  # type: ignore[attr-defined]
    page.on("pageerror", lambda error: page.heard.append(str(error)))  # type: ignore[attr-defined]
    page.goto(address)
    page.wait_for_selector("body[data-ready=yes]")
    return page


def press(page: "Page", *keys: str) -> None:
    """Press keys one after the other, and wait until the page has done what they ask for."""
    for key in keys:
        page.keyboard.press(key)
    page.evaluate("new Promise((done) => setTimeout(done, 400))")
    done = (
        "body:not([data-actions]), body[data-actions='0'], #confirm[open]"  # a question waits for an answer
    )
    page.wait_for_selector(done, state="attached")


def at(page: "Page") -> str:
    return page.inner_text("#clip-title")


def rows(path: Path) -> list[dict[str, str]]:
    with path.open(newline="") as file:
        return list(csv.DictReader(file))


def labels(path: Path) -> list[tuple[str, str, str]]:
    return [(row["start"], row["label"], row["annotator"]) for row in rows(path)]


def test_a_clip_plays_and_a_key_labels_it_and_goes_on(browser: "Browser", folder: Path, spans: Path) -> None:
    with review(spans, folder) as address:
        page = opened(browser, address)
        page.wait_for_selector("video[data-shown^=clip]")
        assert at(page) == "a.mkv, 0:00.40–0:01.00"
        assert page.evaluate("video.duration") == pytest.approx(0.6, abs=0.03)
        assert page.evaluate("[video.videoWidth > 0, video.error]") == [True, None]
        press(page, "c")
        page.wait_for_selector("video[data-shown$='/2']")
        assert page.evaluate("video.duration") == pytest.approx(0.4 + 0.6 + 2, abs=0.05)
        page.keyboard.press(" ")
        press(page, "1")
        assert at(page) == "a.mkv, 0:01.00–0:02.20"
        page.wait_for_selector("video[data-shown$='/2']")
        page.wait_for_function("video.currentTime > 0")  # a busy machine starts to play late
        press(page, "d", "4")
        assert at(page) == "a.mkv, 0:03.00–0:03.60"
        assert page.inner_text("#progress") == "3 of 5 decided."
        assert labels(spans.with_name("labels.csv")) == [("0.4", "angry", "anna"), ("2.2", "sad", "anna")]
        assert page.heard == []  # type: ignore[attr-defined]
        page.close()
    found = read_annotations(spans.with_name("labels.csv"))
    assert found["reason"].isna().all()
    assert found[["film", "label", "annotator", "speaker", "why"]].values.tolist() == [
        ["a.mkv", "angry", "anna", "ada", "unsure"],
        ["a.mkv", "sad", "anna", "ada", "unsure"],
    ]


def test_keys_pressed_faster_than_decisions_are_saved_are_for_one_clip_each(
    browser: "Browser", folder: Path, spans: Path
) -> None:
    with review(spans, folder) as address:
        page = opened(browser, address)
        press(page, "1", "2", "3", "4", "d")
        assert [label for _, label, _ in labels(spans.with_name("labels.csv"))] == [
            "angry",
            "happy",
            "neutral",
            "sad",
        ]
        assert page.inner_text("#progress") == "5 of 5 decided."
        page.close()


def test_undo_goes_back_step_by_step_and_zero_takes_the_decision_of_a_clip_away(
    browser: "Browser", folder: Path, spans: Path
) -> None:
    with review(spans, folder) as address:
        page = opened(browser, address)
        press(page, "1", "2", "u")
        assert at(page) == "a.mkv, 0:01.00–0:02.20"
        assert labels(spans.with_name("labels.csv")) == [("0.4", "angry", "anna")]
        press(page, "ArrowLeft", "3", "u")  # a change of mind is taken back to the first decision
        assert labels(spans.with_name("labels.csv")) == [("0.4", "angry", "anna")]
        press(page, "0")
        assert labels(spans.with_name("labels.csv")) == []
        assert page.inner_text("#progress") == "0 of 5 decided."
        page.close()


def test_all_clips_that_a_filter_leaves_are_decided_at_once_and_undone_at_once(
    browser: "Browser", folder: Path, spans: Path
) -> None:
    with review(spans, folder) as address:
        page = opened(browser, address)
        page.select_option("#filters [name=film]", "a.mkv")
        assert page.inner_text("#count") == "4 of 5 clips"
        page.select_option("#bulk select", "sad")
        page.click("#apply")
        assert page.inner_text("#confirm-title") == "Label as sad: 4 clips?"
        page.click("text=Cancel")
        page.click("#apply")
        page.click("#yes")
        press(page)
        assert [label for _, label, _ in labels(spans.with_name("labels.csv"))] == ["sad"] * 4
        press(page, "u")
        assert labels(spans.with_name("labels.csv")) == []
        page.fill("#filters [name=text]", "BO</b>")
        page.select_option("#filters [name=film]", "all")
        assert page.inner_text("#count") == "1 of 5 clips"
        assert at(page).startswith("a <img")  # names are text
        assert page.title() == f"Review: {spans}"
        page.close()


def test_reviewers_see_how_much_they_agree_but_not_what_others_said_before_they_decided(
    browser: "Browser", folder: Path, spans: Path
) -> None:
    with review(spans, folder) as first, review(spans, folder, reviewer="ben") as second:
        anna, ben = opened(browser, first), opened(browser, second)
        press(anna, "1", "2")
        ben.wait_for_timeout(2500)
        assert "anna" not in ben.inner_text("#work")
        press(ben, "1", "4", "ArrowLeft")
        assert ben.inner_text("#others") == "Others: anna: happy"
        assert "2 reviewers agree on 1 of 2 clips" in ben.inner_text("#progress")
        ben.select_option("#filters [name=reviewers]", "disagree")
        assert ben.inner_text("#count") == "1 of 5 clips"
        anna.wait_for_selector("#progress:has-text('2 reviewers agree on 1 of 2 clips')")
        anna.close()
        ben.close()
    assert sorted(labels(spans.with_name("labels.csv"))) == [
        ("0.4", "angry", "anna"),
        ("0.4", "angry", "ben"),
        ("1.0", "happy", "anna"),
        ("1.0", "sad", "ben"),
    ]


def test_a_review_that_is_killed_loses_no_decision_and_resumes_where_it_was(
    browser: "Browser", folder: Path, spans: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    with review_process(spans, folder) as running:
        page = opened(browser, running.address)
        press(page, "1", "2")
        for process in psutil.Process(running.process.pid).children(recursive=True):
            process.kill()
        running.process.kill()
        running.process.wait()
        left = list(tmp_path.glob("emodal-review-*"))
        press(page, "3")
        assert page.inner_text("#trouble").startswith("Not saved: emodal review is not running any more.")
        assert at(page) == "a.mkv, 0:02.20–0:02.60"
        page.close()
    with review_process(spans, folder) as running:
        page = opened(browser, running.address)
        assert page.inner_text("#progress") == "2 of 5 decided."
        assert at(page) == "a.mkv, 0:02.20–0:02.60"
        assert len(left) == 1
        assert left != list(tmp_path.glob("emodal-review-*"))  # clips of films do not stay
        press(page, "3", "u", "u")
        assert labels(spans.with_name("labels.csv")) == [("0.4", "angry", "anna")]
        page.close()


def test_ctrl_c_ends_it_and_removes_what_was_cut(
    folder: Path, spans: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    with review_process(spans, folder) as running:
        clip = httpx.get(f"{running.address}data").json()["clips"][0]["clip_id"]
        answer = httpx.get(f"{running.address}clip/{clip}/0", timeout=60)
        assert answer.headers["content-type"] == "video/webm"
        assert len(list(tmp_path.glob("emodal-review-*/*.webm"))) == 1
        running.stop()
        assert running.process.returncode == 130
    assert list(tmp_path.glob("emodal-review-*")) == []


@pytest.mark.parametrize("classes", [2, 12])
def test_any_number_of_classes_has_keys(browser: "Browser", folder: Path, spans: Path, classes: int) -> None:
    names = [f"class {n}" for n in range(1, classes + 1)]
    with review(spans, folder, names) as address:
        page = opened(browser, address)
        assert page.locator("#labels button").count() == classes + 1
        press(page, *("12" if classes == 12 else "2"))
        page.keyboard.press("1")  # of twelve, it may become 10, 11 or 12
        saved, deadline_s = spans.with_name("labels.csv"), time.monotonic() + 30
        while len(labels(saved)) < 2 and time.monotonic() < deadline_s:
            page.wait_for_timeout(50)
        assert [label for _, label, _ in labels(saved)] == [names[-1], names[0]]
        page.close()


def test_it_can_be_used_without_a_mouse_and_by_screen_readers(
    browser: "Browser", folder: Path, spans: Path
) -> None:
    axe = pytest.importorskip(
        "axe_playwright_python.sync_playwright", reason="axe-playwright-python is missing"
    )
    with review(spans, folder) as address:
        for look in (
            {"color_scheme": "light"},
            {"color_scheme": "dark", "viewport": {"width": 390, "height": 844}},
        ):
            page = opened(browser, address, bypass_csp=True, **look)
            page.wait_for_selector("video[data-shown^=clip]")
            found = axe.Axe().run(page)
            assert found.violations_count == 0, found.generate_report()
            width = look.get("viewport", {"width": 1280})["width"]
            assert page.evaluate("document.documentElement.scrollWidth") <= width
            page.close()
        page = opened(browser, address)
        reached = set()
        for _ in range(40):
            page.keyboard.press("Tab")
            reached.add(
                page.evaluate(
                    "document.activeElement.id || document.activeElement.name || document.activeElement.tagName"
                )
            )
        assert {"note", "next", "context", "advance", "film", "text", "apply"} <= reached
        page.focus("#note")
        page.keyboard.type("2 people talk")
        press(page, "Enter", "2")
        assert rows(spans.with_name("labels.csv"))[0]["note"] == "2 people talk"
        page.focus("#apply")
        press(page, "Enter")
        page.keyboard.press("Escape")
        press(page, "u")
        assert page.inner_text("#progress") == "0 of 5 decided."
        page.close()


def test_requests_without_the_token_or_for_another_host_get_nothing(folder: Path, spans: Path) -> None:
    with review_process(spans, folder) as running:
        address = running.address
        base = address.rsplit("/", 2)[0]
        assert re.fullmatch(r"http://127\.0\.0\.1:\d+/[\w-]{32}/", address)
        assert httpx.get(address).status_code == 200
        port = int(base.rsplit(":", 1)[1])
        for url, headers in (
            (base, {}),
            (f"{base}/data", {}),
            (f"{base}/{'x' * 32}/data", {}),
            (f"{address}data", {"Host": "evil.example"}),
            (f"{address}data", {"Host": f"evil.example:{port}"}),
            (f"{address}data", {"Host": f"127.0.0.1@evil.example:{port}"}),
        ):
            answer = httpx.get(url, headers=headers)
            assert (answer.status_code, answer.content) == (404, b""), url
        for place in ("clip/..%2F..%2Fetc%2Fpasswd/0", "review.py", "..%2Fapp.py"):
            assert httpx.get(address + place).status_code == 404
        assert httpx.get(f"{address}data", headers={"Host": f"localhost:{port}"}).status_code == 200
        listening = psutil.Process(running.process.pid).net_connections(kind="inet")
        assert {one.laddr.ip for one in listening if one.status == psutil.CONN_LISTEN} == {"127.0.0.1"}
        policy = httpx.get(address).headers["content-security-policy"]
        assert policy.startswith("default-src 'none'")


def test_wrong_decisions_are_refused_and_nothing_is_written(folder: Path, spans: Path) -> None:
    with review(spans, folder) as address:
        clip = httpx.get(f"{address}data").json()["clips"][0]["clip_id"]
        for asked, told in (
            ({"clip_ids": ["nobody"], "decision": "drop"}, "there is no clip 'nobody'"),
            ({"clip_ids": [clip], "decision": "dorp"}, "decision 'dorp' is none of relabel, drop, undo"),
            ({"clip_ids": [clip], "decision": "relabel", "label": "bored"}, "label 'bored' is no class"),
            ({"decision": "drop"}, "a decision names clip_ids and decision"),
        ):
            answer = httpx.post(f"{address}decide", json=asked)
            assert answer.status_code == 400
            assert told in answer.json()["error"]
        assert httpx.post(f"{address}decide", content=b"{").json()["error"] == "not valid JSON"
    assert not spans.with_name("labels.csv").exists()


def test_the_clips_of_a_build_are_reviewed_while_a_build_runs_the_most_doubtful_first(
    browser: "Browser", folder: Path, fake_build: Path, tmp_path: Path
) -> None:
    shutil.copytree(fake_build, tmp_path / "build")
    films = tmp_path / "films"
    films.mkdir()
    os.link(folder / "a.mkv", films / "f0.mp4")
    with workspace(tmp_path / "build"), review(tmp_path / "build", films) as address:
        page = opened(browser, address)
        # Annotators disagree about c0000 and tie on it; a clip whose label nobody doubts comes later.
        assert at(page) == "f0.mp4, 0:00.00–0:01.00"
        assert "votes: angry 1, sad 1" in page.inner_text("#facts")
        press(page, "2")
        page.select_option("#filters [name=film]", "f2.mp4")
        page.wait_for_selector("#screen-note:has-text('This clip cannot be shown')")
        press(page, "d")
        page.close()
    decided = read_overrides([tmp_path / "build" / "overrides.csv"])
    assert [(one.clip_id, one.verdict, one.author) for one in decided] == [
        ("c0000", "happy", "anna"),
        ("c0200", "drop", "anna"),
    ]


def test_clips_that_networks_answer_otherwise_come_first(fake_build: Path, tmp_path: Path) -> None:
    dataset = shutil.copytree(fake_build / "dataset", tmp_path / "dataset")
    answer = {"label": "happy", "answer": "sad", "label_probability": 0.1, "answer_probability": 0.83}
    changed = answer | {"label": "angry", "doubt": 0.99}  # c0002 is neutral by now
    write_training(dataset, None, {"c0105": answer | {"doubt": 0.9}, "c0002": changed}, "0" * 64)
    reviewed = clips_of_dataset(dataset)
    first = reviewed.clips[0]
    assert (first.clip_id, first.label, first.doubt) == ("c0105", "happy", 0.9)
    assert first.note == "votes: happy 1; networks: sad 83 %"
    assert [clip.clip_id for clip in reviewed.clips[1:3]] == ["c0000", "c0101"]  # annotators disagree
    assert {clip.doubt for clip in reviewed.clips[3:]} == {None}
    assert len(reviewed.clips) == 96


def test_clips_and_whole_files_of_films_in_a_bucket_are_cut_and_labelled(
    browser: "Browser", folder: Path, spans: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("s3fs", reason="s3fs comes with the extra s3")
    pytest.importorskip("moto", reason="moto comes with the extra dev")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    with spans.open("a") as file:
        file.write("a.mkv,,,,,eve,,\n")
    with s3_server():
        fsspec.filesystem("s3").put_file(str(folder / "a.mkv"), "films-and-faces/deep/a.mkv")
        with review_process(spans, "s3://films-and-faces/deep") as running:
            shown = httpx.get(f"{running.address}data").json()
            assert [(clip["film"], clip["end_s"]) for clip in shown["clips"]] == [
                ("a.mkv", end_s) for end_s in (1.0, 2.2, 2.6, 3.6, None)
            ]
            assert shown["left_out"] == ["Rows not shown because they are wrong: 1 (see emodal plan)."]
            span, whole = shown["clips"][1]["clip_id"], shown["clips"][-1]["clip_id"]
            films = [
                httpx.get(f"{running.address}clip/{clip}/0", timeout=60).content for clip in (span, whole)
            ]
            page = opened(browser, running.address)
            page.select_option("#filters [name=speaker]", "eve")
            page.wait_for_selector("video[data-shown^=clip]")
            assert at(page) == "a.mkv, whole file"
            assert page.eval_on_selector("#span", "bar => [bar.style.left, bar.style.width]") == [
                "0%",
                "100%",
            ]
            press(page, "1")
            page.close()
    frames = []
    for film in films:
        (tmp_path / "clip.webm").write_bytes(film)
        with av.open(str(tmp_path / "clip.webm")) as made:
            frames.append(len(list(made.decode(video=0))))
    with av.open(str(folder / "a.mkv")) as original:
        assert frames == [30, len(list(original.decode(video=0)))]
    assert labels(spans.with_name("labels.csv")) == [("", "angry", "anna")]
    (row,) = read_annotations(spans.with_name("labels.csv")).to_dict("records")
    assert (row["reason"], row["label"], row["speaker"]) == (None, "angry", "eve")
    assert np.isnan(row["start_s"])
    assert np.isnan(row["end_s"])
