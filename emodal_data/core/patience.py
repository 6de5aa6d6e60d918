"""How long reading a file may take before it counts as hanging."""

from pathlib import Path

#: A slow disk gives this many bytes a second.
_BYTES_PER_S = 50e6


def patience_s(size_bytes: int) -> float:
    """Seconds that reading so many bytes may take."""
    return size_bytes / _BYTES_PER_S


def opening_patience_s(path: Path) -> float:
    """Seconds that opening a film may take if it is read through; 0 if there is no such file."""
    try:
        return patience_s(path.stat().st_size)
    except OSError:
        return 0.0
