"""The event that says a dataset is ready: once for each content, and never for one that stayed as it was.

Training listens to it (flows/deploy.py), so that a build and a training are two runs that fail apart.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from prefect.events import emit_event

from emodal_data.storage.files import write_bytes
from emodal_data.storage.sync import push
from emodal_data.storage.urls import shown
from flows.config.models import Config

DATASET_READY = "emodal.dataset.ready"

#: Label of the event's resource: whether the build's configuration asks for training.
TRAIN_LABEL = "emodal.train"


def announce_dataset(config: Config, manifest: Mapping[str, Any]) -> bool:
    """Emit the event if this content was not announced before. Returns whether it was.

    What was announced is kept in OUT/announced, written after the event: a run that was killed in between, or before,
    announces again next time. manifest: as dataset.make_manifest gives it.
    """
    mark, content = announced_file(config.out), manifest["dataset_hash"]
    if mark.is_file() and mark.read_text(encoding="utf-8").strip() == content:
        return False
    emit_event(
        DATASET_READY,
        resource={
            "prefect.resource.id": f"emodal.dataset.{content}",
            "prefect.resource.name": shown(config.out / "dataset"),
            TRAIN_LABEL: str(config.train).lower(),
        },
        payload={
            "dataset": shown(config.out / "dataset"),
            "dataset_hash": content,
            "model": shown(config.out / "model"),
            "settings": config.model.model_dump(mode="json"),
            "counts": manifest["counts"],
        },
    )
    write_bytes(mark, f"{content}\n".encode())
    push(mark)
    return True


def announced_file(out: Path) -> Path:
    """Where the hash of the dataset announced last is kept."""
    return out / "announced"
