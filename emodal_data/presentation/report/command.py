"""The command that builds a dataset with the settings of its manifest."""

import json
import re
import shlex
from collections.abc import Iterator, Mapping
from typing import Any

from emodal_data.core.config import DatasetConfig

#: Text that TOML would not read as another type, and a shell not as anything else.
_PLAIN = re.compile(r"(?!(true|false|inf|nan)$)[A-Za-z_][\w.-]*")


def build_command(settings: Mapping[str, Any]) -> str:
    """`emodal build` with every setting that is not the default; the paths are for the reader to fill in.

    settings: the entry config of a manifest.
    """
    changed = DatasetConfig.model_validate(settings).model_dump(mode="json", exclude_defaults=True)
    words = ["emodal build --films FILMS --annotations ANNOTATIONS --out OUT"]
    words += [f"--set {shlex.quote(setting)}" for setting in _settings(changed)]
    return " ".join(words)


def _settings(tree: Mapping[str, Any]) -> Iterator[str]:
    for section, values in tree.items():
        for key, value in values.items():
            if value is not None:
                plain = isinstance(value, str) and _PLAIN.fullmatch(value)
                yield f"{section}.{key}={value if plain else _toml(value)}"


def _toml(value: Any) -> str:
    if isinstance(value, Mapping):
        pairs = (f"{json.dumps(key)} = {_toml(one)}" for key, one in value.items() if one is not None)
        return f"{{ {', '.join(pairs)} }}"
    if isinstance(value, list):
        return f"[{', '.join(map(_toml, value))}]"
    return json.dumps(value, ensure_ascii=False)
