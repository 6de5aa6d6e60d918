"""The Jinja environment of this package: Markdown as it is, HTML escaped."""

import functools
from typing import TYPE_CHECKING, Any

from emodal_data.core.text import markdown_text

if TYPE_CHECKING:
    import jinja2


def render(template: str, **values: Any) -> str:
    """Render a template of this folder or below it. HTML templates escape their values."""
    return _environment().get_template(template).render(**values)


@functools.cache
def _environment() -> "jinja2.Environment":
    import jinja2  # it takes 60 ms, and a build without news renders nothing

    environment = jinja2.Environment(
        loader=jinja2.PackageLoader("emodal_data.presentation", "."),
        autoescape=jinja2.select_autoescape(["html.j2"]),
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {"alpha": _alpha, "text": markdown_text, "line": _line, "percent": _percent}
    return environment


def _alpha(value: float | None) -> str:
    return "not defined" if value is None else f"{value:.3f}"


def _percent(fraction: float) -> str:
    return f"{100 * fraction:.1f} %"


def _line(text: str) -> str:
    """Text on one line."""
    return " ".join(text.split())
