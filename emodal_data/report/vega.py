"""Vega-Lite for the browser, out of the package vl-convert: one script, nothing loaded from elsewhere."""

import functools
import subprocess
import sys

from emodal_data.errors import WorkError

_BUNDLE = "import sys, vl_convert; sys.stdout.buffer.write(vl_convert.javascript_bundle().encode())"


@functools.cache
def vega_script() -> bytes:
    """The script that defines window.vegaEmbed. Raises WorkError if vl-convert cannot make it.

    Bundling starts a JavaScript engine of 170 MB: it gets a process of its own, and a second or two.
    """
    made = subprocess.run([sys.executable, "-c", _BUNDLE], capture_output=True, check=False)
    if made.returncode:
        last = made.stderr.decode(errors="replace").strip().splitlines()[-1:]
        raise WorkError(f"no charts for the report: vl-convert failed: {' '.join(last)}")
    # In a function of its own: the bundle's short names must not become the page's.
    return b"(() => {\n" + made.stdout + b"\n})();\n"
