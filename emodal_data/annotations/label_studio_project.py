"""Writes a Label Studio project: tasks and labelling interface of cut clips. label_studio.py reads its export."""

import json
from collections.abc import Iterable, Sequence
from pathlib import Path
from urllib.parse import quote
from xml.sax.saxutils import quoteattr

from emodal_data.core.span import Span
from emodal_data.storage.files import write_bytes

#: Folder of the cut clips, below the project.
CLIPS = "clips"


def clip_file(film: str, span: Span) -> Path:
    """Path of the cut clip of a span, relative to the project's folder."""
    return Path(CLIPS, film, f"{span.start_s:.3f}-{span.end_s:.3f}.mp4")


def write_project(folder: Path, proposed: Iterable[tuple[str, Span]], classes: Sequence[str]) -> None:
    """Write tasks.json and config.xml into a folder that holds, or will hold, the clips. proposed: film and span.

    The tasks address the clips as local files that Label Studio serves from the root `folder`. start and end in a
    task's data are seconds on the film's clock, so the export has a label of the whole clip as a label of that span.
    """
    tasks = [
        {
            "data": {
                "video": f"/data/local-files/?d={quote(clip_file(film, span).as_posix())}",
                "film": film,
                "start": span.start_s,
                "end": span.end_s,
            }
        }
        for film, span in proposed
    ]
    write_bytes(folder / "tasks.json", (json.dumps(tasks, indent=1, ensure_ascii=False) + "\n").encode())
    write_bytes(folder / "config.xml", config_xml(classes).encode())


def config_xml(classes: Sequence[str]) -> str:
    """The labelling interface: the clip, and a choice of a class, by mouse or with the keys 1 to 9."""
    choices = "\n".join(
        f"    <Choice value={quoteattr(label)}" + (f' hotkey="{key}"/>' if key <= 9 else "/>")
        for key, label in enumerate(classes, start=1)
    )
    return f"""\
<View>
  <Header value="$film"/>
  <Video name="video" value="$video"/>
  <Choices name="label" toName="video" choice="single" required="true" showInline="true">
{choices}
  </Choices>
</View>
"""
