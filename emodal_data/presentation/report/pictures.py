"""The images and sounds of the report: sheets of faces, and scripts with frames and sounds that load on demand.

A page opened from disk may load images and scripts but cannot fetch files, so sounds are inside scripts. The name of a
sheet is a hash of its inputs, so that sheets of the previous report are reused when a film is added.
"""

import base64
import hashlib
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pandas as pd

from emodal_data.clips.store import Places, load_reel
from emodal_data.clips.track_record import PORTRAITS, read_curve
from emodal_data.core.config import ReportConfig
from emodal_data.core.schema import VIEWS
from emodal_data.core.sizes import FACE_SIDE_PX
from emodal_data.dataset.chunking import chunk_boundaries
from emodal_data.media.encoders import decode_image, preview_frame
from emodal_data.presentation.report.clip_table import MEASURES
from emodal_data.storage.files import file_sha256, link_or_copy, write_bytes

#: Most clips on one sheet of faces, and in one script of frames and sounds: about 200 kB and 1 MB.
CLIPS_PER_SHEET = 64
_SHEET_COLUMNS = 8
_SHEET_QUALITY = 85
_BACKGROUND = 128
#: Longest side of a view in the details of a clip.
_VIEW_PX = 160
#: Side of each of several frames there.
_SMALL_PX = 64
#: The file with the SHA-256 of each sheet's files.
_HASHES = "sheets.json"


@dataclass(frozen=True)
class _Stored:
    """A clip in the store: PNG of the face, JPEG of the frame, WebM of the sound, width of the frame, options."""

    image: bytes | None
    preview_frame: bytes | None
    preview_sound: bytes | None
    frame_width_px: float | None
    image_rgb: bytes | None = None
    image_gray: bytes | None = None
    image_context: bytes | None = None
    frames: list[dict[str, Any]] | None = None
    tracks: dict[str, Any] | None = None


_NOTHING = _Stored(None, None, None, None)


@dataclass(frozen=True)
class Sheet:
    """The clips from start to stop of the table, in the files faces-NAME.jpg and clips-NAME.js."""

    name: str
    start: int
    stop: int


def write_pictures(
    folder: Path,
    clips: pd.DataFrame,
    places: Places,
    config: ReportConfig,
    key: str = "",
    before: Path | None = None,
) -> list[Sheet]:
    """Write the sheets of all clips, at most CLIPS_PER_SHEET on each. Memory does not grow with the number of clips.

    clips: from clip_table. places: where the clips are in the store; clips without a place stay blank. key: identifies
    the versions and settings of the store. before: the same folder of the previous report.
    """
    previous, hashes, sheets = _hashes(before), {}, []
    measured = pd.util.hash_pandas_object(clips[list(MEASURES)].astype(float)).to_numpy()
    runs = chunk_boundaries(clips["film"].tolist(), clips.index.tolist(), CLIPS_PER_SHEET)
    for start, stop in runs:
        part = clips.iloc[start:stop]
        stored = [[clip_id, clip_id in places] for clip_id in part.index]
        # The clip and its measures identify its images and sound.
        inputs = [key, config.frames, config.sound, stored, measured[start:stop].tolist()]
        sheet = Sheet(hashlib.sha256(json.dumps(inputs).encode()).hexdigest()[:16], start, stop)
        files = [folder / name for name in _files(sheet.name)]
        known = previous.get(sheet.name)
        if before and known and known == [file_sha256(before / file.name) for file in files]:
            for file in files:
                link_or_copy(before / file.name, file)
        else:
            seen = _read(part.index.tolist(), places)
            write_bytes(files[0], _sheet([_portrait(clip, config) for clip in seen]))
            boxes = part[["x0", "y0", "x1", "y1"]].to_numpy(dtype=float)
            entries = [_entry(clip, box, config) for clip, box in zip(seen, boxes, strict=True)]
            write_bytes(files[1], script("pictures", entries, sheet.name))
            known = [str(file_sha256(file)) for file in files]
        hashes[sheet.name] = known
        sheets.append(sheet)
    # Written last: this also syncs the names of the other files of the folder to disk.
    write_bytes(folder / _HASHES, json.dumps(hashes, indent=0).encode())
    return sheets


def _files(name: str) -> tuple[str, str]:
    return f"faces-{name}.jpg", f"clips-{name}.js"


def _hashes(folder: Path | None) -> dict[str, list[str]]:
    """The SHA-256 of the files of each sheet in a folder; empty if they are not known."""
    try:
        known: dict[str, list[str]] = json.loads((folder / _HASHES).read_bytes()) if folder else {}
    except (OSError, ValueError):
        return {}
    return known


def script(name: str, value: Any, sheet: str | None = None) -> bytes:
    """A script that passes a value to the page: emodal.receive(name, value, sheet)."""
    text = json.dumps(value, ensure_ascii=False, separators=(",", ":"), allow_nan=False)
    return f"emodal.receive({json.dumps(name)},{text},{json.dumps(sheet)});\n".encode()


def _read(clip_ids: Sequence[str], places: Places) -> list[_Stored]:
    """Some clips of the store; each of its files is opened once."""
    files: dict[Path, list[tuple[str, int]]] = {}
    for clip_id in clip_ids:
        if clip_id in places:
            path, row = places[clip_id]
            files.setdefault(path, []).append((clip_id, row))
    found = {clip_id: clip for path, wanted in files.items() for clip_id, clip in _of_file(path, wanted)}
    return [found.get(clip_id, _NOTHING) for clip_id in clip_ids]


def _of_file(path: Path, wanted: list[tuple[str, int]]) -> Iterator[tuple[str, _Stored]]:
    names = list(_Stored.__dataclass_fields__)
    table = load_reel(path, names).take([row for _, row in wanted])
    for (clip_id, _), row in zip(wanted, table.to_pylist(), strict=True):
        yield clip_id, _Stored(**row)


def _portrait(clip: _Stored, config: ReportConfig) -> np.ndarray:
    """The face, or the frame where no face was found, as (128, 128, 3) uint8."""
    if clip.image:
        return _decoded(clip.image)
    portrait = np.full((FACE_SIDE_PX, FACE_SIDE_PX, 3), _BACKGROUND, np.uint8)
    if clip.preview_frame and config.frames:
        frame = _decoded(clip.preview_frame)
        scale = FACE_SIDE_PX / max(frame.shape[:2])
        width, height = max(1, round(frame.shape[1] * scale)), max(1, round(frame.shape[0] * scale))
        x, y = (FACE_SIDE_PX - width) // 2, (FACE_SIDE_PX - height) // 2
        small = cv2.resize(frame, (width, height), interpolation=cv2.INTER_AREA)
        portrait[y : y + height, x : x + width] = small
    return portrait


def _decoded(data: bytes) -> np.ndarray:
    return np.asarray(cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR))


def _sheet(portraits: Sequence[np.ndarray]) -> bytes:
    """Portraits in rows of eight, as JPEG; every sheet has the same shape."""
    rows = CLIPS_PER_SHEET // _SHEET_COLUMNS
    side = FACE_SIDE_PX
    sheet = np.full((rows * side, _SHEET_COLUMNS * side, 3), _BACKGROUND, np.uint8)
    for n, portrait in enumerate(portraits):
        y, x = side * (n // _SHEET_COLUMNS), side * (n % _SHEET_COLUMNS)
        sheet[y : y + side, x : x + side] = portrait
    return cv2.imencode(".jpg", sheet, [cv2.IMWRITE_JPEG_QUALITY, _SHEET_QUALITY])[1].tobytes()


def _entry(clip: _Stored, box: np.ndarray, config: ReportConfig) -> dict[str, Any]:
    """Frame, views and sound as data URLs, and the face box in fractions of the frame width."""
    entry: dict[str, Any] = {}
    if config.frames and clip.preview_frame:
        entry["frame"] = _data_url("image/jpeg", clip.preview_frame)
        if clip.frame_width_px and np.isfinite(box).all():
            entry["box"] = [round(float(edge) / clip.frame_width_px, 4) for edge in box]
    stored = [view for name in VIEWS if (view := getattr(clip, name))] if config.frames else []
    views = [preview_frame(decode_image(view), _VIEW_PX) for view in stored]
    if clip.frames:
        faces = [decode_image(frame["image"]) for frame in clip.frames]
        strip = np.hstack([cv2.resize(face, (_SMALL_PX, _SMALL_PX)) for face in faces]).astype(np.uint8)
        views.append(preview_frame(strip, strip.shape[1]))
    if views:
        entry["views"] = [_data_url("image/jpeg", view) for view in views]
    if config.sound and clip.preview_sound:
        entry["sound"] = _data_url("audio/webm", clip.preview_sound)
    if clip.tracks:
        entry["tracks"] = _tracks(clip.tracks, config)
    return entry


def _tracks(tracks: Mapping[str, Any], config: ReportConfig) -> dict[str, Any]:
    """The faces that were followed: their curves and, with report.frames, their portraits, a row for each."""
    shown: dict[str, Any] = {
        "start_s": round(tracks["start_s"], 3),
        "end_s": round(tracks["end_s"], 3),
        "voice": _points(tracks["voice"], 2),
        "mouths": [_points(mouth, 3) for mouth in tracks["mouths"]],
        "scores": [round(score, 3) for score in tracks["scores"]],
        "chosen": tracks["chosen"],
        "per_track": PORTRAITS,
    }
    if config.frames and tracks["portraits"]:
        shown["portraits"] = _data_url("image/jpeg", tracks["portraits"])
    return shown


def _points(curve: bytes, digits: int) -> list[float | None]:
    return [None if np.isnan(value) else round(value, digits) for value in read_curve(curve).tolist()]


def _data_url(kind: str, data: bytes) -> str:
    return f"data:{kind};base64,{base64.b64encode(data).decode()}"
