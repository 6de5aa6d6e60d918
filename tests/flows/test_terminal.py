"""The progress display on a terminal, as plain lines where there is none."""

import pytest

from emodal_model.training.loop import EpochReport
from flows.progress.terminal import watched_on_terminal


def report(epoch: int, member: int, seed: int) -> EpochReport:
    losses = {"train_loss": 0.5, "validation_loss": 1.25, "validation_accuracy": 0.75, "learning_rate": 1e-3}
    training = {"member": member, "members": 2, "seed": seed, "fold": None}
    return EpochReport("audio", "all", epoch=epoch, epochs=2, is_best=True, **losses, **training)


def test_every_training_has_a_line_of_its_own(capsys: pytest.CaptureFixture[str]) -> None:
    with watched_on_terminal() as terminal:
        for member, seed in ((1, 0), (2, 0), (2, 1)):
            for epoch in (1, 2):
                terminal.epoch(report(epoch, member, seed))
    line = "training audio {} of 2: 2 of 2 epochs (loss 0.500, validation accuracy 75.0%)"
    assert capsys.readouterr().err.splitlines() == [line.format(1), line.format(2), line.format(2)]
