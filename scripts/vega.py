"""Makes emodal_data/presentation/report/page/vega.js: Vega-Lite for the browser as one script that loads nothing else.

pip install vl-convert-python; python scripts/vega.py
"""

import importlib.metadata
from pathlib import Path

import vl_convert

SCRIPT = Path(__file__).parents[1] / "emodal_data" / "presentation" / "report" / "page" / "vega.js"
HEAD = "// Vega, Vega-Lite and vega-embed (BSD 3-clause), bundled by vl-convert {version}; defines window.vegaEmbed."

if __name__ == "__main__":
    head = HEAD.format(version=importlib.metadata.version("vl-convert-python"))
    # Inside a function, so that the short names of the bundle do not become global names of the page.
    SCRIPT.write_text(
        f"{head}\n(() => {{\n{vl_convert.javascript_bundle()}\n}})();\n", encoding="utf-8", newline="\n"
    )
