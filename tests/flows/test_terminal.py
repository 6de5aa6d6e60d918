"""The progress display: bars on a terminal, plain lines where there is none, times with -v, nothing with -q."""

import contextlib
import os
import pty
import re
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from emodal_model.training.loop import EpochReport
from flows.progress.overall import Overall, Work
from flows.progress.terminal import watched_on_terminal
from flows.progress.verbosity import Verbosity, speaking


def report(epoch: int, member: int, seed: int = 0) -> EpochReport:
    losses = {"train_loss": 0.5, "validation_loss": 1.25, "validation_accuracy": 0.75, "learning_rate": 1e-3}
    training = {"member": member, "members": 2, "seed": seed, "fold": None}
    place = {"training": 2 * seed + member, "trainings": 4}
    return EpochReport("audio", "all", epoch=epoch, epochs=2, is_best=True, **losses, **training, **place)


def build(pause_s: float = 0.0) -> None:
    """What a build of two clips reports, with four trainings of two epochs. pause_s: before its end."""
    with watched_on_terminal() as observer:
        observer.expect([Work("reading clips", 1.0), Work("training", 3.0)])
        observer.stage("reading clips", 2, "clips")
        observer.advance(2, note="1 clear, 1 dropped", film="a.mp4")
        observer.stage("training", 0, "epochs")
        for seed, member in ((0, 1), (0, 2), (1, 1), (1, 2)):
            for epoch in (1, 2):
                observer.epoch(report(epoch, member, seed))
        time.sleep(pause_s)
        observer.training(Path("model"), {})


READ = "reading clips: 2 of 2 clips (1 clear, 1 dropped)"


def test_without_a_terminal_every_stage_and_every_training_has_a_line_of_its_own(
    capsys: pytest.CaptureFixture[str],
) -> None:
    build()
    line = "training audio {} of 2: 2 of 2 epochs (loss 0.500, validation accuracy 75.0%)"
    assert capsys.readouterr().err.splitlines() == [READ, *(line.format(member) for member in (1, 2, 1, 2))]


def test_quiet_says_nothing_and_verbose_says_each_step_with_its_time(
    capsys: pytest.CaptureFixture[str],
) -> None:
    with speaking(Verbosity.QUIET):
        build()
    assert capsys.readouterr().err == ""
    with speaking(Verbosity.VERBOSE):
        build()
    lines = capsys.readouterr().err.splitlines()
    assert [re.sub(r"^\d\d:\d\d:\d\d ", "", line) for line in lines[:3]] == [
        "reading clips: 2 clips",
        "reading clips: 2 of 2 clips, now a.mp4",
        "audio 1 of 2: epoch 1 of 2, loss 0.500, validation accuracy 75.0%",
    ]
    assert len(lines) == 2 + 8 and all(re.match(r"\d\d:\d\d:\d\d \S", line) for line in lines)


def shown_on(
    monkeypatch: pytest.MonkeyPatch, columns: int, run: Callable[[], None], **environment: str
) -> str:
    """What a run shows on a terminal of this width."""
    for name, value in ({"TERM": "xterm", "COLUMNS": str(columns), "LINES": "24"} | environment).items():
        monkeypatch.setenv(name, value)
    for name in ("NO_COLOR", "CI"):
        if name not in environment:
            monkeypatch.delenv(name, raising=False)
    ours, theirs = pty.openpty()
    with ThreadPoolExecutor(1) as reader:
        shown = reader.submit(_read_all, ours)
        with open(theirs, "w", encoding="utf-8") as stream, monkeypatch.context() as patch:  # noqa: PTH123
            patch.setattr("sys.stderr", stream)
            run()
        text = shown.result()
    os.close(ours)
    return text


def _read_all(terminal: int) -> str:
    shown = b""
    with contextlib.suppress(OSError):  # the other end is closed
        while part := os.read(terminal, 4096):
            shown += part
    return shown.decode()


@pytest.mark.parametrize("columns", [80, 120])
def test_a_terminal_has_one_bar_for_the_stage_one_for_the_run_and_one_block_for_all_trainings(
    monkeypatch: pytest.MonkeyPatch, columns: int
) -> None:
    shown = shown_on(monkeypatch, columns, lambda: build(0.3))  # the display is drawn ten times a second
    lines = [line for line in re.sub(r"\x1b\[[^A-Za-z]*[A-Za-z]", "\n", shown).splitlines() if line.strip()]
    assert max(map(len, lines)) <= columns
    text = re.sub(r"\x1b\[[\d;]*m", "", shown)
    last = text[text.rindex("audio 2 of 2") :]
    assert re.match(r"audio 2 of 2 +━+ +2/2 epochs", last)
    assert "training 4 of 4; loss 0.500, validation accuracy 75.0%" in last
    assert re.search(r"overall +━+ +\d+% +\d+:\d\d", last)
    assert text.count(f"{READ}\r\n") == text.count("training: 4 trainings, 8 epochs\r\n") == 1
    assert "training audio" not in text
    assert "\x1b[3" in shown


def test_a_terminal_stays_without_colour_where_that_is_wanted(monkeypatch: pytest.MonkeyPatch) -> None:
    shown = shown_on(monkeypatch, 80, build, NO_COLOR="1")
    assert "━" in shown and not re.search(r"\x1b\[[\d;]*3\dm", shown)


def test_the_time_left_is_that_of_the_stages_to_come_corrected_by_what_was_measured() -> None:
    now = 0.0
    overall = Overall([Work("read", 10.0), Work("write", 5.0), Work("train", 20.0)], lambda: now)
    assert (overall.left_s(), overall.fraction()) == (35.0, 0.0)
    overall.begin("read")
    now = 20.0  # twice as slow as was thought
    overall.advance(1.0)
    assert overall.left_s() == pytest.approx(25.0 * (20 + 5) / (10 + 5))
    overall.begin("train")  # there was nothing to write
    now = 30.0
    overall.advance(0.5)
    half = overall.fraction()
    assert half == pytest.approx(30.0 / (30.0 + overall.left_s()))
    now = 60.0  # nothing moves: more is left than was thought, but the bar does not go back
    assert overall.left_s() > 10.0
    assert overall.fraction() >= half
    overall.advance(1.0)
    assert (overall.left_s(), overall.fraction()) == (0.0, 1.0)
