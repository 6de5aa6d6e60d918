"""Refuses files of a structure that FFmpeg reads in another way than it is meant."""

from pathlib import Path

from av.container import InputContainer

from emodal_data.media import matroska, mp4_tracks, mxf


def check_structure(path: Path, container: InputContainer) -> None:
    """Raise Dropped(FRAME_UNCERTAIN) if FFmpeg would give frames or sound of other times. Reads headers alone."""
    name = container.format.name
    if name.startswith("matroska"):
        matroska.check_start(path, container)
    elif name.startswith("mov"):
        mp4_tracks.check_tracks(path)
    elif name == "mxf":
        mxf.check_index(path)
