"""What must hold of docker-compose.yml and the Dockerfile before anybody starts them."""

import re
import shutil
import subprocess

import pytest
from packaging.utils import canonicalize_name

from tests.service.topology import ROOT, interpolate, read_compose

SERVICES = read_compose()["services"]
NETWORKS = read_compose()["networks"]


def test_the_compose_file_is_valid() -> None:
    npx = shutil.which("npx")
    if not npx:
        pytest.skip("no npx here")
    version = subprocess.run(
        [npx, "--yes", "dclint", "--version"], capture_output=True, text=True, timeout=120
    )
    if version.returncode:
        pytest.skip(f"npx cannot get dclint: {version.stderr.strip().splitlines()[-1]}")
    lint = [npx, "--yes", "dclint", "--max-warnings", "0", str(ROOT / "docker-compose.yml")]
    run = subprocess.run(lint, capture_output=True, text=True, timeout=120)
    assert run.returncode == 0, run.stdout


@pytest.mark.parametrize("service", SERVICES)
def test_ports_are_open_on_loopback_only(service: str) -> None:
    assert all(str(port).startswith("127.0.0.1:") for port in SERVICES[service].get("ports", []))


@pytest.mark.parametrize("service", SERVICES)
def test_images_are_pinned(service: str) -> None:
    name, _, tag = interpolate(SERVICES[service]["image"], {}).partition(":")
    assert name
    assert tag not in ("", "latest")


@pytest.mark.parametrize("service", SERVICES)
def test_every_image_can_be_named_by_digest_in_the_environment_file(service: str) -> None:
    image = SERVICES[service]["image"]
    (variable,) = re.findall(r"^\$\{(\w+_IMAGE):-[^}]+\}$", image)
    digest = f"example.org/x:1@sha256:{'0' * 64}"
    assert interpolate(image, {variable: digest}) == digest
    (example,) = re.findall(rf"^# {variable}=(.*)@sha256:\.\.\.$", (ROOT / ".env.example").read_text(), re.M)
    assert example.endswith(interpolate(image, {}))


def test_secrets_come_from_the_environment_only() -> None:
    text = (ROOT / "docker-compose.yml").read_text()
    assert "POSTGRES_PASSWORD:?" in text
    for service in SERVICES.values():
        for name, value in service.get("environment", {}).items():
            if "PASSWORD" in name or "AUTH" in name or "@" in str(value):
                assert "PASSWORD" in str(value), f"{name} does not come from the environment"
    ignored = [(ROOT / name).read_text().split() for name in (".gitignore", ".dockerignore")]
    assert all(".env" in lines for lines in ignored)
    example = (ROOT / ".env.example").read_text()
    assert re.findall(r"^\w*PASSWORD=(.*)$", example, re.MULTILINE) == ["", ""]


@pytest.mark.parametrize(
    ("service", "name"), [("postgres", "POSTGRES_PASSWORD"), ("server", "PREFECT_SERVER_API_AUTH_STRING")]
)
def test_a_missing_password_stops_compose_with_a_message(service: str, name: str) -> None:
    with pytest.raises(KeyError, match="choose one"):
        interpolate(SERVICES[service]["environment"][name], {})


def test_the_object_store_has_a_password_of_its_own_and_does_not_start_without() -> None:
    assert "POSTGRES" not in SERVICES["minio"]["environment"]["MINIO_ROOT_PASSWORD"]
    shell, option, line = SERVICES["minio"]["entrypoint"]
    started = subprocess.run(
        [shell, option, line.replace("$$", "$").replace("exec minio", "echo minio")],
        env={"MINIO_ROOT_PASSWORD": ""},
        capture_output=True,
        text=True,
        check=False,
    )
    assert started.returncode != 0
    assert "choose one, see .env.example" in started.stderr
    assert started.stdout == ""


def test_no_password_is_part_of_a_url() -> None:
    for service in SERVICES.values():
        for value in service.get("environment", {}).values():
            assert not ("://" in str(value) and "PASSWORD" in str(value))


@pytest.mark.parametrize("name", SERVICES)
def test_every_service_that_keeps_running_has_a_health_check_and_comes_back(name: str) -> None:
    service = SERVICES[name]
    assert service["restart"] == ("on-failure" if name == "deploy" else "unless-stopped")
    assert ("healthcheck" in service) == (name != "deploy")


@pytest.mark.parametrize("name", SERVICES)
def test_every_service_has_no_rights_to_gain_limits_and_a_read_only_root(name: str) -> None:
    service = SERVICES[name]
    assert service["cap_drop"] == ["ALL"] and "cap_add" not in service and "privileged" not in service
    assert service["security_opt"] == ["no-new-privileges:true"]
    assert service["read_only"] is True
    assert any(mount.startswith("/tmp:") for mount in service["tmpfs"])
    assert {"mem_limit", "cpus", "pids_limit"} <= service.keys()
    assert service["logging"]["options"] == {"max-size": "10m", "max-file": "5"}


def test_the_database_is_reached_by_the_server_only() -> None:
    assert SERVICES["postgres"]["networks"] == ["database"]
    assert [name for name, service in SERVICES.items() if "database" in service["networks"]] == [
        "postgres",
        "server",
    ]


def test_only_services_with_ports_of_this_machine_reach_beyond_the_stack() -> None:
    leaving = {name for name, network in NETWORKS.items() if not network.get("internal")}
    assert leaving == {"ports"}
    for service in SERVICES.values():
        assert ("ports" in service["networks"]) == ("ports" in service)


def test_volumes_are_named() -> None:
    volumes = read_compose()["volumes"]
    used = {
        str(volume).split(":")[0] for service in SERVICES.values() for volume in service.get("volumes", [])
    }
    assert {name for name in used if not name.startswith("${")} == set(volumes)


def test_the_image_runs_as_a_user_and_copies_what_exists() -> None:
    lines = (ROOT / "Dockerfile").read_text().splitlines()
    assert [line for line in lines if line.startswith("USER")] == ["USER emodal"]
    ignored = (ROOT / ".dockerignore").read_text().split()
    for line in lines:
        if line.startswith("COPY") and "--from" not in line:
            for name in line.split()[1:-1]:
                assert (ROOT / name).exists()
                assert name not in ignored


def test_the_image_has_every_package_of_the_program() -> None:
    copied = {
        line.split()[1] for line in (ROOT / "Dockerfile").read_text().splitlines() if line.startswith("COPY")
    }
    assert {folder.parent.name for folder in ROOT.glob("*/__init__.py")} - {"tests"} <= copied


def test_every_package_of_the_image_has_a_hash_and_the_tested_version_and_eyed3_is_none_of_them() -> None:
    blocks = re.split(r"\n(?=[\w-]+==)", (ROOT / "requirements-image.txt").read_text())[1:]
    pinned = dict(block.split(" ", 1)[0].split("==") for block in blocks)
    assert all("--hash=sha256:" in block for block in blocks)
    lines = [line for line in (ROOT / "constraints.txt").read_text().splitlines() if "==" in line]
    tested = {canonicalize_name(name): version for name, version in (line.split("==") for line in lines)}
    assert {"prefect", "distributed", "tensorflow", "setuptools"} <= pinned.keys()
    assert {name for name in pinned if tested.get(name, pinned[name]) != pinned[name]} == set()
    assert pinned.keys() - tested.keys() <= {"async-timeout", "setuptools", "wheel"}
    assert "eyed3" not in pinned
