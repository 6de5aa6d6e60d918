"""Frames and sounds of clips, from the report that a dataset has beside its shards.

report/data/table.js names the clips and their sheets; report/data/clips-SHEET.js has the previews of one sheet. Each is
a script with one call, emodal.receive(NAME, VALUE, SHEET), whose value is JSON.
"""

import json
import re
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

_SHEET: Final = re.compile(r"[0-9a-f]{16}")
_URI: Final = re.compile(r"data:(image/jpeg|audio/webm);base64,[A-Za-z0-9+/=]*")


@dataclass(frozen=True)
class Preview:
    """A small JPEG of a clip's frame and its sound as WebM, as data URIs; "" if there is none."""

    frame: str = ""
    sound: str = ""


def read_previews(dataset: Path, clip_ids: Iterable[str]) -> dict[str, Preview]:
    """The previews of clips, without those that the report lacks; empty without a report, or with a damaged one."""
    folder = dataset / "report" / "data"
    try:
        table = _value(folder / "table.js")
        clips = {clip_id: place for place, clip_id in enumerate(table["columns"]["clip_id"])}
        wanted = [(clips[clip_id], clip_id) for clip_id in clip_ids if clip_id in clips]
        found: dict[str, Preview] = {}
        start = 0
        for name, count in table["sheets"]:
            of_sheet = [(place, clip_id) for place, clip_id in wanted if start <= place < start + count]
            if of_sheet and _SHEET.fullmatch(name):
                entries = _value(folder / f"clips-{name}.js")
                found |= {clip_id: _preview(entries[place - start]) for place, clip_id in of_sheet}
            start += count
    except (OSError, ValueError, LookupError, TypeError, AttributeError):
        return {}
    return found


def _value(script: Path) -> Any:
    """The second argument of the one call in a script."""
    return json.loads(script.read_text(encoding="utf-8").partition(",")[2].rpartition(",")[0])


def _preview(entry: dict[str, Any]) -> Preview:
    frame, sound = (str(entry.get(name, "")) for name in ("frame", "sound"))
    return Preview(*(uri if _URI.fullmatch(uri) else "" for uri in (frame, sound)))
