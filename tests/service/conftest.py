"""The stack of docker-compose.yml, started once for all tests that ask it: a start takes 15 CPU-s."""

import importlib.metadata
import os
import shutil
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from tests.service.topology import ANY_PASSWORD, Api, Stack

#: Spans of a build that takes long enough to be killed.
MANY = 50


@pytest.fixture(scope="package")
def films(sample_films: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two films with all their labelled spans, and the annotations beside them; they came an hour ago.

    many.csv: MANY spans of these films.
    """
    folder = tmp_path_factory.mktemp("films")
    rows = pd.read_csv(sample_films / "annotations.csv", dtype=str, keep_default_na=False)
    names = sorted(rows["film"].unique())[:2]
    for name in names:
        shutil.copy(sample_films / "films" / name, folder)
        os.utime(folder / name, (time.time() - 3600, time.time() - 3600))
    rows[rows["film"].isin(names)].to_csv(folder / "annotations.csv", index=False)
    labels = ["angry", "happy", "neutral", "sad", ""] * MANY
    times = [(start, start + 1) for start in np.linspace(1, 11, MANY // 2)]
    many = [
        (name, start, end, label)
        for name in names
        for (start, end), label in zip(times, labels, strict=False)
    ]
    pd.DataFrame(many, columns=["film", "start", "end", "label"]).to_csv(folder / "many.csv", index=False)
    return folder


@pytest.fixture(scope="package")
def stack(films: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """The stack, started in the order that its dependencies ask for."""
    folder = tmp_path_factory.mktemp("stack")
    (folder / "build").mkdir()
    plugins = {point.name for point in importlib.metadata.entry_points(group="prefect.plugins")}
    assert "emodal-short-names" in plugins, (
        "installed before it had this entry point: pip install --editable ."
    )
    stack = Stack(folder, films, folder / "build", POSTGRES_PASSWORD=ANY_PASSWORD)
    try:
        stack.start_all()
        yield stack
    finally:
        stack.close()


@pytest.fixture(scope="package")
def api(stack: Stack) -> Api:
    return Api(stack)
