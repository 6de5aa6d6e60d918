"""The versions that can change what a training yields."""

import platform
from importlib import metadata


def versions() -> dict[str, str]:
    """What can change the result: Python, this project, and the packages that compute."""
    found = {"python": platform.python_version()}
    for name in ("emodal", "tensorflow", "keras", "numpy"):
        try:
            found[name] = metadata.version(name)
        except metadata.PackageNotFoundError:  # run from a source folder that is not installed
            found[name] = "source"
    return found
