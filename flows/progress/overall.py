"""How far a run of several stages is, and how long it still takes."""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

#: The stage of all trainings of a run.
TRAINING = "training"
#: Guesses are corrected by what was measured, as if they had been right for this long before.
_TRUSTED_S = 5.0


@dataclass(frozen=True)
class Work:
    """A stage to come. seconds: a first guess of its duration; what was measured replaces it."""

    stage: str
    seconds: float


class Overall:
    """Progress over all stages of a run.

    The current stage is extrapolated from its own speed, more so the further it is. Later stages take as much longer
    than their guesses as those before did.
    """

    def __init__(self, work: Sequence[Work], clock: Callable[[], float] = time.monotonic) -> None:
        self._guess = {one.stage: one.seconds for one in work}
        self._clock = clock
        self._started = self._stage_started = clock()
        self._stage, self._done = "", 0.0
        self._guessed, self._shown = 0.0, 0.0

    def begin(self, stage: str) -> None:
        """A stage begins, so those before it are done. One that was not expected counts as part of the last."""
        if stage not in self._guess or stage == self._stage:
            return
        passed = list(self._guess)[: list(self._guess).index(stage)]
        self._guessed = sum(self._guess[name] for name in passed)
        self._stage, self._done, self._stage_started = stage, 0.0, self._clock()

    def advance(self, done: float) -> None:
        """This share of the current stage is done."""
        self._done = min(max(done, 0.0), 1.0)

    def left_s(self) -> float:
        """Seconds until the run is over, as far as can be foreseen."""
        now, stages = self._clock(), list(self._guess)
        here = stages.index(self._stage) if self._stage else -1
        guess = self._guess.get(self._stage, 0.0)
        known = self._guessed + guess * self._done
        wrong = (now - self._started + _TRUSTED_S) / (known + _TRUSTED_S)
        elapsed = now - self._stage_started
        measured = elapsed / self._done if self._done else 0.0
        whole = self._done * measured + (1 - self._done) * guess * wrong
        later = sum(self._guess[name] for name in stages[here + 1 :]) * wrong
        return (1 - self._done) * whole + later

    def fraction(self) -> float:
        """Share of the run's time that has passed, 0 to 1; it never shrinks."""
        passed = self._clock() - self._started
        whole = passed + self.left_s()
        self._shown = max(self._shown, passed / whole if whole > 0 else 0.0)
        return self._shown
