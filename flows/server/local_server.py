"""A Prefect server for the flows of one call. It ends with the call or with the process, however that ends.

Prefect would start one by itself, but that one keeps running when the process is killed.
"""

import contextlib
import os
import re
import shutil
import socket
import subprocess
import sys
import tempfile
import threading
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import IO, NoReturn

from emodal_data.core.errors import WorkError
from flows.progress.observer import observer
from flows.server.environment import configured_server, temporary_home, without_proxy_to_this_machine

#: The first start on a machine also makes the database.
START_TIMEOUT_S = 180.0
#: After so many seconds, a line says what is waited for.
_SILENT_S = 20.0


@contextlib.contextmanager
def local_server() -> Iterator[None]:
    """Run the block's flows against a server of their own, unless a server is configured (PREFECT_API_URL).

    Raises WorkError if it does not start, InputError if no configured server answers.
    """
    from prefect.settings import PREFECT_API_URL, PREFECT_HOME, temporary_settings

    with contextlib.ExitStack() as open_ones:
        open_ones.enter_context(without_proxy_to_this_machine())
        if configured := PREFECT_API_URL.value():
            open_ones.enter_context(configured_server(configured))
            yield
            return
        port = _free_port()
        url = f"http://127.0.0.1:{port}/api"
        errors = open_ones.enter_context(tempfile.TemporaryFile())
        server = open_ones.enter_context(_server_process(port, errors))
        if not _is_up(url, server):
            home = PREFECT_HOME.value()
            raise WorkError(
                f"the local Prefect server did not start: {_last_error(errors)}; set PREFECT_HOME to another "
                f"folder, or move {home / 'prefect.db'} away"
            )
        open_ones.enter_context(temporary_settings({PREFECT_API_URL: url}))
        yield


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


@contextlib.contextmanager
def _server_process(port: int, errors: "IO[bytes]") -> "Iterator[subprocess.Popen[bytes]]":
    """The process of a server. errors: where its messages go."""
    # The module path of this process, and nothing of the working folder, which may hold files named as libraries.
    paths = [os.path.abspath(path) for path in sys.path if path]  # noqa: PTH100
    paths.append(str(Path(__file__).parents[2]))
    code = (
        f"import sys; sys.path[:] = {paths!r}; "
        f"from flows.server.local_server import serve; serve({port}, {temporary_home()!r})"
    )
    # Its own session: Ctrl-C is for the command. Its input closes when the command is gone.
    server = subprocess.Popen(
        [sys.executable, "-P", "-c", code], stdin=subprocess.PIPE, stderr=errors, start_new_session=True
    )
    try:
        yield server
    finally:
        assert server.stdin is not None
        server.stdin.close()
        server.wait()


def _is_up(url: str, server: "subprocess.Popen[bytes]") -> bool:
    """Wait for the server to answer; False if it ends before, or takes too long."""
    ask = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    begin_s = time.monotonic()
    is_silent = True
    while server.poll() is None:
        with contextlib.suppress(OSError):
            ask.open(f"{url}/health", timeout=5).close()
            return True
        waited_s = time.monotonic() - begin_s
        if waited_s > START_TIMEOUT_S:
            return False
        if waited_s > _SILENT_S and is_silent:
            observer().log("the local Prefect server is starting; the first time on a machine takes longest")
            is_silent = False
        time.sleep(0.05)
    return False


def _last_error(errors: "IO[bytes]") -> str:
    """The last exception among the messages of the server, one line."""
    errors.seek(0)
    text = errors.read().decode("utf-8", "replace")
    named = re.findall(r"^[\w.]*(?:Error|Exception)\w*: .+$", text, re.MULTILINE)
    lines = named or [line for line in text.splitlines() if line.strip()]
    return " ".join(lines[-1].split()) if lines else "it gives no answer"


def serve(port: int, remove: str | None) -> NoReturn:
    """Serve until standard input closes. remove: folder that goes with the server, which outlives a killed command."""

    def end(code: int) -> NoReturn:
        if remove:
            shutil.rmtree(remove, ignore_errors=True)
        os._exit(code)

    def end_with_input() -> NoReturn:
        sys.stdin.buffer.read()
        end(0)

    threading.Thread(target=end_with_input, daemon=True).start()
    try:
        import uvicorn
        from prefect.server.api.server import create_app

        uvicorn.run(create_app(ephemeral=True), host="127.0.0.1", port=port, log_level="error")
    except BaseException as error:
        if not isinstance(error, SystemExit):  # uvicorn has logged why it ends
            print(f"{type(error).__name__}: {error}", file=sys.stderr, flush=True)
    end(1)
