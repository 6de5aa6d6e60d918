"""Registers on a Prefect server what builds need there: work pool, deployments, automations.

A second call leaves the same state: each object is found by its name and updated.
"""

import importlib.metadata
from datetime import timedelta
from typing import Any

import httpx
from prefect.client.orchestration import SyncPrefectClient, get_client
from prefect.client.schemas.actions import WorkPoolCreate, WorkPoolUpdate
from prefect.client.schemas.objects import StateType
from prefect.client.schemas.schedules import CronSchedule
from prefect.deployments.runner import RunnerDeployment
from prefect.events import EventTrigger
from prefect.events.actions import ChangeFlowRunState, RunDeployment
from prefect.events.schemas.automations import AutomationCore, Posture
from prefect.exceptions import ObjectNotFound, PrefectHTTPStatusError
from prefect.settings import PREFECT_API_URL, PREFECT_PLUGINS_ENABLED, update_current_profile
from prefect.types.entrypoint import EntrypointType
from prefect.variables import Variable

from emodal_data.core.errors import InputError, WorkError
from emodal_data.storage.urls import shown
from flows.build_dataset import WITH_WARNINGS, build_dataset
from flows.config.models import Config
from flows.progress.dataset_event import DATASET_READY, TRAIN_LABEL
from flows.server.access import ensure_secret, is_open
from flows.server.environment import check_server
from flows.train_emodal import train_emodal

WORK_POOL = "emodal"
#: What the deployments say on Prefect's pages, as Markdown.
BUILD_ABOUT = (
    "Builds a dataset from films and annotations: it reads the films and spans that are new or changed, splits without "
    "leaks, and writes `dataset/` with a report. If nothing changed, it ends after a look at the files. A new dataset "
    "starts train-emodal.\n\n"
    "A run shows the progress of each film, what became of every row, faces, and the report. A failed film costs its "
    "own rows. A stopped or crashed run resumes where it stopped: use Retry.\n\n"
    "Documentation: `docs/deploying.md` and `docs/operating.md`; settings: `docs/reference/settings.md` (`make docs`)."
)
TRAIN_ABOUT = (
    "Trains EMODal on a dataset. It starts when build-dataset announces a new one, and repeats no finished "
    "training.\n\n"
    "A run shows its progress, the poster's Table 1 on the test split, and the report.\n\n"
    "Documentation: `docs/deploying.md` and `docs/using-the-model.md`."
)
TRAIN_AUTOMATION = "emodal: a new dataset is trained on"
HEARTBEAT_AUTOMATION = "emodal: a run without heartbeat has crashed"

#: A running flow sends a heartbeat this often; Prefect allows no shorter interval.
HEARTBEAT_S = 30
#: A flow without a heartbeat for this long has crashed.
SILENCE_S = 90

#: The environment of a run. It types no names; and plug-ins may not be loaded where Prefect looks for cancelled runs.
RUN_ENVIRONMENT = {
    "DO_NOT_TRACK": "1",
    "PREFECT_FLOWS_HEARTBEAT_FREQUENCY": str(HEARTBEAT_S),
    "PREFECT_PLUGINS_ENABLED": "false",
}

#: The Prefect variable that holds RUN_ENVIRONMENT.
ENVIRONMENT_VARIABLE = "emodal_run_environment"
_PLACEHOLDER = f"prefect.variables.{ENVIRONMENT_VARIABLE}"

#: What a worker runs. Whoever starts a run can set nothing of it: the server accepts no job variables. Some requests it
#: does not check, and a worker merges a job variable `env` into an environment that is written in the template. So the
#: template names a Prefect variable; the placeholder has to be declared, with a schema that no value fulfils.
JOB_TEMPLATE = {
    "job_configuration": {
        "command": None,
        "env": f"{{{{ {_PLACEHOLDER} }}}}",
        "stream_output": True,
        "working_dir": None,
    },
    "variables": {"type": "object", "properties": {_PLACEHOLDER: {"not": {}}}, "additionalProperties": False},
}

_LIVES_OR_ENDED = ("heartbeat", "Completed", WITH_WARNINGS, "Failed", "Cancelled", "Crashed")


def deploy(config: Config, cron: str | None, timezone: str = "UTC") -> dict[str, Any]:
    """Make the server of PREFECT_API_URL ready for builds with this configuration.

    cron: schedule of the builds; None: builds are started by hand. Returns what the server has now, by name; where its
    secret is; and whether the server also answers without the secret.
    Raises InputError if no server is named, or the secret or the schedule is wrong; WorkError if the server fails.
    """
    url = PREFECT_API_URL.value()
    if not url:
        raise InputError("no server: set PREFECT_API_URL, for example to http://127.0.0.1:4200/api")
    schedule = _schedule(cron, timezone)
    try:
        is_unprotected = is_open(url)
        if not is_unprotected:
            check_server(url)
        secret = ensure_secret(url)
        with get_client(sync_client=True) as client:
            Variable.set(ENVIRONMENT_VARIABLE, dict(RUN_ENVIRONMENT), overwrite=True)
            _ensure_work_pool(client)
            build = _build_deployment(config, schedule).apply()
            train = _train_deployment(config).apply()
            for automation in (_train_automation(train), _heartbeat_automation()):
                _ensure_automation(client, automation)
    except httpx.TransportError as error:
        raise WorkError(
            f"{url}: no Prefect server answers there: start one, or correct PREFECT_API_URL"
        ) from error
    except PrefectHTTPStatusError as error:
        raise WorkError(f"{url}: the server refused: {error.response.text}") from error
    update_current_profile({PREFECT_PLUGINS_ENABLED: True})
    return {
        "server": url,
        "work_pool": WORK_POOL,
        "deployments": {"build-dataset": str(build), "train-emodal": str(train)},
        "automations": [TRAIN_AUTOMATION, HEARTBEAT_AUTOMATION],
        "cron": cron,
        "secret": secret,
        "unprotected": is_unprotected,
    }


def _schedule(cron: str | None, timezone: str) -> list[CronSchedule]:
    try:
        return [CronSchedule(cron=cron, timezone=timezone)] if cron else []
    except ValueError as error:
        raise InputError(
            f"--cron {cron!r}, --timezone {timezone!r}: not a schedule, such as '0 2 * * *'"
        ) from error


def _ensure_work_pool(client: SyncPrefectClient) -> None:
    """Make the pool, or give the one that is there the job template; its limit and its pause stay."""
    try:
        kind = client.read_work_pool(WORK_POOL).type
    except ObjectNotFound:
        description = "Machines that build EMODal datasets and train on them."
        pool = WorkPoolCreate(
            name=WORK_POOL, type="process", base_job_template=JOB_TEMPLATE, description=description
        )
        client.create_work_pool(pool)
        return
    if kind != "process":
        raise InputError(f"the server has a work pool {WORK_POOL} of type {kind}: rename or delete it")
    client.update_work_pool(WORK_POOL, WorkPoolUpdate(base_job_template=JOB_TEMPLATE))


def _build_deployment(config: Config, schedules: list[CronSchedule]) -> RunnerDeployment:
    return _deployment(
        build_dataset,
        BUILD_ABOUT,
        {"config": config.model_dump(mode="json", exclude_unset=True)},
        schedules,
    )


def _train_deployment(config: Config) -> RunnerDeployment:
    return _deployment(
        train_emodal,
        TRAIN_ABOUT,
        {
            "dataset": shown(config.out / "dataset"),
            "out": shown(config.out / "model"),
            "config": config.model.model_dump(mode="json", exclude_unset=True),
            "engine": {"allowed_roots": list(config.engine.allowed_roots)}
            | ({"report_url": config.engine.report_url} if config.engine.report_url else {}),
        },
    )


def _deployment(
    flow: Any, description: str, parameters: dict[str, Any], schedules: list[CronSchedule] | None = None
) -> RunnerDeployment:
    """A deployment named as its flow. Workers import the flow from the installed package: no path, no download."""
    deployment: RunnerDeployment = flow.to_deployment(
        flow.name,
        version=importlib.metadata.version("emodal"),
        description=description,
        parameters=parameters,
        schedules=schedules or [],
        concurrency_limit=1,  # a second run waits for its turn
        work_pool_name=WORK_POOL,
        entrypoint_type=EntrypointType.MODULE_PATH,
    )
    return deployment


def _train_automation(train_id: Any) -> AutomationCore:
    return AutomationCore(
        name=TRAIN_AUTOMATION,
        description=f"Runs train-emodal for each event {DATASET_READY} of a build that asks for training.",
        trigger=EventTrigger(
            expect={DATASET_READY},
            match={"prefect.resource.id": "emodal.dataset.*", TRAIN_LABEL: "true"},
            posture=Posture.Reactive,
            threshold=1,
        ),
        actions=[
            RunDeployment(
                source="selected",
                deployment_id=train_id,
                job_variables=None,
                parameters={
                    "dataset": "{{ event.payload.dataset }}",
                    "out": "{{ event.payload.model }}",
                    "config": {
                        "__prefect_kind": "json",
                        "value": {
                            "__prefect_kind": "jinja",
                            "template": "{{ event.payload.settings | tojson }}",
                        },
                    },
                },
            )
        ],
    )


def _heartbeat_automation() -> AutomationCore:
    """Without it, a run whose machine is gone would stay Running: Prefect's server does not watch heartbeats itself."""
    flows = [build_dataset.name, train_emodal.name]
    return AutomationCore(
        name=HEARTBEAT_AUTOMATION,
        description=f"Marks a run Crashed after {SILENCE_S} s of silence.",
        trigger=EventTrigger(
            after={"prefect.flow-run.heartbeat"},
            expect={f"prefect.flow-run.{name}" for name in _LIVES_OR_ENDED},
            match={"prefect.resource.id": "prefect.flow-run.*"},
            match_related={"prefect.resource.role": "flow", "prefect.resource.name": flows},
            for_each={"prefect.resource.id"},
            posture=Posture.Proactive,
            threshold=1,
            within=timedelta(seconds=SILENCE_S),
        ),
        actions=[
            ChangeFlowRunState(
                state=StateType.CRASHED,
                name=None,
                force=False,
                message=f"No heartbeat for {SILENCE_S} s: its machine or process is gone. Retry the run: it resumes.",
            )
        ],
    )


def _ensure_automation(client: SyncPrefectClient, automation: AutomationCore) -> None:
    """Create the automation, or update the one of its name; further ones of that name are removed."""
    there = client.read_automations_by_name(automation.name)
    if not there:
        client.create_automation(automation)
        return
    client.update_automation(there[0].id, automation)
    for copy in there[1:]:
        client.delete_automation(copy.id)
