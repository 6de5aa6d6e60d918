"""What `emodal deploy` leaves on a server, and that doing it twice leaves the same."""

import asyncio
import os
import pty
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from prefect.client.orchestration import SyncPrefectClient, get_client
from prefect.client.schemas.actions import WorkPoolCreate, WorkPoolUpdate
from prefect.settings import (
    PREFECT_API_AUTH_STRING,
    PREFECT_API_URL,
    PREFECT_PLUGINS_ENABLED,
    PREFECT_PROFILES_PATH,
    PREFECT_SERVER_API_AUTH_STRING,
    PREFECT_SERVER_CORS_ALLOWED_ORIGINS,
    PREFECT_SERVER_CSRF_PROTECTION_ENABLED,
    load_current_profile,
    temporary_settings,
)
from prefect.workers.process import ProcessWorker

from emodal_data.core.errors import InputError, WorkError
from flows.cli import app
from flows.cli.deploy import deploy as deploy_command
from flows.config.load import load_config
from flows.config.models import Config
from flows.server.deploy import (
    HEARTBEAT_AUTOMATION,
    RUN_ENVIRONMENT,
    TRAIN_AUTOMATION,
    WORK_POOL,
    deploy,
)
from flows.server.short_names import full_name

ROOT = Path(__file__).parents[2]
#: What differs between two looks at the same thing; no pull steps are an empty list at first, and nothing later.
PASSING = {"id", "created", "updated", "status", "last_polled", "deployment_id", "pull_steps"}


@pytest.fixture(autouse=True)
def own_profile(prefect_server: None, tmp_path: Path) -> Iterator[Path]:
    path = tmp_path / "profiles.toml"
    with temporary_settings({PREFECT_PROFILES_PATH: path}):
        yield path


@pytest.fixture
def client(prefect_server: None) -> Iterator[SyncPrefectClient]:
    with get_client(sync_client=True) as client:
        yield client


@pytest.fixture
def config(tmp_path: Path) -> Config:
    settings = ["model.epochs=3", "clips.reel_size=8"]
    paths = {"films": Path("films"), "annotations": Path("spans.csv"), "out": tmp_path / "build"}
    return load_config(None, settings, **paths).on_a_schedule()


def plain(value: Any) -> Any:
    """A parcel of Prefect's as plain JSON, without what time and chance put in."""
    if isinstance(value, dict):
        return {key: plain(item) for key, item in value.items() if key not in PASSING}
    return [plain(item) for item in value] if isinstance(value, list) else value


def state_of_server(client: SyncPrefectClient) -> dict[str, Any]:
    names = ("build-dataset/build-dataset", "train-emodal/train-emodal")
    parts = {
        "pools": client.read_work_pools(),
        "deployments": [client.read_deployment_by_name(name) for name in names],
        "automations": sorted(client.read_automations(), key=lambda automation: automation.name),
    }
    return {name: [plain(item.model_dump(mode="json")) for item in items] for name, items in parts.items()}


def test_deploying_twice_leaves_the_state_of_deploying_once(
    client: SyncPrefectClient, config: Config
) -> None:
    once = deploy(config, "0 2 * * *")
    first = state_of_server(client)
    assert deploy(config, "0 2 * * *") == once
    assert state_of_server(client) == first
    assert [pool["name"] for pool in first["pools"]].count(WORK_POOL) == 1
    assert {automation["name"] for automation in first["automations"]} == {
        HEARTBEAT_AUTOMATION,
        TRAIN_AUTOMATION,
    }
    assert len(first["automations"]) == 2


def test_the_example_of_the_help_deploys(
    client: SyncPrefectClient, capsys: pytest.CaptureFixture[str]
) -> None:
    (example,) = re.findall(r"Example: emodal (.*)", str(deploy_command.__doc__))
    assert not app(example.split(), standalone_mode=False)
    said = capsys.readouterr().out.splitlines()[0]
    assert said == f"{PREFECT_API_URL.value()} builds at 0 2 * * *, and trains when the dataset changed"
    build = client.read_deployment_by_name("build-dataset/build-dataset")
    assert build.parameters["config"]["films"] == "/data/films"


def test_deploying_again_changes_what_was_asked_for(client: SyncPrefectClient, config: Config) -> None:
    deploy(config, "0 2 * * *")
    deploy(config.model_copy(update={"workers": 3}), None)
    build = client.read_deployment_by_name("build-dataset/build-dataset")
    assert build.schedules == []
    assert build.parameters["config"]["workers"] == 3


def test_the_form_of_the_build_is_the_configuration(client: SyncPrefectClient, config: Config) -> None:
    deploy(config, "0 2 * * *", "Europe/Vienna")
    build = client.read_deployment_by_name("build-dataset/build-dataset")
    sections = build.parameter_openapi_schema["definitions"]["Config"]["properties"]
    assert set(sections) == set(Config.model_fields)
    order = sorted(sections, key=lambda name: sections[name]["position"])  # as the page does
    assert order[:6] == ["films", "annotations", "out", "overrides", "workers", "train"]
    for name in order[6:]:  # a section is folded, and stays as it is
        assert sections[name]["anyOf"][1] == {"type": "null"} and sections[name]["default"] is None
        assert sections[name]["description"].endswith(". None: as usual.")
    folded = config.model_dump() | dict.fromkeys(set(order[6:]) - {"clips", "model", "engine"})
    assert Config(**folded) == config
    assert build.enforce_parameter_schema
    assert build.work_pool_name == WORK_POOL
    assert build.global_concurrency_limit is not None
    assert build.global_concurrency_limit.limit == 1
    assert (build.schedules[0].schedule.cron, build.schedules[0].schedule.timezone) == (
        "0 2 * * *",
        "Europe/Vienna",
    )


def test_the_parameters_hold_what_was_set_and_paths_that_hold_anywhere(config: Config) -> None:
    deployed = config.model_dump(mode="json", exclude_unset=True)
    assert deployed == {
        "films": str(Path("films").absolute()),
        "annotations": str(Path("spans.csv").absolute()),
        "out": str(config.out),
        "clips": {"reel_size": 8},
        "model": {"epochs": 3},
        "engine": {
            "settle_s": 120.0,
            "allowed_roots": [
                str(Path("films").absolute()),
                str(Path("spans.csv").absolute()),
                str(config.out),
            ],
        },
    }


def test_the_file_for_prefect_deploy_says_the_same(client: SyncPrefectClient) -> None:
    told = {
        entry["name"]: entry for entry in yaml.safe_load((ROOT / "prefect.yaml").read_text())["deployments"]
    }
    paths = told["build-dataset"]["parameters"]["config"]
    config = Config(**{name: paths[name] for name in ("films", "annotations", "out")}).on_a_schedule()
    deploy(config, "0 2 * * *")
    for name, entry in told.items():
        made = client.read_deployment_by_name(full_name(name))
        assert entry["entrypoint"] == made.entrypoint
        assert entry["description"] == made.description
        assert entry["parameters"] == made.parameters
        assert entry["concurrency_limit"] == made.global_concurrency_limit.limit
        assert entry["work_pool"] == {"name": made.work_pool_name, "job_variables": made.job_variables}
        schedules = [(item.schedule.cron, item.schedule.timezone, item.active) for item in made.schedules]
        assert [tuple(item.values()) for item in entry.get("schedules", [])] == schedules
    (trigger,) = told["train-emodal"]["triggers"]
    (made,) = client.read_automations_by_name(trigger["name"])
    assert set(trigger["expect"]) == made.trigger.expect
    assert trigger["match"] == made.trigger.match.model_dump()
    assert trigger["parameters"] == made.actions[0].parameters


def test_the_bare_name_is_turned_on_in_the_profile(own_profile: Path, config: Config) -> None:
    deploy(config, None)
    assert load_current_profile().settings[PREFECT_PLUGINS_ENABLED] in (True, "True", "true")


def test_a_secret_is_made_once_and_kept_where_only_its_owner_reads_it(
    own_profile: Path, config: Config
) -> None:
    made = deploy(config, None)
    assert (made["secret"], made["unprotected"]) == (str(own_profile), True)
    assert own_profile.stat().st_mode & 0o777 == 0o600
    settings = load_current_profile().settings
    secret = settings[PREFECT_API_AUTH_STRING]
    assert len(secret) > 40 and secret == settings[PREFECT_SERVER_API_AUTH_STRING]
    assert settings[PREFECT_SERVER_CSRF_PROTECTION_ENABLED] in (True, "True", "true")
    port = PREFECT_API_URL.value().split(":")[2].removesuffix("/api")
    origins = settings[PREFECT_SERVER_CORS_ALLOWED_ORIGINS]
    assert origins == f"http://127.0.0.1:{port},http://localhost:{port}"
    deploy(config, None)
    assert load_current_profile().settings[PREFECT_API_AUTH_STRING] == secret


def test_a_secret_of_the_environment_is_used_and_none_is_made(own_profile: Path, config: Config) -> None:
    with temporary_settings({PREFECT_API_AUTH_STRING: "a:b"}):
        assert deploy(config, None)["secret"] == "PREFECT_API_AUTH_STRING"
    assert PREFECT_API_AUTH_STRING not in load_current_profile().settings


def test_a_pool_that_let_callers_set_the_command_gets_the_template_without_and_keeps_its_limit(
    client: SyncPrefectClient, config: Config
) -> None:
    deploy(config, None)
    template = ProcessWorker.get_default_base_job_template()
    client.update_work_pool(WORK_POOL, WorkPoolUpdate(base_job_template=template, concurrency_limit=7))
    deploy(config, None)
    pool = client.read_work_pool(WORK_POOL)
    assert pool.concurrency_limit == 7
    wanted = {"command": "touch x", "env": {"PYTHONPATH": "/tmp"}, "env.HOME": "/tmp", "working_dir": "/"}
    make = ProcessWorker.job_configuration.from_template_and_values
    job = asyncio.run(make(pool.base_job_template, wanted))
    assert (job.command, job.env, job.working_dir) == (None, RUN_ENVIRONMENT, None)


def test_a_pool_of_another_type_is_named_and_left_alone(client: SyncPrefectClient, config: Config) -> None:
    client.delete_work_pool(WORK_POOL) if WORK_POOL in {
        pool.name for pool in client.read_work_pools()
    } else None
    client.create_work_pool(WorkPoolCreate(name=WORK_POOL, type="docker"))
    try:
        with pytest.raises(InputError, match="of type docker: rename or delete it"):
            deploy(config, None)
    finally:
        client.delete_work_pool(WORK_POOL)


def test_a_schedule_that_is_none_is_told(config: Config) -> None:
    with pytest.raises(InputError, match="--cron 'tonight'"):
        deploy(config, "tonight")


def test_a_server_that_is_not_there_is_one_clear_line(config: Config) -> None:
    with (
        temporary_settings({PREFECT_API_URL: "http://127.0.0.1:9/api"}),
        pytest.raises(WorkError, match="no Prefect server answers"),
    ):
        deploy(config, None)


def test_the_command_tells_nobody_of_its_use(tmp_path: Path) -> None:
    """On a terminal Prefect tells its makers that it is there, and says so, unless asked not to."""
    command = [sys.executable, "-m", "flows", "deploy", "--films", "a", "--annotations", "b", "--out", "c"]
    kept = {
        name: value for name, value in os.environ.items() if not name.startswith(("PREFECT", "DO_NOT", "CI"))
    }
    own = {"PREFECT_HOME": str(tmp_path), "PREFECT_API_URL": "http://127.0.0.1:9/api", "NO_COLOR": "1"}
    ours, theirs = pty.openpty()
    terminal: dict[str, Any] = {"stdin": theirs, "stdout": theirs, "stderr": theirs}
    run = subprocess.run(command, env=kept | own, check=False, timeout=120, **terminal)
    told = os.read(ours, 4096).decode().split("\r\n")
    assert run.returncode == 1
    assert [line for line in told if line] == [
        "emodal: http://127.0.0.1:9/api: no Prefect server answers there: start one, or correct PREFECT_API_URL"
    ]


@pytest.mark.parametrize(
    ("typed", "read"), [("build-dataset", "build-dataset/build-dataset"), ("a/b", "a/b"), ("x/y/z", "x/y/z")]
)
def test_a_bare_name_stands_for_flow_and_deployment(typed: str, read: str) -> None:
    assert full_name(typed) == read
