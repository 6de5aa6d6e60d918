"""The dataset's files and columns as Croissant JSON-LD (MLCommons, version 1.1).

It depends only on the manifest and the shards and has no time, so that the same dataset has the same description.
"""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from emodal_data.dataset.folder import shard_paths
from emodal_data.storage.files import write_bytes

#: The context of https://docs.mlcommons.org/croissant/docs/croissant-spec-1.1.html; readers need all of it.
_CONTEXT = {
    "@language": "en",
    "@vocab": "https://schema.org/",
    "cr": "http://mlcommons.org/croissant/",
    "dct": "http://purl.org/dc/terms/",
    "rai": "http://mlcommons.org/croissant/RAI/",
    "sc": "https://schema.org/",
    "conformsTo": "dct:conformsTo",
    "data": {"@id": "cr:data", "@type": "@json"},
    "dataType": {"@id": "cr:dataType", "@type": "@vocab"},
    "examples": {"@id": "cr:examples", "@type": "@json"},
    **{
        term: f"cr:{term}"
        for term in (
            *("arrayShape", "citeAs", "column", "equivalentProperty", "extract", "field", "fileObject"),
            *("fileProperty", "fileSet", "format", "includes", "isArray", "isLiveDataset", "jsonPath", "key"),
            *("md5", "parentField", "path", "recordSet", "references", "regex", "repeated", "replace"),
            *("samplingRate", "separator", "source", "subField", "transform"),
        )
    },
}

_TYPES = {
    pa.string(): "sc:Text",
    pa.bool_(): "sc:Boolean",
    pa.int32(): "cr:Int32",
    pa.int64(): "cr:Int64",
    pa.float32(): "cr:Float32",
    pa.float64(): "cr:Float64",
}


def write_croissant(folder: Path, manifest: Mapping[str, Any]) -> None:
    """Write croissant.json into a dataset folder, beside its data/. manifest: from manifest.make_manifest."""
    schema = pq.read_schema(shard_paths(folder)[0])
    text = json.dumps(make_croissant(schema, manifest), indent=2, ensure_ascii=False)
    write_bytes(folder / "croissant.json", (text + "\n").encode())


def make_croissant(schema: pa.Schema, manifest: Mapping[str, Any]) -> dict[str, Any]:
    """The description of a dataset whose shards have this schema."""
    counts = manifest["counts"]
    licence = manifest["config"].get("card", {}).get("film_licence")
    about = "train, validation, test or unlabelled: the first word of the shard's name"
    split = _field("split", about, "sc:Text", {"fileProperty": "filename"})
    split["source"]["transform"] = {"regex": "^(train|validation|test|unlabelled)-"}
    return {
        "@context": _CONTEXT,
        "@type": "sc:Dataset",
        "conformsTo": "http://mlcommons.org/croissant/1.1",
        "name": "emodal",
        "description": (
            f"Emotions in films: {counts['clips']} clips from {len(manifest['films'])} films, a frontal face and 68 "
            f"speech features each; {counts['samples']} samples including augmented ones."
        ),
        **({"license": licence} if licence else {}),
        "version": f"{manifest['schema_version']}.0.0+{manifest['dataset_hash'][:12]}",
        "distribution": [
            {
                "@type": "cr:FileSet",
                "@id": "shards",
                "description": "the samples; each file name starts with its split",
                "encodingFormat": "application/x-parquet",
                "includes": "data/*.parquet",
            }
        ],
        "recordSet": [
            *([_classes(manifest["labels"])] if manifest["labels"] else []),
            {
                "@type": "cr:RecordSet",
                "@id": "samples",
                "description": "one record for each sample",
                "key": {"@id": "samples/sample_id"},
                "field": [split, *map(_column, schema)],
            },
        ],
    }


def _classes(names: Sequence[str]) -> dict[str, Any]:
    """The record set of the classes."""
    return {
        "@type": "cr:RecordSet",
        "@id": "labels",
        "description": "the classes of samples/label",
        "key": {"@id": "labels/value"},
        "field": [
            {"@type": "cr:Field", "@id": "labels/value", "dataType": "cr:Int64"},
            {"@type": "cr:Field", "@id": "labels/name", "dataType": "sc:Text"},
        ],
        "data": [{"labels/value": n, "labels/name": name} for n, name in enumerate(names)],
    }


def _column(column: pa.Field) -> dict[str, Any]:
    about = (column.metadata or {}).get(b"description", b"").decode()
    source = {"column": column.name}
    if pa.types.is_struct(column.type):
        kind = "sc:AudioObject" if column.name == "audio" else "sc:ImageObject"
        field = _field(column.name, about, kind, source)
        field["source"]["transform"] = {"jsonPath": "bytes"}
        return field
    if pa.types.is_list(column.type) and pa.types.is_fixed_size_list(column.type.value_type):
        frame = column.type.value_type
        field = _field(column.name, about, _TYPES[frame.value_type], source)
        return field | {"isArray": True, "arrayShape": f"-1,{frame.list_size}"}
    if pa.types.is_list(column.type):
        is_file = pa.types.is_struct(column.type.value_type)
        # The reference reader decodes single images alone, and refuses records with lists of them.
        kind = "sc:Text" if is_file else _TYPES[column.type.value_type]
        field = _field(column.name, about, kind, source)
        if is_file:
            field["source"]["transform"] = {"jsonPath": "bytes"}
        return field | {"isArray": True, "arrayShape": "-1"}
    if pa.types.is_fixed_size_list(column.type):
        field = _field(column.name, about, _TYPES[column.type.value_type], source)
        return field | {"isArray": True, "arrayShape": str(column.type.list_size)}
    field = _field(column.name, about, _TYPES[column.type], source)
    if column.name == "label":
        field["references"] = {"field": {"@id": "labels/value"}}
    return field


def _field(name: str, about: str, data_type: str, extract: dict[str, str]) -> dict[str, Any]:
    return {
        "@type": "cr:Field",
        "@id": f"samples/{name}",
        "description": about,
        "dataType": data_type,
        "source": {"fileSet": {"@id": "shards"}, "extract": extract},
    }
