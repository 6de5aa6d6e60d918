"""What a manifest says, checked: it may come from elsewhere, and its values are used as they are."""

import functools
from collections.abc import Mapping
from typing import Any, Final, NotRequired, Required

from pydantic import ConfigDict, TypeAdapter, ValidationError
from typing_extensions import TypedDict  # pydantic takes no other before Python 3.12

from emodal_data.core.config import DatasetConfig
from emodal_data.core.errors import InputError

_Numbers = dict[str, int]


class _Shard(TypedDict):
    name: str
    rows: int
    size_bytes: int
    content_sha256: str
    file_sha256: NotRequired[str]
    key: NotRequired[str | None]


class _Counts(TypedDict):
    rows: int
    kept: int
    clips: int
    samples: int
    dropped: _Numbers
    clips_per_split: _Numbers
    samples_per_split: _Numbers


class _Split(TypedDict, total=False):
    test_fraction: Required[float | None]
    validation_fraction: float
    per_class: Required[dict[str, dict[str, int | float | None]]]
    folds: Any
    fold_names: list[str]


class _Manifest(TypedDict, total=False):
    """Required is what every version has written. Entries that are not named here are not read."""

    schema_version: Required[int]
    build_key: str | None
    ingest_key: str
    contents_key: str
    labels: Required[list[str]]
    dataset_hash: Required[str]
    counts: Required[_Counts]
    split: Required[_Split]
    balance: Required[dict[str, _Numbers]]
    agreement: Required[dict[str, Any]]
    columns: dict[str, Any]
    leak_proof: Required[dict[str, Any]]
    leak_price: dict[str, Any] | None
    shards: Required[list[_Shard]]
    films: Required[dict[str, str]]
    files: dict[str, str]
    config: Required[dict[str, dict[str, Any]]]
    versions: Required[dict[str, Any]]
    manifest_sha256: str


#: JSON has these types, so nothing is converted.
_STRICT: Final = ConfigDict(strict=True)


def wrong_type(manifest: Any) -> str | None:
    """What is wrong with the first entry that is missing or of another type: "counts.rows: ..."; else None."""
    try:
        _adapter().validate_python(manifest)
    except ValidationError as error:
        return _first(error)
    return None


def dataset_config(manifest: Mapping[str, Any]) -> DatasetConfig:
    """The settings that a dataset was built with; those that an earlier version did not have are the defaults.

    Raises InputError if this version does not know one of them.
    """
    try:
        return DatasetConfig.model_validate(manifest.get("config", {}))
    except ValidationError as error:
        by = manifest.get("versions", {}).get("emodal")
        raise InputError(f"manifest.json: config.{_first(error)} (built by emodal {by})") from error


def _first(error: ValidationError) -> str:
    wrong = error.errors()[0]
    return f"{'.'.join(map(str, wrong['loc'])) or 'the file'}: {wrong['msg'].lower()}"


@functools.cache
def _adapter() -> TypeAdapter[_Manifest]:
    _Manifest.__pydantic_config__ = _STRICT  # type: ignore[attr-defined]
    return TypeAdapter(_Manifest)
