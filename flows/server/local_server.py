"""A Prefect server for the flows of one command. It ends with the command, however that ends.

Prefect would start one by itself, but a killed command leaves that one running for ever.
"""

import contextlib
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
    command = [sys.executable, "-m", "flows.server.local_server", str(port)]
    # Its own session: Ctrl-C is for the command. Its input closes when the command is gone.
    server = subprocess.Popen(command, stdin=subprocess.PIPE, start_new_session=True)
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


def _serve(port: int) -> None:
    threading.Thread(target=_end_with_input, daemon=True).start()
    import uvicorn
    from prefect.server.api.server import create_app

    uvicorn.run(create_app(ephemeral=True), host="127.0.0.1", port=port, log_level="critical")


if __name__ == "__main__":
    _serve(int(sys.argv[1]))
