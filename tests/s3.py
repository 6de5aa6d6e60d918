"""A real S3 server on this machine, as a process of its own: moto's."""

import contextlib
import os
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator

import fsspec
import pytest

SECRET = "wJalrXUtnFEMI-test-secret"


@contextlib.contextmanager
def s3_server() -> Iterator[subprocess.Popen[bytes]]:
    """The server, for as long as the block runs; the environment points to it and to a bucket `films-and-faces`."""
    port = free_port()
    code = f"from moto.server import main; main(['-H', '127.0.0.1', '-p', '{port}'])"
    server = subprocess.Popen(
        [sys.executable, "-c", code], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    patch = pytest.MonkeyPatch()
    for name, value in {
        "AWS_ENDPOINT_URL": f"http://127.0.0.1:{port}",
        "AWS_ACCESS_KEY_ID": "AKIATEST",
        "AWS_SECRET_ACCESS_KEY": SECRET,
        "AWS_DEFAULT_REGION": "us-east-1",
        "AWS_EC2_METADATA_DISABLED": "true",
        "AWS_MAX_ATTEMPTS": "1",
    }.items():
        patch.setenv(name, value)
    for name in ("AWS_PROFILE", "AWS_SESSION_TOKEN", "HTTP_PROXY", "http_proxy"):
        patch.delenv(name, raising=False)
    try:
        wait_until_up(f"{os.environ['AWS_ENDPOINT_URL']}/moto-api/", server)
        forget_connections()
        fsspec.filesystem("s3").mkdir("films-and-faces")
        yield server
    finally:
        server.kill()
        server.wait()
        patch.undo()
        forget_connections()


def forget_connections() -> None:
    """Make the next access read the environment again."""
    import s3fs

    s3fs.S3FileSystem.clear_instance_cache()


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def wait_until_up(url: str, server: "subprocess.Popen[bytes]") -> None:
    deadline_s = time.monotonic() + 120
    while time.monotonic() < deadline_s and server.poll() is None:
        with contextlib.suppress(urllib.error.URLError, OSError):
            urllib.request.urlopen(url, timeout=5).close()
            return
        time.sleep(0.05)
    raise RuntimeError(f"the server did not start (exit code {server.poll()})")
