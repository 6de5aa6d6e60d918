"""The views and the frames of a sample, from those of its clip in the clip store; augmented as its image is."""

from collections.abc import Mapping
from typing import Any, Literal

from emodal_data.clips.gates import face_gate
from emodal_data.core.config import FaceConfig
from emodal_data.core.schema import FRAME_MEASURES, frames_of, view_columns

#: A file in a column of a shard.
File = dict[str, bytes | None]


def view_options(face: FaceConfig) -> list[str]:
    """The columns of schema.VIEW_OPTIONS that shards have with these settings."""
    views = view_columns(face.views)
    if face.frames == 1:
        return views
    measures = FRAME_MEASURES if face.measures else ()
    return [*views, "frame_times_s", *map(frames_of, ("image", *views, *measures))]


def stored_views(face: FaceConfig) -> list[str]:
    """The columns of the clip store that make_views needs."""
    return [*view_columns(face.views), *(["frames"] if face.frames > 1 else [])]


def make_views(
    stored: Mapping[str, Any], clip_id: str, augmentation_index: int, seed: int, face: FaceConfig
) -> dict[str, Any]:
    """The columns of view_options for one sample, as values for Arrow; null for a clip without a face.

    stored: the columns of stored_views. Frames whose face does not pass the gates are left out.
    """

    def made(data: bytes | None, name: str) -> File | None:
        if data is None or not augmentation_index:
            return arrow_file(data)
        from emodal_data.dataset.augment.clip import augment_view
        from emodal_data.media.encoders import decode_image, encode_image

        view = augment_view(decode_image(data), name, clip_id, augmentation_index, seed)
        return arrow_file(encode_image(view, _form(data)))

    views = view_columns(face.views)
    columns: dict[str, Any] = {name: made(stored[name], name) for name in views}
    if face.frames == 1:
        return columns
    if stored["frames"] is None:
        return columns | dict.fromkeys(view_options(face)[len(views) :])
    frames = [frame for frame in stored["frames"] if face_gate(frame, face) is None]
    columns["frame_times_s"] = [frame["time_s"] for frame in frames]
    for name in ("image", *views):
        columns[frames_of(name)] = [
            made(frame[name], f"{name} {number}") for number, frame in enumerate(frames)
        ]
    for name in FRAME_MEASURES if face.measures else ():
        columns[frames_of(name)] = [frame[name] for frame in frames]
    return columns


def arrow_file(content: bytes | None) -> File | None:
    """The bytes of a file as a value of a column of files."""
    return None if content is None else {"bytes": content, "path": None}


def _form(data: bytes) -> Literal["png", "jpeg"]:
    return "png" if data.startswith(b"\x89PNG") else "jpeg"
