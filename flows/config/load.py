"""TOML files and `--set key=value` settings, read into one validated configuration."""

import difflib
import itertools
import re
import tomllib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError

from emodal_data.core.errors import InputError
from emodal_model.core.config import GridPoint, ModelConfig
from flows.config.found import with_paths_of
from flows.config.models import Config, EngineConfig

S = TypeVar("S", bound=BaseModel)


def load_config(file: Path | None, settings: Sequence[str], **top: object) -> Config:
    """The configuration from a TOML file, then `key=value` settings, then values that are not None.

    top: values and sections, by name; a section may name some of its settings. Relative paths in the file are
    relative to the working folder, as on the command line; those of a file above it, to the file's folder.
    Raises InputError with one line for each thing that is wrong.
    """
    tree: dict[str, Any] = _read_toml(file) if file else {}
    for setting in settings:
        _set(tree, setting)
    _refuse_sections_of_values(tree)
    _merge(tree, {key: value for key, value in top.items() if value is not None})
    try:
        return Config.model_validate(tree)
    except ValidationError as error:
        raise InputError("\n".join(_explain(problem) for problem in error.errors())) from error


def load_training_config(
    file: Path | None, settings: Sequence[str], values: Mapping[str, Any] | None = None
) -> tuple[ModelConfig, EngineConfig]:
    """The sections of a training, from a build's TOML file, then `key=value` settings, then values.

    `model.` before a key may be left out. values: the sections model and engine, and settings of the model.
    Raises InputError with one line for each thing that is wrong.
    """
    tree: dict[str, Any] = _read_toml(file) if file else {}
    tree = {name: dict(tree.get(name, {})) for name in ("model", "engine")}
    for name, section in training_tree(settings).items():
        _merge(tree, {name: section})
    for key, value in (values or {}).items():
        _merge(tree, {key: value} if key in tree else {"model": {key: value}})
    return _section(ModelConfig, tree["model"], "model."), _section(EngineConfig, tree["engine"], "engine.")


def load_sweep(base: ModelConfig, sweeps: Sequence[str]) -> list[GridPoint]:
    """The grid of `key=value,value` sweeps around a configuration; the last key varies fastest.

    Raises InputError with one line for each thing that is wrong.
    """
    grid: dict[str, list[Any]] = {}
    for sweep in sweeps:
        key, equals, text = sweep.removeprefix("model.").partition("=")
        if not equals or not text:
            raise InputError(f"--sweep {sweep}: write key=value,value, such as model.dropout=0.2,0.4")
        try:
            values = tomllib.loads(f"values = [{text}]")["values"]
        except tomllib.TOMLDecodeError:
            values = text.split(",")
        grid[key] = [value for place, value in enumerate(values) if value not in values[:place]]
    return [
        GridPoint(settings, _section(ModelConfig, base.model_dump() | settings, "model."))
        for settings in (dict(zip(grid, values, strict=True)) for values in itertools.product(*grid.values()))
    ]


def _section(section: type[S], tree: Mapping[str, Any], name: str) -> S:
    try:
        return section.model_validate(tree)
    except ValidationError as error:
        raise InputError("\n".join(_explain(problem, name) for problem in error.errors())) from error


def _read_toml(file: Path) -> dict[str, Any]:
    try:
        return with_paths_of(file, tomllib.loads(file.read_text(encoding="utf-8")))
    except OSError as error:
        raise InputError(f"{file}: cannot be read: {error.strerror}") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise InputError(f"{file}: not valid TOML: {error}") from error


def _set(tree: dict[str, Any], setting: str) -> None:
    """Put a setting such as `split.group_by=film` into the tree. A value that is not valid TOML is a string."""
    key, equals, text = setting.partition("=")
    if not equals or not key.strip():
        raise InputError(f"--set {setting}: write key=value, for example --set split.group_by=film")
    try:
        value = tomllib.loads(f"value = {text}")["value"]
    except tomllib.TOMLDecodeError:
        value = text
    *sections, last = key.strip().split(".")
    for section in sections:
        tree = tree.setdefault(section, {})
        if not isinstance(tree, dict):
            raise InputError(f"--set {setting}: {section} is a value, not a section")
    tree[last] = value


def _refuse_sections_of_values(tree: Mapping[str, Any]) -> None:
    """Refuse settings below a name that is one value, such as annotations.film: an option would replace them unseen."""
    lines = [
        f"config: there is no setting {name}.{key}: {name} is one value, not a section"
        + ("; how a table is read is set in the section table" if name == "annotations" else "")
        for name, section in tree.items()
        if name in setting_names() and isinstance(section, dict)
        for key in section
    ]
    if lines:
        raise InputError("\n".join(lines))


def _merge(tree: dict[str, Any], values: Mapping[str, Any]) -> None:
    """Put values into the tree; a section keeps what the values do not name."""
    for key, value in values.items():
        section = tree.get(key)
        tree[key] = section | value if isinstance(section, dict) and isinstance(value, dict) else value


def training_tree(settings: Sequence[str]) -> dict[str, Any]:
    """`key=value` settings of a training by section; `model.` may be left out: {"model": {"epochs": 30}}."""
    tree: dict[str, Any] = {}
    for setting in settings:
        _set(tree, setting if setting.startswith(("model.", "engine.")) else f"model.{setting}")
    return tree


def _explain(problem: Mapping[str, Any], section: str = "") -> str:
    where = section + ".".join(str(part) for part in problem["loc"])
    if problem["type"] == "extra_forbidden":
        near = difflib.get_close_matches(where, setting_names(), n=1, cutoff=0.5)
        hint = f"; did you mean {near[0]}?" if near else ""
        return f"config: there is no setting {where}{hint}"
    if problem["type"] == "missing":
        return f"config: {where} is missing: give --{where}, or set it in the config file"
    given = re.sub(r"//[^/\s'\"]*@", "//...@", repr(problem["input"]))  # an address may have a password
    return f"config: {where} = {given}: {problem['msg'][0].lower()}{problem['msg'][1:]}"


def setting_names() -> list[str]:
    """Every setting as `section.key`."""
    names = []
    for name, field in Config.model_fields.items():
        section = field.annotation
        if isinstance(section, type) and hasattr(section, "model_fields"):
            names += [f"{name}.{key}" for key in section.model_fields]
        else:
            names.append(name)
    return names
