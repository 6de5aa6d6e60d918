"""Reads Label Studio's JSON export: regions of a video's timeline, of sound, and of timed paragraphs."""

import json
from collections.abc import Iterator
from pathlib import Path, PurePosixPath
from typing import Any

from emodal_data.annotations.columns import Row
from emodal_data.annotations.film_names import file_name, without_upload_prefix
from emodal_data.annotations.label_tiers import label_tiers
from emodal_data.annotations.text import decode, number_text
from emodal_data.core.errors import InputError
from emodal_data.core.file_types import FILM_SUFFIXES, SOUND_SUFFIXES

_FPS_KEYS = ("fps", "frame_rate", "framerate", "frameRate")

#: Cells of a table: start, end, speaker, and the frame rate with which the times were computed.
_Times = tuple[str, str, str, str]


def read_label_studio(path: Path, film: str, encoding: str = "") -> Iterator[Row]:
    """A row for every labelled region; row is its number in the file, from 1.

    Frames of a timeline count from 1, and the last one belongs to the region. They are converted with the frame rate
    that was given to Label Studio, `fps` in the task's data or meta; without it the row becomes bad_time. The column
    fps has this rate, so that it can be compared with the film's. Times of paragraphs come from the task's data, and
    so do those of a label of a whole cut clip (`start` and `end`). Skipped tasks, predictions, boxes and regions of
    plain text give no rows. The film is `film` of the task's data, unchanged, or else the file name of its medium.
    Of several controls, those that hold labels are chosen as tiers are in ELAN files: by name.
    Raises InputError for other JSON, and if it is not clear which control holds the labels.
    """
    yield 1, ["film", "start", "end", "label", "annotator", "speaker", "fps"]
    found = list(_labelled(_tasks(path, encoding)))
    controls = list(dict.fromkeys(control for control, _ in found))
    holds = label_tiers(path, [(control, control, True) for control in controls], "control")
    chosen = {controls[place] for place in holds}
    for number, (control, cells) in enumerate(found, start=1):
        if control in chosen:
            yield number, cells


def _labelled(tasks: list[dict[str, Any]]) -> Iterator[tuple[str, list[str]]]:
    """The control and the cells of every labelled region."""
    for task in tasks:
        name = _film_name(task)
        for annotation in _dicts(task.get("annotations")):
            if annotation.get("was_cancelled"):
                continue
            annotator = _annotator(annotation.get("completed_by"))
            for region in _dicts(annotation.get("result")):
                for label, (start, end, speaker, fps) in _spans(region, task):
                    cells = (name, start, end, label, annotator, speaker, fps)
                    yield _plain(str(region.get("from_name", ""))), [_plain(cell) for cell in cells]


def is_label_studio(path: Path, encoding: str = "") -> bool:
    """Whether a JSON file looks like an export of Label Studio, JSON or JSON-MIN. Raises InputError for no JSON."""
    content = _json(path, encoding)
    return isinstance(content, list) and any(
        isinstance(task, dict)
        and ("annotations" in task or {"annotation_id", "lead_time"} <= task.keys() or _has_regions(task))
        for task in content
    )


def _has_regions(task: dict[str, Any]) -> bool:
    """Whether a cell is a list of regions, as JSON-MIN writes them; a table's cell is a word, a number or a list."""
    return any(
        isinstance(cell, list) and any(isinstance(part, dict) for part in cell) for cell in task.values()
    )


def _json(path: Path, encoding: str) -> Any:
    try:
        return json.loads(decode(path, encoding))
    except (ValueError, RecursionError) as error:
        lines = "; name it .jsonl if each line is an object" if "Extra data" in str(error) else ""
        raise InputError(f"{path}: not valid JSON: {error}{lines}") from error


def _tasks(path: Path, encoding: str) -> list[dict[str, Any]]:
    tasks = _json(path, encoding)
    if not isinstance(tasks, list) or not all(
        isinstance(task, dict) and isinstance(task.get("data"), dict) and "annotations" in task
        for task in tasks
    ):
        raise InputError(
            f"{path}: not a Label Studio export: choose JSON there, not JSON-MIN; a table in JSON is a list of flat "
            "records, one for each span"
        )
    return tasks


def _spans(region: dict[str, Any], task: dict[str, Any]) -> Iterator[tuple[str, _Times]]:
    """The spans of a region, each with its label. Several labels make one cell with several labels."""
    kind, value = region.get("type"), region.get("value")
    if not isinstance(value, dict) or not isinstance(labels := value.get(kind), list):
        return
    label = ", ".join(map(str, labels))
    if "ranges" in value:
        for part in _dicts(value["ranges"]):
            yield label, _frame_times(part, _fps(task))
    elif kind == "paragraphlabels":
        yield label, _paragraph_times(value, task["data"])
    elif "start" not in value and "end" not in value:
        yield label, _task_times(kind, task["data"])
    elif not isinstance(value.get("text"), str):  # in a region of a text, start and end count its letters
        yield label, (_cell(value.get("start")), _cell(value.get("end")), "", "")


def _task_times(kind: object, data: dict[str, Any]) -> _Times:
    """The times of a label of a whole cut clip: start and end of the task's data, in seconds."""
    if "start" in data and "end" in data:
        return _cell(data["start"]), _cell(data["end"]), "", ""
    return f"the whole task, as {kind}, without start and end in its data", "", "", ""


def _frame_times(part: dict[str, Any], fps: float | None) -> _Times:
    first, last = _number(part.get("start")), _number(part.get("end"))
    if first is None or last is None or fps is None:
        why = "without fps in the task's data" if fps is None else "of no whole number"
        return f"frame {part.get('start')} {why}", f"frame {part.get('end')} {why}", "", ""
    return number_text((first - 1) / fps), number_text(last / fps), "", number_text(fps)


def _paragraph_times(value: dict[str, Any], data: dict[str, Any]) -> _Times:
    """The times and the author of the paragraphs from a region's start to its end, which are paragraph numbers."""
    paragraphs = next((item for item in data.values() if isinstance(item, list)), [])
    try:
        first, last = (paragraphs[int(value[name])] for name in ("start", "end"))
        end = last["end"] if "end" in last else last["start"] + last["duration"]
        return _cell(first["start"]), _cell(end), str(first.get("author", "")).rstrip(": "), ""
    except (LookupError, TypeError, ValueError, AttributeError):
        return f"paragraph {value.get('start')} without start and end in the task's data", "", "", ""


def _fps(task: dict[str, Any]) -> float | None:
    for source in (task["data"], task.get("meta")):
        for key in _FPS_KEYS:
            fps = _number(source.get(key)) if isinstance(source, dict) else None
            if fps is not None and fps > 0:
                return fps
    return None


def _film_name(task: dict[str, Any]) -> str:
    data = task["data"]
    if isinstance(data.get("film"), str):
        return str(data["film"])
    for url in (data.get("video"), data.get("audio"), *data.values(), task.get("file_upload")):
        name = file_name(url) if isinstance(url, str) else ""
        if PurePosixPath(name).suffix.lower() in FILM_SUFFIXES | SOUND_SUFFIXES:
            return without_upload_prefix(name) if "upload/" in url or url == task.get("file_upload") else name
    return ""


def _annotator(completed_by: object) -> str:
    if isinstance(completed_by, dict):
        return str(completed_by.get("email") or completed_by.get("id") or "")
    return "" if completed_by is None else str(completed_by)


def _number(value: object) -> float | None:
    try:
        return float(value) if isinstance(value, int | float | str) else None
    except (ValueError, OverflowError):
        return None


def _cell(value: object) -> str:
    return number_text(value) if isinstance(value, float) else "" if value is None else str(value)


def _plain(text: str) -> str:
    """The text with unpaired surrogates replaced: JSON can hold them, text files and Parquet files cannot."""
    return text.encode("utf-8", "replace").decode()


def _dicts(value: object) -> list[dict[str, Any]]:
    return [item for item in value if isinstance(item, dict)] if isinstance(value, list) else []
