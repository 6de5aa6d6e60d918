"""Vega-Lite for the browser from the package vl-convert: one script that loads nothing else."""

import functools
import hashlib
import importlib.metadata
import subprocess
import sys
from pathlib import Path

from emodal_data.core.errors import WorkError

_BUNDLE = "import sys, vl_convert; sys.stdout.buffer.write(vl_convert.javascript_bundle().encode())"


def vega_script(before: Path | None = None) -> bytes:
    """The script that defines window.vegaEmbed. Raises WorkError if vl-convert fails.

    before: the script of the previous report, which is reused if its first line has the same version of vl-convert and
    the hash of its content.
    """
    head = (
        f"// vl-convert {importlib.metadata.version('vl-convert-python')}, SHA-256 of what follows: ".encode()
    )
    try:
        known = before.read_bytes() if before else b""
    except OSError:
        known = b""
    line, _, body = known.partition(b"\n")
    if body and line == head + _digest(body):
        return known
    body = _bundle()
    return head + _digest(body) + b"\n" + body


@functools.cache
def _bundle() -> bytes:
    """The bundle, made in a process of its own: the JavaScript engine needs 170 MB and a second or two."""
    made = subprocess.run([sys.executable, "-P", "-c", _BUNDLE], capture_output=True, check=False)
    if made.returncode:
        last = made.stderr.decode(errors="replace").strip().splitlines()[-1:]
        raise WorkError(f"no charts for the report: vl-convert failed: {' '.join(last)}")
    # Inside a function, so that the short names of the bundle do not become global names of the page.
    return b"(() => {\n" + made.stdout + b"\n})();\n"


def _digest(body: bytes) -> bytes:
    return hashlib.sha256(body).hexdigest().encode()
