"""Several reviewers of the same clips: what is done about each clip, where they disagree, and how much they agree.

The decision of most authors is taken. Of decisions that equally many took, that of the last file is taken.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from emodal_data.annotations.agreement import nominal_alpha
from emodal_data.clips.overrides import Override


@dataclass(frozen=True)
class Settled:
    """What is done about a clip. taken: with all its authors and their notes. against: decisions of other authors."""

    taken: Override
    against: tuple[Override, ...]

    @property
    def line(self) -> str:
        """The conflict for people."""
        others = ", ".join(f"{other.author} {other.verdict}" for other in self.against)
        return f"clip {self.taken.clip_id}: {self.taken.verdict} ({self.taken.author}) is taken, against {others}"


def settle(decisions: Sequence[Override]) -> dict[str, Settled]:
    """What is done about each decided clip, by clip_id. decisions: in the order of the files, from read_overrides."""
    of_clip: dict[str, list[Override]] = {}
    for decision in decisions:
        of_clip.setdefault(decision.clip_id, []).append(decision)
    return {clip_id: _settled(given) for clip_id, given in of_clip.items()}


def _settled(given: Sequence[Override]) -> Settled:
    votes: dict[str, list[Override]] = {}
    for decision in given:
        votes.setdefault(decision.verdict, []).append(decision)
    last = {verdict: given.index(of_verdict[-1]) for verdict, of_verdict in votes.items()}
    verdict = max(votes, key=lambda one: (len(votes[one]), last[one]))
    own = votes[verdict]
    against = tuple(decision for decision in given if decision.verdict != verdict)
    notes = [decision.note for decision in own if decision.note]
    notes += [f"against: {decision.author} {decision.verdict}" for decision in against]
    authors = ", ".join(decision.author for decision in own)
    return Settled(replace(own[-1], author=authors, note="; ".join(notes) or None), against)


def review_summary(decisions: Sequence[Override]) -> dict[str, Any]:
    """How many reviewers decided about how many clips, and how much they agree; empty without decisions.

    in_common: clips that several decided; agreed: those of them with one decision. alpha: Krippendorff's, of the
    decisions (drop, or a label) about clips in common; null where it is not defined.
    """
    if not decisions:
        return {}
    settled = settle(decisions)
    verdicts = sorted({decision.verdict for decision in decisions})
    places = {clip_id: place for place, clip_id in enumerate(settled)}
    counts = np.zeros((len(settled), len(verdicts)), np.int64)
    for decision in decisions:
        counts[places[decision.clip_id], verdicts.index(decision.verdict)] += 1
    in_common = counts.sum(axis=1) > 1
    return {
        "reviewers": len({decision.author for decision in decisions}),
        "clips": len(settled),
        "in_common": int(in_common.sum()),
        "agreed": int((in_common & ((counts > 0).sum(axis=1) == 1)).sum()),
        "alpha": nominal_alpha(counts),
    }


def conflict_lines(settled: Mapping[str, Settled]) -> list[str]:
    """A line for each clip that reviewers decided differently."""
    return [one.line for one in settled.values() if one.against]
