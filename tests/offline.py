"""Whom the processes of a test talk to: every connection and every name looked up, of this process and its children."""

import os
from pathlib import Path

import pytest

#: Names the file that calls are written to.
_CALLS = "EMODAL_TEST_CALLS"
#: Runs at the start of every Python process that finds it.
_HOOK = """
import os, sys

def hear(event, args):
    if event not in ("socket.connect", "socket.getaddrinfo", "socket.sendto"):
        return
    if not os.environ.get("EMODAL_TEST_CALLS"):
        return
    address = args[0] if event == "socket.getaddrinfo" else args[1]
    host = address[0] if isinstance(address, tuple) else address
    if isinstance(address, tuple) or event == "socket.getaddrinfo":  # the path of a Unix socket is no host
        if host not in (None, "", "127.0.0.1", "::1", "localhost", b"127.0.0.1", b"localhost"):
            with open(os.environ["EMODAL_TEST_CALLS"], "a") as calls:
                print(event, host, " ".join(sys.argv)[:80], file=calls)

sys.addaudithook(hear)
"""
_hooked: list[bool] = []


def hear_calls(folder: Path, patch: pytest.MonkeyPatch) -> Path:
    """From now on, calls to other machines are lines of the file that is returned; the patch's end ends it.

    The environment is that of a user without any wish about telemetry. Native code that opens sockets is not heard.
    """
    (site := folder / "site").mkdir()
    (site / "sitecustomize.py").write_text(_HOOK)
    patch.setenv("PYTHONPATH", os.pathsep.join([str(site), str(Path(__file__).parents[1])]))
    for name in ("DO_NOT_TRACK", "PREFECT_SERVER_ANALYTICS_ENABLED", "HF_HUB_OFFLINE", "CI"):
        patch.delenv(name, raising=False)
    if not _hooked:
        exec(_HOOK, {})
        _hooked.append(True)  # a hook stays until the process ends
    calls = folder / "calls.txt"
    calls.touch()
    patch.setenv(_CALLS, str(calls))
    return calls
