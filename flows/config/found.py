"""The config file of a working folder: emodal.toml in it or in the nearest folder above, as uv and ruff find theirs."""

import os
import stat
from collections.abc import Mapping
from pathlib import Path
from typing import Any

#: The name of the config file that is found without --config.
CONFIG = "emodal.toml"


def find_config() -> Path | None:
    """emodal.toml of the working folder (as a relative path) or of the nearest folder above; None without one."""
    if os.path.isfile(CONFIG):  # noqa: PTH113  (False, not an error, where a folder may not be read)
        return Path(CONFIG)
    files = (folder / CONFIG for folder in Path(os.getcwd()).parents)  # noqa: PTH109
    return next((file for file in files if os.path.isfile(file)), None)  # noqa: PTH113


def is_trusted(file: Path) -> bool:
    """Whether a file that was found, and not named, may decide what a command does with the rights of its user.

    It may name a Dask scheduler or weights, which run code, and an `out` that is replaced. So it has to be the user's
    own or root's; in the working folder also anybody's, unless all users may write there, as in /tmp.
    """
    if _owner(file) in (os.geteuid(), 0):
        return True
    folder = os.stat(file.absolute().parent)  # noqa: PTH116
    return file == Path(CONFIG) and not folder.st_mode & stat.S_IWOTH


def with_paths_of(file: Path, tree: Mapping[str, Any]) -> dict[str, Any]:
    """The settings of a file; if it lies above the working folder, its relative paths are those of its folder."""
    folder = file.absolute().parent
    if folder not in Path.cwd().parents:
        return dict(tree)
    anchored = dict(tree)
    for name in ("films", "annotations", "out", "overrides"):
        if name in tree:
            anchored[name] = _anchored(folder, tree[name])
    for section, name in (("storage", "cache"), ("engine", "mlflow")):
        if isinstance(values := tree.get(section), dict) and values.get(name):
            anchored[section] = values | {name: _anchored(folder, values[name])}
    return anchored


def _owner(file: Path) -> int:
    return os.stat(file).st_uid  # noqa: PTH116


def _anchored(folder: Path, value: Any) -> Any:
    """A path, or a list of paths, in a folder. URLs, absolute paths and values of a wrong type stay as they are."""
    if isinstance(value, list):
        return [_anchored(folder, one) for one in value]
    return str(folder / value) if isinstance(value, str) and "://" not in value else value
