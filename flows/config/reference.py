"""Describes every setting for emodal.toml (`emodal init`) and docs/reference/settings.md.

The source is the JSON schema of Config, so the descriptions always fit the models.
"""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from flows.config.models import Config


@dataclass(frozen=True)
class Setting:
    """One setting. default: as TOML, or None. kind: the allowed values, in words."""

    key: str
    kind: str
    default: str | None
    meaning: str
    required: bool


@dataclass(frozen=True)
class SettingsSection:
    """A section of the TOML file with its settings; the settings above all sections have the name ""."""

    name: str
    meaning: str
    settings: tuple[Setting, ...]


def settings_sections() -> list[SettingsSection]:
    """All sections with their settings, in the order of the models."""
    schema = Config.model_json_schema()
    top, sections = [], []
    for name, field in schema["properties"].items():
        # A section may be null in the form of Prefect's pages.
        if reference := field.get("anyOf", [field])[0].get("$ref"):
            model = schema["$defs"][reference.rsplit("/", 1)[1]]
            sections.append(SettingsSection(name, model["description"], tuple(_settings(model))))
        else:
            top.append(name)
    alone = schema | {"properties": {name: schema["properties"][name] for name in top}}
    return [SettingsSection("", "At the top of the file.", tuple(_settings(alone))), *sections]


def _settings(model: Mapping[str, Any]) -> Iterator[Setting]:
    required = model.get("required", [])
    for key, field in model["properties"].items():
        default = field.get("default")
        text = None if default is None else json.dumps(default)  # of plain values, JSON is TOML
        meaning = " ".join(field.get("description", "").split())
        yield Setting(key, _kind(field), text, meaning, key in required)


def _kind(field: Mapping[str, Any]) -> str:
    """The allowed values of a field of a JSON schema, in words."""
    if "anyOf" in field:
        return " or ".join(_kind(one) for one in field["anyOf"] if one.get("type") != "null")
    if "enum" in field or "const" in field:
        *most, last = [json.dumps(value) for value in field.get("enum", [field.get("const")])]
        return f"{', '.join(most)} or {last}" if most else last
    if field.get("type") == "array":
        items = field.get("prefixItems", [])
        each = _kind(items[0] if items else field.get("items", {}))
        return f"list of {len(items)} times a {each}" if items else f"list, each a {each}"
    noun = {
        "integer": "whole number",
        "number": "number",
        "boolean": "true or false",
        "string": "path" if field.get("format") == "path" else "text",
    }.get(field.get("type", ""), "table")
    return noun + _bounds(field)


def _bounds(field: Mapping[str, Any]) -> str:
    words = {
        "minimum": "from {}",
        "exclusiveMinimum": "above {}",
        "maximum": "to {}",
        "exclusiveMaximum": "below {}",
    }
    bounds = [text.format(f"{field[name]:g}") for name, text in words.items() if name in field]
    return f" {' '.join(bounds)}" if bounds else ""
