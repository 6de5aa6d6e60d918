"""The Jinja environment of this package: Markdown as it is, HTML escaped."""

import functools
import re
from collections.abc import Mapping
from typing import Any, Final

import jinja2

_MARKUP: Final = re.compile(
    r"[\\`*\[\]<>&|~#]|(?<![^\W_])_|_(?![^\W_])|(?<=http):|(?<=https):|(?<=ftp):|(?<=www)\."
)


def render(template: str, **values: Any) -> str:
    """Render a template of this folder. HTML templates escape their values."""
    return _environment().get_template(template).render(**values)


@functools.cache
def _environment() -> jinja2.Environment:
    environment = jinja2.Environment(
        loader=jinja2.PackageLoader("emodal_model.report", "."),
        autoescape=jinja2.select_autoescape(["html.j2"]),
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    environment.filters |= {"percent": _percent, "number": _number, "settings": _settings}
    environment.filters |= {"plain": _plain, "line": _line, "text": _text}
    return environment


def _percent(fraction: float | None) -> str:
    return "-" if fraction is None else f"{100 * fraction:.1f}"


def _number(value: float | None) -> str:
    return "-" if value is None else f"{value:.3f}"


def _plain(name: str) -> str:
    """A name on one line, without the backticks that end Markdown code."""
    return _line(name.replace("`", "'"))


def _line(text: str) -> str:
    """Text on one line."""
    return " ".join(text.split())


def _text(name: str) -> str:
    """A name as text on one line of Markdown, also in a cell: no markup, no HTML, no link (emodal_data.core.text)."""
    return _MARKUP.sub(lambda match: f"\\{match[0]}", _line(name))


def _settings(section: Mapping[str, Any]) -> str:
    """A section of settings on one line, without those that are not set and without the private path of weights."""
    shown = {name: value for name, value in section.items() if value is not None and name != "weights"}
    return _line(", ".join(f"{name}={value}" for name, value in shown.items())) or "not recorded"
