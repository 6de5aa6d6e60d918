"""Environment variables of this process that are changed for a while."""

import contextlib
import os
from collections.abc import Iterable, Iterator


@contextlib.contextmanager
def kept_variables(names: Iterable[str]) -> Iterator[None]:
    """Give these variables their values back at the end of the block; those that were not set are removed."""
    before = {name: os.environ.get(name) for name in names}
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value
