"""Vega-Lite for the browser, out of the package vl-convert: one script, nothing loaded from elsewhere."""

import functools
import hashlib
import importlib.metadata
import subprocess
import sys
from pathlib import Path

from emodal_data.core.errors import WorkError

_BUNDLE = "import sys, vl_convert; sys.stdout.buffer.write(vl_convert.javascript_bundle().encode())"


def vega_script(before: Path | None = None) -> bytes:
    """The script that defines window.vegaEmbed. Raises WorkError if vl-convert cannot make it.

    before: the script of an earlier report, which is taken if it is whole and by the same vl-convert. Its first line
    says both.
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
    """Bundling starts a JavaScript engine of 170 MB: it gets a process of its own, and a second or two."""
    made = subprocess.run([sys.executable, "-c", _BUNDLE], capture_output=True, check=False)
    if made.returncode:
        last = made.stderr.decode(errors="replace").strip().splitlines()[-1:]
        raise WorkError(f"no charts for the report: vl-convert failed: {' '.join(last)}")
    # In a function of its own: the bundle's short names must not become the page's.
    return b"(() => {\n" + made.stdout + b"\n})();\n"


def _digest(body: bytes) -> bytes:
    return hashlib.sha256(body).hexdigest().encode()
