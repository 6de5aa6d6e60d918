"""What must hold of docker-compose.yml and the Dockerfile before anybody starts them."""

import re
import shutil
import subprocess

import pytest

from tests.service.topology import ROOT, interpolate, read_compose

SERVICES = read_compose()["services"]
#: They run once, or serve files; nobody waits for them.
WITHOUT_HEALTHCHECK = {"deploy", "reports", "films-mirror", "dask-scheduler", "dask-worker"}


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
    name, _, tag = SERVICES[service]["image"].partition(":")
    assert name
    assert tag not in ("", "latest")


def test_secrets_come_from_the_environment_only() -> None:
    text = (ROOT / "docker-compose.yml").read_text()
    assert "POSTGRES_PASSWORD:?" in text
    for service in SERVICES.values():
        for name, value in service.get("environment", {}).items():
            if "PASSWORD" in name or "@" in str(value):
                assert "PASSWORD" in str(value), f"{name} does not come from the environment"
    ignored = [(ROOT / name).read_text().split() for name in (".gitignore", ".dockerignore")]
    assert all(".env" in lines for lines in ignored)
    assert re.findall(r"^\w*PASSWORD=(.*)$", (ROOT / ".env.example").read_text(), re.MULTILINE) == [""]


def test_a_missing_password_stops_compose_with_a_message() -> None:
    with pytest.raises(KeyError, match="choose one"):
        interpolate(SERVICES["postgres"]["environment"]["POSTGRES_PASSWORD"], {})
    nested = SERVICES["minio"]["environment"]["MINIO_ROOT_PASSWORD"]
    assert interpolate(nested, {"POSTGRES_PASSWORD": "a"}) == "a"
    assert interpolate(nested, {"POSTGRES_PASSWORD": "a", "MINIO_ROOT_PASSWORD": "b"}) == "b"


def test_long_running_services_have_health_checks_and_come_back() -> None:
    for name, service in SERVICES.items():
        assert service["restart"] == ("on-failure" if name == "deploy" else "unless-stopped")
        assert ("healthcheck" in service) == (name not in WITHOUT_HEALTHCHECK)


def test_volumes_are_named() -> None:
    volumes = read_compose()["volumes"]
    used = {
        str(volume).split(":")[0] for service in SERVICES.values() for volume in service.get("volumes", [])
    }
    assert {name for name in used if not name.startswith("${")} == set(volumes)


def test_our_own_services_have_no_rights_to_gain() -> None:
    ours = [service for service in SERVICES.values() if service["image"].startswith("emodal:")]
    assert len(ours) == 6
    for service in ours:
        assert service["cap_drop"] == ["ALL"]
        assert service["security_opt"] == ["no-new-privileges:true"]


def test_the_image_runs_as_a_user_and_copies_what_exists() -> None:
    lines = (ROOT / "Dockerfile").read_text().splitlines()
    assert [line for line in lines if line.startswith("USER")] == ["USER emodal"]
    ignored = (ROOT / ".dockerignore").read_text().split()
    for line in lines:
        if line.startswith("COPY") and "--from" not in line:
            for name in line.split()[1:-1]:
                assert (ROOT / name).exists()
                assert name not in ignored
