"""The hash by which a manifest says of itself that it is what was written."""

import hashlib
import json
from collections.abc import Mapping
from typing import Any, Final

#: The entry with the hash of all other entries.
SEAL: Final = "manifest_sha256"


def sealed(manifest: Mapping[str, Any]) -> dict[str, Any]:
    """The manifest with a hash of all that it says."""
    contents = {name: value for name, value in manifest.items() if name != SEAL}
    return contents | {SEAL: _digest(contents)}


def is_sealed(manifest: Mapping[str, Any]) -> bool:
    """Whether a manifest says what was written; one of an earlier version, without a hash, is believed."""
    contents = {name: value for name, value in manifest.items() if name != SEAL}
    return SEAL not in manifest or manifest[SEAL] == _digest(contents)


def _digest(contents: Mapping[str, Any]) -> str:
    return hashlib.sha256(json.dumps(contents, sort_keys=True).encode()).hexdigest()
