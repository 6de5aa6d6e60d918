"""The dataset's README: front matter that Hugging Face reads, and what a user must know before trusting it."""

from pathlib import Path
from typing import Any

import jinja2

from emodal_data.core.reasons import ADVICE, Reason
from emodal_data.core.schema import LABELS, SPLITS
from emodal_data.storage.files import write_bytes


def write_card(folder: Path, manifest: dict[str, Any]) -> None:
    """Write README.md into a dataset folder. manifest: as dataset.make_manifest gives it."""
    environment = jinja2.Environment(
        loader=jinja2.PackageLoader("emodal_data.presentation", "."),
        trim_blocks=True,
        lstrip_blocks=True,
        autoescape=False,
    )
    environment.filters |= {"alpha": _alpha, "cell": _cell, "percent": lambda share: f"{100 * share:.1f} %"}
    environment.filters["line"] = lambda text: " ".join(text.split())
    splits = [split for split in SPLITS if manifest["counts"]["samples_per_split"].get(split)]
    text = environment.get_template("card.md.j2").render(
        manifest=manifest,
        card=manifest["config"].get("card", {}),
        counts=manifest["counts"],
        splits=splits,
        labels=LABELS,
        classes=_classes(manifest["balance"]),
        agreement=manifest["agreement"],
        advice={reason.value: line for reason, line in ADVICE.items()},
        reasons=[reason.value for reason in Reason],
    )
    write_bytes(folder / "README.md", text.encode())


def _classes(balance: dict[str, dict[str, int]]) -> list[str]:
    """The columns of the films' balance: unlabelled clips only where there are some."""
    has_unlabelled = any("unlabelled" in counts for counts in balance.values())
    return [*LABELS, *(["unlabelled"] if has_unlabelled else [])]


def _alpha(value: float | None) -> str:
    return "not defined" if value is None else f"{value:.3f}"


def _cell(text: str) -> str:
    """A film's name as it may stand in a table."""
    return " ".join(text.split()).replace("|", "\\|")
