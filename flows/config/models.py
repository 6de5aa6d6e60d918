"""The configuration of a build as one tree: the sections of the packages, the engine, the storage, and the paths.

The flow build-dataset takes exactly this tree as its one parameter.
"""

import os
from pathlib import Path
from typing import Annotated, Any, Literal, Self
from urllib.parse import urlsplit

from pydantic import BaseModel, ConfigDict, Field, field_serializer, field_validator, model_validator

from emodal_data.core.config import DatasetConfig, Section
from emodal_data.storage.urls import COPIES, NAMES, local_path, shown
from emodal_model.core.config import ModelConfig

_LOCATIONS = ("films", "annotations", "out")

#: engine.settle_s of a build that a schedule starts.
SCHEDULED_SETTLE_S = 120.0


class EngineConfig(Section):
    """How the work is run. Nothing here changes the bytes of the result."""

    kind: Literal["processes", "dask"] = "processes"
    """Worker processes of this machine, or a Dask cluster (needs the extra `dask`)."""
    dask_address: str | None = None
    """Scheduler of a running cluster, such as tcp://host:8786; none: a cluster on this machine for the build."""
    retries: Annotated[int, Field(ge=0)] = 2
    """How often a reel is read again after an I/O error; bad input is not read again."""
    retry_delay_s: Annotated[float, Field(ge=0)] = 2.0
    """Wait before the first retry; doubled for the next."""
    max_failed_fraction: Annotated[float, Field(ge=0, le=1)] = 0.1
    """Share of the films that may fail because of the machine or the network; above it the build fails and the old
    dataset stays."""
    settle_s: Annotated[float, Field(ge=0)] = 0.0
    """A film that changed less than this ago waits for the next run, because it may still be being copied. On a
    schedule, the default is 120."""
    mlflow: str = ""
    """Log every training to MLflow: its tracking URI, or a folder for an SQLite store (needs the extra `mlflow`)."""
    report_url: str | None = None
    """Address under which OUT is served, such as http://127.0.0.1:8080, for links in Prefect's pages; none: the
    path."""
    allowed_roots: tuple[str, ...] = ()
    """Folders, files and beginnings of URLs outside which a run of a deployment neither reads nor writes. If it is
    not set, `emodal deploy` sets it to what its configuration names. A run cannot change it."""

    def locations(self) -> dict[str, str]:
        """The places that the settings name, paths and URLs, by setting."""
        scheduler = self.dask_address or ""
        if scheduler and "://" not in scheduler:
            scheduler = f"tcp://{scheduler}"
        named = {"engine.mlflow": self.mlflow, "engine.dask_address": scheduler}
        return {name: place for name, place in named.items() if place}

    @field_validator("mlflow", "report_url", "dask_address")
    @classmethod
    def _has_no_password(cls, url: str | None) -> str | None:
        """Prefect's database, its pages and logs show the configuration of every run."""
        login = urlsplit(url or "").netloc.rpartition("@")[0]
        if login and (":" in login or urlsplit(url).scheme in ("http", "https")):
            raise ValueError(
                "no credentials in addresses, because Prefect stores them: set MLFLOW_TRACKING_USERNAME and "
                "MLFLOW_TRACKING_PASSWORD, or a password file of the database, where trainings run"
            )
        return url


class StorageConfig(Section):
    """Local copies of films, annotations and out given as URLs (s3://bucket/...). Nothing here changes the result."""

    cache: Path | None = None
    """Folder for copies, the same on every machine of a cluster; none: emodal in the user's cache folder."""
    films_gb: Annotated[float, Field(gt=0)] = 100.0
    """Room for copies of remote films on each machine, in gigabytes."""


def _paths_first(schema: dict[str, Any], config: type[BaseModel]) -> None:
    """Arrange the form on Prefect's pages: films, annotations, out, other values, then sections, which are folded.

    The form shows a section as "None" until it is opened; Config takes that for the section's defaults.
    """
    settings = schema["properties"]
    required = schema["required"]

    def place(name: str) -> tuple[bool, bool]:
        return name not in required, "$ref" in settings[name]

    def shown(name: str) -> dict[str, Any]:
        setting: dict[str, Any] = settings[name]
        if "$ref" not in setting:
            return setting
        about = (config.model_fields[name].annotation.__doc__ or "").partition("\n")[0]
        folded = {"anyOf": [{"$ref": setting["$ref"]}, {"type": "null"}], "default": None}
        return folded | {"title": name.capitalize(), "description": f"{about} None: as usual."}

    schema["properties"] = {
        name: shown(name) | {"position": position}
        for position, name in enumerate(sorted(settings, key=place))
    }


class Config(DatasetConfig):
    """A build: films and annotations in, a dataset and a trained model out."""

    model_config = ConfigDict(json_schema_extra=_paths_first)

    storage: StorageConfig = StorageConfig()
    films: Path
    """Folder with the films, or its URL."""
    annotations: Path
    """File of spans (see docs/annotations.md for the formats), a folder of such files, or, with table.pattern, a folder
    of clips; or the URL of one of these."""
    out: Path
    """Folder of the build, or its URL."""
    overrides: tuple[Path, ...] = ()
    """CSV files of decisions made in the report, or their URLs: clips to drop or to relabel. If reviewers
    differ, the majority wins; in a tie, the file that is named last wins."""
    workers: Annotated[int, Field(ge=1)] | None = None
    """Worker processes; none: one for each core."""
    train: bool = True
    """Train after the dataset is made."""
    model: ModelConfig = ModelConfig()
    engine: EngineConfig = EngineConfig()

    @model_validator(mode="before")
    @classmethod
    def _without_folded_sections(cls, given: Any) -> Any:
        """A section that stayed folded in the form on Prefect's pages has its defaults."""
        if not isinstance(given, dict):
            return given
        sections = {name for name, field in cls.model_fields.items() if isinstance(field.default, BaseModel)}
        return {name: value for name, value in given.items() if value is not None or name not in sections}

    @field_validator("overrides", mode="before")
    @classmethod
    def _one_or_several(cls, value: Any) -> Any:
        return () if value is None else (value,) if isinstance(value, str | Path) else value

    @model_validator(mode="after")
    def _find_local_copies(self) -> Self:
        """Replace each URL by the path of its copy, which depends on storage.cache."""
        for name in _LOCATIONS:
            is_listed = name == "films" or (name == "annotations" and self.table.reads_names)
            copy = local_path(getattr(self, name), self.storage.cache, NAMES if is_listed else COPIES)
            self.__dict__[name] = copy  # frozen, and not yet in use
        copies = tuple(local_path(path, self.storage.cache, COPIES) for path in self.overrides)
        self.__dict__["overrides"] = copies
        return self

    @field_serializer(*_LOCATIONS, when_used="json")
    def _as_url(self, path: Path) -> str:
        return shown(path)

    @field_serializer("overrides", when_used="json")
    def _as_urls(self, paths: tuple[Path, ...]) -> list[str]:
        return [shown(path) for path in paths]

    def with_absolute_paths(self) -> "Config":
        """The same build with absolute paths, for processes with another working folder."""
        absolute: dict[str, Any] = {name: getattr(self, name).absolute() for name in _LOCATIONS}
        if self.overrides:  # else it would count as set
            absolute["overrides"] = tuple(path.absolute() for path in self.overrides)
        return self.model_copy(update=absolute)

    def locations(self) -> dict[str, str]:
        """The places that the settings name, paths and URLs, by setting."""
        named = {name: getattr(self, name) for name in _LOCATIONS} | {"storage.cache": self.storage.cache}
        places = {name: shown(path) for name, path in named.items() if path}
        places |= {f"overrides[{n}]": shown(path) for n, path in enumerate(self.overrides)}
        if self.face.weights:
            places["face.weights"] = self.face.weights
        return places | self.engine.locations()

    def on_a_schedule(self) -> "Config":
        """The same build for a server: absolute paths, a settling time for new films, and the roots of its runs."""
        config = self.with_absolute_paths()
        places = dict.fromkeys(config.locations().values())
        roots = (place if "://" in place else os.path.abspath(place) for place in places)  # noqa: PTH100
        defaults = {"settle_s": SCHEDULED_SETTLE_S, "allowed_roots": tuple(roots)}
        unset = {name: value for name, value in defaults.items() if name not in self.engine.model_fields_set}
        return config.model_copy(update={"engine": self.engine.model_copy(update=unset)})

    @property
    def worker_count(self) -> int:
        """Number of worker processes."""
        return self.workers or len(os.sched_getaffinity(0))

    @property
    def dataset(self) -> DatasetConfig:
        """The sections that decide the content of the dataset."""
        return DatasetConfig(**{name: getattr(self, name) for name in DatasetConfig.model_fields})
