"""What is in a folder, to compare two of them to the byte."""

import hashlib
from pathlib import Path


def hashes(folder: Path) -> dict[str, str]:
    """The SHA-256 of every file in a folder and below, by its path there."""
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    return {str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest() for path in files}
