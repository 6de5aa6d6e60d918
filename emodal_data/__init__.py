"""Films and annotations in, a leak-free, reproducible Parquet dataset of faces and speech features out.

This package never imports TensorFlow or Prefect: its workers must start fast and stay small.
"""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from emodal_data.dataset.read import read_split

__all__ = ["read_split"]


def __getattr__(name: str) -> Any:
    # pyarrow is heavy; `import emodal_data` stays instant for the command line.
    if name == "read_split":
        from emodal_data.dataset.read import read_split

        return read_split
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
