"""The versions of everything that can change the result of a training."""

import platform
from importlib import metadata


def versions() -> dict[str, str]:
    """Versions by name: Python, this project, and the packages that compute."""
    found = {"python": platform.python_version()}
    for name in ("emodal", "tensorflow", "keras", "numpy"):
        try:
            found[name] = metadata.version(name)
        except metadata.PackageNotFoundError:  # run from a source folder that is not installed
            found[name] = "source"
    return found
