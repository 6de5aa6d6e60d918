"""The flow build-dataset: the work of `emodal build` as a run on a Prefect server, and then training."""

from typing import Any, cast

from prefect import flow, runtime
from prefect.states import Completed

from emodal_data.dataset.folder import read_manifest
from flows.config.models import Config
from flows.engine.allowed_roots import check_roots
from flows.engine.tasks import prefect_threads
from flows.operations.build import build
from flows.progress.dataset_event import announce_dataset
from flows.progress.prefect_run import observed_in_prefect
from flows.progress.summary import dataset_lines
from flows.train_emodal import train_emodal

#: The name of a run's last state when some of its films failed; its type is Completed.
WITH_WARNINGS = "Completed with warnings"


@flow(
    name="build-dataset", flow_run_name="build {config.out}", persist_result=False, result_serializer="json"
)
def build_dataset(config: Config) -> dict[str, Any]:
    """Build the dataset that the configuration describes, and train on it if that is wanted.

    Returns counts of the manifest, clips_read, published, warnings, and metrics where it trained itself: a run of a
    deployment announces its dataset instead, and training is a run of its own. Raises InputError or WorkError.
    """
    check_roots(config.locations())
    with observed_in_prefect(config.out, config.engine.report_url):
        result = build(config, prefect_threads)
    lines = dataset_lines(result)
    if runtime.deployment.id:
        result["announced"] = announce_dataset(config, read_manifest(config.out / "dataset"))
    elif config.train:
        result["metrics"] = train_emodal(
            config.out / "dataset", config.out / "model", config.model, config.engine, config.workers or 1
        )
    return _last_state(result, lines)


def _last_state(result: dict[str, Any], lines: list[str]) -> dict[str, Any]:
    """The state that the run ends in, with the outcome as its message; who called the flow gets the result alone."""
    name = WITH_WARNINGS if result["warnings"] else "Completed"
    message = "\n".join([*result["warnings"], *lines])
    return cast(dict[str, Any], Completed(name=name, message=message, data=result))
