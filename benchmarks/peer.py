"""Arguments and the ffmpeg command for the scripts of other packages. It imports nothing of emodal."""

import argparse
import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import imageio_ffmpeg


def arguments(about: str | None) -> argparse.Namespace:
    """films, spans and out of the command line; the folder out is created."""
    parser = argparse.ArgumentParser(description=about)
    for name in ("films", "spans", "out"):
        parser.add_argument(name, type=Path)
    args = parser.parse_args()
    args.out.mkdir(parents=True, exist_ok=True)
    return args


@contextmanager
def folder_with_ffmpeg() -> Iterator[Path]:
    """A temporary folder with the command ffmpeg, which is on the PATH from then on."""
    with tempfile.TemporaryDirectory() as name:
        Path(name, "ffmpeg").symlink_to(imageio_ffmpeg.get_ffmpeg_exe())
        os.environ["PATH"] = f"{name}:{os.environ['PATH']}"
        yield Path(name)
