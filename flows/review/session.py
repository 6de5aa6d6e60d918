"""One reviewer at work: what the page shows, and what its keys do."""

from collections.abc import Sequence
from typing import Any

from emodal_data.clips.overrides import UNDO
from emodal_data.clips.reviewers import review_summary
from emodal_data.core.errors import InputError
from emodal_data.presentation.report.colours import class_colours
from flows.review.clips import Reviewed
from flows.review.decisions import NOTHING, Decisions, Verdict


class Session:
    """The clips, the decisions and the steps that one reviewer can undo."""

    def __init__(self, reviewed: Reviewed, decisions: Decisions, reviewer: str) -> None:
        """reviewer: the author of the decisions that are made here."""
        self.clips = {clip.clip_id: clip for clip in reviewed.clips}
        self.reviewer = reviewer
        self._reviewed, self._decisions = reviewed, decisions
        # After a restart, the decisions that stand can be undone one by one.
        self._steps: list[list[tuple[str, Verdict]]] = [[(clip_id, NOTHING)] for clip_id in self._mine()]

    def page(self) -> dict[str, Any]:
        """All that the page needs once."""
        labels = self._reviewed.labels.classes
        return {
            "title": self._reviewed.title,
            "reviewer": self.reviewer,
            "labels": list(labels),
            "colours": class_colours(labels),
            "file": str(self._decisions.table or self._decisions.file),
            "left_out": list(self._reviewed.left_out),
            "clips": [
                {
                    "clip_id": clip.clip_id,
                    "film": clip.film,
                    "start_s": clip.start_s,
                    "end_s": clip.end_s,
                    "label": clip.label,
                    "speaker": clip.speaker,
                    "doubt": clip.doubt,
                    "outcome": clip.outcome,
                    "note": clip.note,
                }
                for clip in self.clips.values()
            ],
            **self.state(),
        }

    def state(self) -> dict[str, Any]:
        """The decisions: this reviewer's, the others' about the same clips, and how much they agree.

        Others' decisions about clips that this reviewer has not decided are hidden, so that nobody is led.
        """
        version, standing = self._decisions.version, self._decisions.standing()
        mine = self._mine()
        others: dict[str, list[str]] = {}
        for one in standing:
            if one.author != self.reviewer and one.clip_id in mine:
                others.setdefault(one.clip_id, []).append(f"{one.author}: {one.verdict}")
        verdicts = {
            clip_id: {"decision": v.decision, "label": v.label, "note": v.note} for clip_id, v in mine.items()
        }
        return {
            "version": version,
            "mine": verdicts,
            "others": others,
            "agreement": review_summary(standing),
            "steps": len(self._steps),
        }

    @property
    def version(self) -> str:
        """Of the decisions; differs after every decision of whoever."""
        return self._decisions.version

    def decide(self, clip_ids: Sequence[str], verdict: Verdict) -> None:
        """Save a verdict on clips, as one step to undo. Raises InputError for an unknown clip, decision or label."""
        if unknown := [clip_id for clip_id in clip_ids if clip_id not in self.clips]:
            raise InputError(f"there is no clip {unknown[0]!r}")
        if verdict.decision not in ("relabel", "drop", UNDO):
            raise InputError(f"decision {verdict.decision!r} is none of relabel, drop, undo")
        if verdict.decision == "relabel" and verdict.label not in self._reviewed.labels.classes:
            raise InputError(f"label {verdict.label!r} is no class of the dataset")
        mine = self._mine()
        before = [(clip_id, mine.get(clip_id, NOTHING)) for clip_id in clip_ids]
        before = [(clip_id, was) for clip_id, was in before if was != verdict]
        if before:
            self._decisions.add(self.reviewer, [(clip_id, verdict) for clip_id, _ in before])
            self._steps.append(before)

    def undo(self) -> list[str]:
        """Take the last step back. Returns the clips that it was about; none if there is no step."""
        if not self._steps:
            return []
        before = self._steps[-1]
        self._decisions.add(self.reviewer, before)
        self._steps.pop()
        return [clip_id for clip_id, _ in before]

    def _mine(self) -> dict[str, Verdict]:
        return {
            one.clip_id: Verdict(one.decision, one.label or "", one.note or "")
            for one in self._decisions.standing()
            if one.author == self.reviewer and one.clip_id in self.clips
        }
