"""A Prefect server for the flows of one call. It ends with the call or with the process, however that ends.

Prefect would start one by itself, but that one keeps running when the process is killed.
"""

import contextlib
import logging
import os
import socket
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Iterator

from emodal_data.core.errors import WorkError

#: The first start on a machine also makes the database.
START_TIMEOUT_S = 180.0


def prepare_prefect() -> None:
    """Settings for a flow that runs on its own; to be called before Prefect is imported. What the user set wins."""
    # Its own events are of no use here, and it logs errors when they outlast the flow.
    logging.getLogger("EventsWorker").setLevel(logging.CRITICAL)
    for name, value in {
        "PREFECT_LOGGING_LEVEL": "CRITICAL",  # who called reports the failure
        "PREFECT_SERVER_LOGGING_LEVEL": "CRITICAL",
        "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
        "DO_NOT_TRACK": "1",  # else Prefect reports its use to its makers
    }.items():
        os.environ.setdefault(name, value)


@contextlib.contextmanager
def local_server() -> Iterator[None]:
    """Run the block's flows against a server of their own, unless a server is configured (PREFECT_API_URL).

    Raises WorkError if it does not start.
    """
    from prefect.settings import PREFECT_API_URL, temporary_settings

    if PREFECT_API_URL.value():
        yield
        return
    port = _free_port()
    url = f"http://127.0.0.1:{port}/api"
    # The module path of this process, and nothing of the working folder, which may hold files named as libraries.
    paths = [os.path.abspath(path) for path in sys.path]  # noqa: PTH100
    code = f"import sys; sys.path[:] = {paths!r}; from flows.server.local_server import serve; serve({port})"
    # Its own session: Ctrl-C is for the command. Its input closes when the command is gone.
    server = subprocess.Popen(
        [sys.executable, "-P", "-c", code], stdin=subprocess.PIPE, start_new_session=True
    )
    try:
        _wait_until_up(url, server)
        with temporary_settings({PREFECT_API_URL: url}):
            yield
    finally:
        assert server.stdin is not None
        server.stdin.close()
        server.wait()


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def _wait_until_up(url: str, server: "subprocess.Popen[bytes]") -> None:
    deadline_s = time.monotonic() + START_TIMEOUT_S
    while time.monotonic() < deadline_s and server.poll() is None:
        with contextlib.suppress(urllib.error.URLError, OSError):
            urllib.request.urlopen(f"{url}/health", timeout=5).close()
            return
        time.sleep(0.05)
    raise WorkError(
        f"the local Prefect server did not start (exit code {server.poll()}); is its database damaged?"
    )


def _end_with_input() -> None:
    sys.stdin.buffer.read()
    os._exit(0)


def serve(port: int) -> None:
    """Serve until standard input closes."""
    threading.Thread(target=_end_with_input, daemon=True).start()
    import uvicorn
    from prefect.server.api.server import create_app

    uvicorn.run(create_app(ephemeral=True), host="127.0.0.1", port=port, log_level="critical")
