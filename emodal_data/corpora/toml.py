"""Writes settings as TOML."""

import json
from collections.abc import Mapping


def toml_text(settings: Mapping[str, object]) -> str:
    """Settings as a TOML file: values first, then a table for each mapping."""
    values = [
        f"{key} = {_value(value)}\n" for key, value in settings.items() if not isinstance(value, Mapping)
    ]
    sections = [
        f"\n[{name}]\n" + "".join(f"{_key(key)} = {_value(value)}\n" for key, value in section.items())
        for name, section in settings.items()
        if isinstance(section, Mapping)
    ]
    return "".join([*values, *sections])


def _value(value: object) -> str:
    if isinstance(value, Mapping):
        return "{ " + ", ".join(f"{_key(key)} = {_value(inner)}" for key, inner in value.items()) + " }"
    if isinstance(value, (list, tuple)):
        return "[" + ", ".join(map(_value, value)) + "]"
    # Of strings, numbers and booleans, JSON is TOML.
    return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")


def _key(key: str) -> str:
    return (
        key
        if key.isascii() and key.replace("_", "").replace("-", "").isalnum()
        else json.dumps(key, ensure_ascii=False)
    )
