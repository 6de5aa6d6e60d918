"""A newcomer's files: emodal.toml with every setting, a table of spans to fill in, and a folder for the films."""

import json
import textwrap
from collections.abc import Iterator
from pathlib import Path

from emodal_data.core.errors import InputError
from emodal_data.storage.files import explain_os_errors, write_bytes
from flows.config.found import CONFIG
from flows.config.reference import Setting, settings_sections

ANNOTATIONS, FILMS = "annotations.csv", "films"

_HEAD = """\
# Settings of a build: emodal build reads this file when it is started in this folder or in one below it.
# Every setting is here with its default; remove the # right before a setting to change it.
# Paths are relative to this folder. With --config from another folder that is not below this one, they are relative
# to that folder. `emodal plan` says what is wrong.
"""
_REQUIRED = {"films": FILMS, "annotations": ANNOTATIONS, "out": "build"}
#: Replace these rows. An empty label makes an unlabelled clip; rows of one span are votes.
_ROWS = """\
film,start,end,label,annotator,speaker
example.mp4,12.5,15.0,angry,,
example.mp4,00:01:02.250,00:01:05,,,
"""


def write_starter(folder: Path) -> list[Path]:
    """Write emodal.toml and annotations.csv into a folder, and make films/ in it. Returns what was written.

    Raises InputError if one of the files is there: nothing is ever overwritten.
    """
    texts = {folder / CONFIG: config_text(), folder / ANNOTATIONS: _ROWS}
    there = [path for path in texts if path.exists()]
    if there:
        names = " and ".join(map(str, there))
        raise InputError(f"{names}: already there, nothing was written; name another folder, or move it away")
    for path, text in texts.items():
        write_bytes(path, text.encode())
    films = folder / FILMS
    with explain_os_errors(films):
        films.mkdir(exist_ok=True)
    return [*texts, films]


def config_text() -> str:
    """emodal.toml: the paths of the starter's own files, and every other setting commented out."""
    return _HEAD + "".join(
        "\n" + (f"# {section.meaning}\n[{section.name}]\n" if section.name else "")
        + "".join(f"{line}\n" for setting in section.settings for line in _lines(setting))
        for section in settings_sections()
    )  # fmt: skip


def _lines(setting: Setting) -> Iterator[str]:
    unset = "" if setting.default or setting.required else "; not set by default"
    yield from (f"# {line}" for line in textwrap.wrap(f"{setting.meaning} ({setting.kind}{unset})", 105))
    if setting.required:
        yield f"{setting.key} = {json.dumps(_REQUIRED[setting.key])}"
    else:
        yield f"#{setting.key} = {setting.default or ''}".rstrip()
