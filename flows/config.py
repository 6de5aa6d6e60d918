"""The whole configuration: the sections of the rooms, the engine, and how TOML and `--set` become one tree.

The flow build-dataset takes exactly this tree as its one parameter.
"""

import difflib
import itertools
import os
import tomllib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any, Literal, TypeVar

from pydantic import BaseModel, Field, ValidationError, ValidationInfo, field_serializer, field_validator

from emodal_data.config import DatasetConfig, Section
from emodal_data.errors import InputError
from emodal_data.storage import COPIES, NAMES, local_path, shown
from emodal_model.config import ModelConfig, Point

S = TypeVar("S", bound=BaseModel)

#: engine.settle_s of a build that nobody starts by hand.
SCHEDULED_SETTLE_S = 120.0


class EngineConfig(Section):
    """How the work is run. Nothing here changes a byte of the result."""

    kind: Literal["processes", "dask"] = "processes"
    """Worker processes of this machine, or a Dask cluster (needs the extra `dask`)."""
    dask_address: str | None = None
    """Scheduler of a running cluster, such as tcp://host:8786; none: a cluster on this machine for the build."""
    retries: Annotated[int, Field(ge=0)] = 2
    """How often a reel is tried again after an I/O error; bad input is never tried again."""
    retry_delay_s: Annotated[float, Field(ge=0)] = 2.0
    """Wait before the first retry; doubled for the next."""
    max_failed_fraction: Annotated[float, Field(ge=0, le=1)] = 0.1
    """Share of the films that may fail for no fault of theirs; above it the build fails, and the old dataset stays."""
    settle_s: Annotated[float, Field(ge=0)] = 0.0
    """A new film that changed less than this ago may still be being copied: it waits for the next run. On a schedule
    120 unless set."""
    mlflow: str = ""
    """Tell every training to MLflow: its tracking URI, or a folder for an SQLite store (needs the extra `mlflow`)."""
    report_url: str | None = None
    """Address under which OUT is served, such as http://127.0.0.1:8080, for links in Prefect's pages; none: the
    path."""


class StorageConfig(Section):
    """Copies of what films, annotations and out name by URL (s3://bucket/...). Nothing here changes the result."""

    cache: Path | None = None
    """Folder for copies, the same on every machine of a cluster; none: emodal in the user's cache folder."""
    films_gb: Annotated[float, Field(gt=0)] = 100.0
    """Room for copies of remote films on each machine, in gigabytes."""


class Config(DatasetConfig):
    """A build: films and annotations in, a dataset and a trained model out."""

    storage: StorageConfig = StorageConfig()
    films: Path
    """Folder with the films, or its URL."""
    annotations: Path
    """File of spans (see docs/annotations.md for the formats), or a folder of such files; or the URL of either."""
    out: Path
    """Folder of the build, or its URL."""
    overrides: Path | None = None
    """CSV file of decisions made in the report, or its URL: clips to drop or to relabel."""
    workers: Annotated[int, Field(ge=1)] | None = None
    """Worker processes; none: one for each core."""
    train: bool = True
    """Train after the dataset is made."""
    model: ModelConfig = ModelConfig()
    engine: EngineConfig = EngineConfig()

    @field_validator("films", "annotations", "out", "overrides")
    @classmethod
    def _where_it_is_on_this_machine(cls, path: Path | None, others: ValidationInfo) -> Path | None:
        if path is None:
            return None
        cache = others.data["storage"].cache if "storage" in others.data else None
        return local_path(path, cache, NAMES if others.field_name == "films" else COPIES)

    @field_serializer("films", "annotations", "out", "overrides", when_used="json")
    def _what_it_is_everywhere(self, path: Path | None) -> str | None:
        return shown(path) if path else None

    def with_absolute_paths(self) -> "Config":
        """The same build with paths that hold for processes with another working folder."""
        named = {name: getattr(self, name) for name in ("films", "annotations", "out", "overrides")}
        return self.model_copy(update={name: path.absolute() for name, path in named.items() if path})

    def on_a_schedule(self) -> "Config":
        """The same build for a server: paths that hold wherever it runs, and films given time to arrive."""
        engine = self.engine
        if "settle_s" not in engine.model_fields_set:
            engine = engine.model_copy(update={"settle_s": SCHEDULED_SETTLE_S})
        return self.with_absolute_paths().model_copy(update={"engine": engine})

    @property
    def worker_count(self) -> int:
        """Processes that do the work."""
        return self.workers or len(os.sched_getaffinity(0))

    @property
    def dataset(self) -> DatasetConfig:
        """The sections that decide what the dataset holds."""
        return DatasetConfig(**{name: getattr(self, name) for name in DatasetConfig.model_fields})


def load_config(file: Path | None, settings: Sequence[str], **top: object) -> Config:
    """The configuration from a TOML file, then `key=value` settings, then top-level values that are not None.

    Relative paths in the file are relative to the working folder, as on the command line.
    Raises InputError with one line for each thing that is wrong.
    """
    tree: dict[str, Any] = _read_toml(file) if file else {}
    for setting in settings:
        _set(tree, setting)
    tree |= {key: value for key, value in top.items() if value is not None}
    try:
        return Config.model_validate(tree)
    except ValidationError as error:
        raise InputError("\n".join(_explain(problem) for problem in error.errors())) from error


def load_training_config(file: Path | None, settings: Sequence[str]) -> tuple[ModelConfig, EngineConfig]:
    """The sections of a training, from a build's TOML file, then `key=value` settings.

    `model.` before a key may be left out. Raises InputError with one line for each thing that is wrong.
    """
    tree: dict[str, Any] = _read_toml(file) if file else {}
    tree = {name: dict(tree.get(name, {})) for name in ("model", "engine")}
    for setting in settings:
        is_whole = setting.startswith(("model.", "engine."))
        _set(tree, setting if is_whole else f"model.{setting}")
    return _section(ModelConfig, tree["model"], "model."), _section(EngineConfig, tree["engine"], "engine.")


def load_sweep(base: ModelConfig, sweeps: Sequence[str]) -> list[Point]:
    """The grid of `key=value,value` sweeps about a configuration, the last key running fastest.

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
        Point(settings, _section(ModelConfig, base.model_dump() | settings, "model."))
        for settings in (dict(zip(grid, values, strict=True)) for values in itertools.product(*grid.values()))
    ]


def _section(section: type[S], tree: Mapping[str, Any], name: str) -> S:
    try:
        return section.model_validate(tree)
    except ValidationError as error:
        raise InputError("\n".join(_explain(problem, name) for problem in error.errors())) from error


def _read_toml(file: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(file.read_text(encoding="utf-8"))
    except OSError as error:
        raise InputError(f"{file}: cannot be read: {error.strerror}") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise InputError(f"{file}: not valid TOML: {error}") from error


def _set(tree: dict[str, Any], setting: str) -> None:
    """Put `split.group_by=film` into the tree. The value is TOML; what is not TOML is a string."""
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


def _explain(problem: Mapping[str, Any], section: str = "") -> str:
    where = section + ".".join(str(part) for part in problem["loc"])
    if problem["type"] == "extra_forbidden":
        near = difflib.get_close_matches(where, setting_names(), n=1, cutoff=0.5)
        hint = f"; did you mean {near[0]}?" if near else ""
        return f"config: there is no setting {where}{hint}"
    if problem["type"] == "missing":
        return f"config: {where} is missing: give --{where}, or set it in the config file"
    return f"config: {where} = {problem['input']!r}: {problem['msg'][0].lower()}{problem['msg'][1:]}"


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
