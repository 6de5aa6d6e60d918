"""A page of another origin, open in a browser of the machine, gets nothing from the stack and moves nothing."""

import http.server
import re
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas as pd
import pytest

from tests.service.topology import ANY_PASSWORD, ROOT, Api, Stack, wait_until

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

pytestmark = pytest.mark.timeout(600)

#: What the page tries; each answer is what it learns, or the error that the browser reports.
ATTACK = """
async ({api, deployment, jobVariables, parameters, event, secret}) => {
  const tried = {};
  const attempt = async (name, act) => {
    try { tried[name] = await act(); } catch (error) { tried[name] = `error ${error.name}`; }
  };
  const ask = (path, options) => async () => {
    const answer = await fetch(api + path, options);
    return `${answer.type} ${answer.status} ${(await answer.text()).slice(0, 200)}`;
  };
  const post = (type, body) => ({method: "POST", headers: {"Content-Type": type}, body: JSON.stringify(body)});
  const run = {job_variables: jobVariables, parameters};
  await attempt("read", ask("/admin/version", {}));
  await attempt("read with cookies", ask("/admin/version", {credentials: "include"}));
  await attempt("list", ask("/deployments/filter", post("application/json", {})));
  await attempt("start", ask(`/deployments/${deployment}/create_flow_run`, post("application/json", run)));
  await attempt("start unseen", ask(`/deployments/${deployment}/create_flow_run`,
    {...post("text/plain", run), mode: "no-cors", credentials: "include"}));
  await attempt("start with the secret", ask(`/deployments/${deployment}/create_flow_run`,
    {...post("text/plain", run), headers: {Authorization: `Basic ${btoa(secret)}`}}));
  const socket = (protocols, first) => () => new Promise((done) => {
    const line = new WebSocket(api.replace("http", "ws") + "/events/in", protocols);
    line.onopen = () => { for (const message of [...first, event]) line.send(JSON.stringify(message)); };
    line.onmessage = (message) => done(`message ${message.data}`);
    line.onclose = () => done("closed");
    line.onerror = () => done("closed");
    setTimeout(() => done("open"), 3000);
  });
  await attempt("event", socket([], []));
  await attempt("event with protocol", socket(["prefect"], [{type: "auth", token: ""}]));
  await attempt("event with wrong secret", socket(["prefect"], [{type: "auth", token: "emodal:wrong"}]));
  return tried;
}
"""


@pytest.fixture(scope="module")
def deployments(api: Api) -> dict[str, dict[str, Any]]:
    return {found["name"]: found for found in api("POST", "/deployments/filter", {})}


@pytest.fixture
def elsewhere(tmp_path: Path) -> Iterator[str]:
    """The address of a server of somebody else's pages."""
    (tmp_path / "index.html").write_text("<!doctype html><title>cats</title>")

    class Quiet(http.server.SimpleHTTPRequestHandler):
        def log_message(self, format: str, *args: object) -> None:
            pass

    server = http.server.ThreadingHTTPServer(
        ("127.0.0.1", 0), lambda *given: Quiet(*given, directory=str(tmp_path))
    )
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}/index.html"
    server.shutdown()
    server.server_close()


@pytest.fixture
def page(browser: "Browser") -> Iterator["Page"]:
    page = browser.new_page()
    yield page
    page.close()


def attack(page: "Page", stack: Stack, api: Api, deployment: str, marker: Path) -> dict[str, str]:
    """What the page that is open learns."""
    command = f"touch {marker}"
    out = str(marker.parent / "stolen")
    event = {
        "event": "emodal.dataset.ready",
        "id": "00000000-0000-4000-8000-000000000001",
        "occurred": "2026-01-01T00:00:00Z",
        "resource": {"prefect.resource.id": "emodal.dataset.0", "emodal.train": "true"},
        "payload": {"dataset": out, "model": out, "settings": {}},
        "related": [],
    }
    given = {
        "api": stack.api_url,
        "deployment": deployment,
        "jobVariables": {"command": command},
        "parameters": {"config": {"films": "/etc", "annotations": "/etc/passwd", "out": out}},
        "event": event,
        "secret": ":".join(stack.auth()),
    }
    found: dict[str, str] = page.evaluate(ATTACK, given)
    return found


def asked_for(api: Api) -> set[str]:
    """The runs that are not of the schedule."""
    return {run["id"] for run in api("POST", "/flow_runs/filter", {}) if not run["auto_scheduled"]}


def test_a_page_of_another_origin_gets_nothing_and_starts_nothing(
    stack: Stack, api: Api, deployments: dict[str, Any], elsewhere: str, page: "Page", tmp_path: Path
) -> None:
    before = asked_for(api)
    page.goto(elsewhere)
    learnt = attack(page, stack, api, deployments["build-dataset"]["id"], tmp_path / "marker")
    assert learnt == {
        "read": "error TypeError",
        "read with cookies": "error TypeError",
        "list": "error TypeError",
        "start": "error TypeError",
        "start unseen": "opaque 0 ",
        "start with the secret": "error TypeError",
        "event": "closed",
        "event with protocol": "closed",
        "event with wrong secret": "closed",
    }
    assert asked_for(api) == before
    assert not list(tmp_path.glob("marker")) and not list(tmp_path.glob("stolen"))


def test_the_same_page_in_the_servers_own_origin_needs_the_secret(
    stack: Stack, api: Api, deployments: dict[str, Any], page: "Page", tmp_path: Path
) -> None:
    """The requests of the attack are sound: here the browser does deliver them and shows the answers."""
    page.goto(stack.ui_url)
    learnt = attack(page, stack, api, deployments["build-dataset"]["id"], tmp_path / "marker")
    unauthorized = 'basic 401 {"exception_message":"Unauthorized"}'
    assert learnt["read"] == learnt["read with cookies"] == unauthorized
    no_token = 'basic 403 {"detail":"Missing CSRF token."}'
    assert learnt["list"] == learnt["start"] == learnt["start with the secret"] == no_token
    version = page.evaluate(
        "async ({api, secret}) => (await fetch(api + '/admin/version', {headers: {Authorization: "
        "`Basic ${btoa(secret)}`}})).json()",
        {"api": stack.api_url, "secret": ":".join(stack.auth())},
    )
    assert version == api("GET", "/admin/version")


def test_the_servers_page_asks_for_the_password_and_lists_the_deployments_after_it(
    stack: Stack, page: "Page"
) -> None:
    page.goto(f"{stack.ui_url}/deployments")
    page.locator("input[type=password]").fill(":".join(stack.auth()))
    page.keyboard.press("Enter")
    page.locator("input[type=password]").wait_for(state="hidden")  # it was accepted
    page.goto(f"{stack.ui_url}/deployments")
    page.get_by_text("train-emodal").first.wait_for(timeout=30_000)


@pytest.mark.parametrize(
    "wanted", [{"command": "touch MARKER"}, {"env": {"PYTHONPATH": "/tmp"}}, {"working_dir": "/"}, {"x": 1}]
)
def test_the_server_refuses_a_run_with_job_variables(
    api: Api, deployments: dict[str, Any], wanted: dict[str, Any]
) -> None:
    path = f"/deployments/{deployments['build-dataset']['id']}/create_flow_run"
    answer = api.ask("POST", path, {"job_variables": wanted})
    assert answer.status_code == 422
    assert "Additional properties are not allowed" in answer.json()["detail"]


def test_a_worker_ignores_job_variables_that_the_server_does_not_check(
    stack: Stack, api: Api, deployments: dict[str, Any], tmp_path: Path
) -> None:
    build = deployments["build-dataset"]
    wanted = {
        "flow_id": build["flow_id"],
        "deployment_id": build["id"],
        "work_pool_name": "emodal",
        "parameters": {"config": build["parameters"]["config"] | {"films": str(tmp_path)}},
        "job_variables": {
            "command": f"touch {tmp_path / 'marker'}",
            "env": {"PREFECT_LOGGING_LEVEL": "no level"},  # would end the run before its flow
            "working_dir": str(tmp_path),
        },
        "state": {"type": "SCHEDULED"},
    }
    run = api("POST", "/flow_runs/", wanted)
    wait_until("the run has failed", lambda: api.state(run["id"]) in ("FAILED", "CRASHED"), 120)
    assert "films =" in api("GET", f"/flow_runs/{run['id']}")["state"]["message"]
    assert list(tmp_path.iterdir()) == []


def test_a_run_that_names_a_place_outside_the_roots_fails_before_it_reads_or_writes(
    stack: Stack, api: Api, deployments: dict[str, Any], tmp_path: Path
) -> None:
    """For `out`; the run of the test before names other films, and test_allowed_roots.py has every setting."""
    deployed = deployments["build-dataset"]["parameters"]["config"]
    outside = tmp_path / "outside"
    # The run's own roots do not count, and a link inside the roots leads outside.
    build = stack.folder / "build"
    before = sorted(build.iterdir())
    link = build / "link"
    link.symlink_to(tmp_path)
    config = deployed | {"out": str(link / "outside"), "engine": {"allowed_roots": ["/"]}}
    run = api(
        "POST",
        f"/deployments/{deployments['build-dataset']['id']}/create_flow_run",
        {"parameters": {"config": config}},
    )
    wait_until("the run has failed", lambda: api.state(run["id"]) == "FAILED", 120)
    message = api("GET", f"/flow_runs/{run['id']}")["state"]["message"]
    assert f"out = {link / 'outside'}: outside the deployment's engine.allowed_roots" in message
    assert not outside.exists()
    link.unlink()
    assert sorted(build.iterdir()) == before


def test_an_event_of_somebody_with_the_secret_trains_only_inside_the_roots(
    stack: Stack, api: Api, tmp_path: Path
) -> None:
    before = asked_for(api)
    event = {
        "event": "emodal.dataset.ready",
        "id": "00000000-0000-4000-8000-000000000002",
        "occurred": pd.Timestamp.now("UTC").isoformat(),
        "resource": {"prefect.resource.id": "emodal.dataset.0", "emodal.train": "true"},
        "payload": {"dataset": str(tmp_path), "model": str(tmp_path / "model"), "settings": {}},
        "related": [],
    }
    api("POST", "/events", [event])
    (run,) = wait_until(
        "the training has failed",
        lambda: [run for run in api.runs("train-emodal", in_state=["FAILED"]) if run["id"] not in before],
        120,
    )
    assert asked_for(api) == {*before, run["id"]}
    assert f"dataset = {tmp_path}: outside the deployment's engine.allowed_roots" in run["state"]["message"]
    assert not (tmp_path / "model").exists()


def test_the_database_has_any_password_and_no_log_has_one(stack: Stack) -> None:
    assert stack.passwords[0] == ANY_PASSWORD
    for path in stack.logs.iterdir():
        text = path.read_text(errors="replace")
        assert not any(password in text for password in stack.passwords)


def test_a_backup_of_the_database_is_restored_as_the_documentation_says(stack: Stack, api: Api) -> None:
    """The last that is asked of the stack: it restarts the server."""
    lines = re.findall(
        r"docker compose exec -T postgres (pg_.*)", (ROOT / "docs" / "deploying.md").read_text()
    )
    backup, restore = lines
    before = {found["id"]: found["name"] for found in api("POST", "/deployments/filter", {})}
    runs = {run["id"]: run["state_type"] for run in api.runs("train-emodal")}
    stack.in_postgres(backup)
    for deployment in before:
        api("DELETE", f"/deployments/{deployment}")
    assert api("POST", "/deployments/filter", {}) == []

    stack.kill("server")
    stack.in_postgres(restore)
    stack.start_healthy("server", timeout_s=240)
    assert {found["id"]: found["name"] for found in api("POST", "/deployments/filter", {})} == before
    assert {run["id"]: run["state_type"] for run in api.runs("train-emodal")} == runs
    assert len(api("POST", "/automations/filter", {})) == 2
