"""Datasets and builds at URLs: what a reader may trust, and what of a build is kept there."""

from pathlib import Path

from emodal_data.storage.sync import pull, push
from emodal_data.storage.urls import url_of

#: What of a build's folder stands at its URL; whatever else is there is not ours, and left alone.
_PARTS = ("clips", "dataset", "exports", "model", "announced", "failed-ledger.parquet")


def pull_build(out: Path) -> None:
    """Make the copy of a build what stands at its URL. Leaves local builds alone."""
    if url_of(out) is not None:
        for part in _PARTS:
            pull(out / part)


def push_build(out: Path) -> None:
    """Make the URL of a build hold what its copy holds, the dataset's manifest last. Leaves local builds alone."""
    if url_of(out) is not None:
        for part in _PARTS:
            push(out / part)
