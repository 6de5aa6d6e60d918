"""The dataset card (README.md): front matter for Hugging Face, and what users must know before they use the data."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from emodal_data.core.label_words import counted_classes
from emodal_data.core.reasons import ADVICE, Reason
from emodal_data.core.schema import SPLITS, VIEWS, frames_of
from emodal_data.dataset.split.notes import labelled_splits, split_rule, split_warnings
from emodal_data.presentation.templates import render
from emodal_data.storage.files import write_bytes


def write_card(folder: Path, manifest: dict[str, Any]) -> None:
    """Write README.md into a dataset folder. manifest: from manifest.make_manifest."""
    text = render(
        "card.md.j2",
        manifest=manifest,
        card=manifest["config"].get("card", {}),
        counts=manifest["counts"],
        splits=[split for split in SPLITS if manifest["counts"]["samples_per_split"].get(split)],
        labelled_splits=labelled_splits(manifest),
        split_rule=split_rule(manifest),
        split_notes=split_warnings(manifest),
        pictures=_pictures(manifest["config"].get("face", {})),
        labels=manifest["labels"],
        counted=counted_classes(manifest["labels"]),
        classes=_classes(manifest["labels"], manifest["balance"]),
        agreement=manifest["agreement"],
        advice={reason.value: line for reason, line in ADVICE.items()},
        reasons=[reason.value for reason in Reason],
    )
    write_bytes(folder / "README.md", text.encode())


def _classes(labels: Sequence[str], balance: dict[str, dict[str, int]]) -> list[str]:
    """The columns of the table of films: the classes, and unlabelled clips if there are any."""
    has_unlabelled = any("unlabelled" in counts for counts in balance.values())
    return [*counted_classes(labels), *(["unlabelled"] if has_unlabelled else [])]


def _pictures(face: Mapping[str, Any]) -> list[str]:
    """What the card says of pictures beside the image of the middle frame. face: the section of the settings."""
    side, margin = face.get("view_size_px"), face.get("view_margin")
    sizes = {
        "rgb": f"{side}x{side} pixels, margin {margin}",
        "gray": f"{side}x{side} pixels, margin {margin}",
        "context": f"at most {face.get('context_side_px')} pixels a side",
    }
    faces = {
        "others_blurred": "those that were found, but that of the clip, are blurred",
        "blurred": "all that were found are blurred",
        "boxed": "all that were found are covered",
        "shown": "all are shown",
    }
    about = {f"image_{name}": f"{VIEWS[f'image_{name}']} ({sizes[name]})" for name in face.get("views", ())}
    if "image_context" in about:
        about["image_context"] += f"; faces: {faces[face['context_faces']]}"
    lines = [f"`{name}`: {words}." for name, words in about.items()]
    if (count := face.get("frames", 1)) > 1:
        lists = ", ".join(f"`{frames_of(name)}`" for name in ("image", *about))
        every = (
            f"every {nth} frames from the middle on" if (nth := face.get("every_nth")) else "spread evenly"
        )
        lines.append(
            f"{lists}: up to {count} frames of the same face, {every}, within the shot of the middle of the span, "
            "with their times in `frame_times_s`; frames whose face is not clear are left out."
        )
    if (which := face.get("frame", "middle")) != "middle":
        words = {"clearest": "with the clearest face", "most_expressive": "whose landmarks moved most"}
        lines.append(f"`image` is not from the middle frame but from the one {words[which]} in the span.")
    return lines
