"""A Google Cloud Storage emulator on this machine, as a process of its own. It does not refuse to overwrite."""

import contextlib
import os
import subprocess
import sys
from collections.abc import Iterator

import fsspec
import pytest

from tests.s3 import free_port, wait_until_up


@contextlib.contextmanager
def gcs_server() -> Iterator[subprocess.Popen[bytes]]:
    """The server, for as long as the block runs; the environment points to it and to a bucket `films-and-faces`."""
    port = free_port()
    command = [
        sys.executable,
        "-m",
        "gcp_storage_emulator",
        "start",
        "--host",
        "127.0.0.1",
        "--port",
        str(port),
    ]
    server = subprocess.Popen(
        [*command, "--in-memory", "--quiet", "--default-bucket", "films-and-faces"],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    patch = pytest.MonkeyPatch()
    patch.setenv("STORAGE_EMULATOR_HOST", f"http://127.0.0.1:{port}")
    # It would ask Google what kind of bucket this is, and look for credentials to do so.
    patch.setenv("GCSFS_EXPERIMENTAL_ZB_HNS_SUPPORT", "false")
    try:
        wait_until_up(os.environ["STORAGE_EMULATOR_HOST"], server)
        fsspec.get_filesystem_class("gs").clear_instance_cache()
        yield server
    finally:
        server.kill()
        server.wait()
        patch.undo()
        fsspec.get_filesystem_class("gs").clear_instance_cache()
