"""The table of `make licences`, and that eyeD3 is not needed."""

import importlib.metadata
import subprocess
import sys
from pathlib import Path

import pytest
from packaging.requirements import Requirement

ROOT = Path(__file__).parents[2]
sys.path.append(str(ROOT / "scripts"))

from licences import closure, copyleft, licence, required  # noqa: E402


def test_the_table_has_all_that_a_default_installation_needs_and_no_eyed3() -> None:
    packages = closure(required())
    assert {Requirement(line).name.lower() for line in required()} <= set(packages)
    assert {"keras", "sqlalchemy", "asyncpg"} <= set(packages), "what the packages require is missing"
    assert not {"eyed3", "pydub", "distributed"} & set(packages)
    assert "distributed" in closure(required(["dask"]))


def test_licences_are_those_of_the_metadata() -> None:
    assert licence("pebble") == "GNU Library or Lesser General Public License (LGPL)"
    assert licence("av") == "BSD-3-Clause"
    with pytest.raises(importlib.metadata.PackageNotFoundError):
        licence("no-such-package")


@pytest.mark.parametrize(
    "text", ["LGPL", "GPL-3.0-or-later", "GNU General Public License v3", "MPL-2.0 AND MIT"]
)
def test_a_licence_that_asks_for_sources_is_marked(text: str) -> None:
    assert copyleft(text)
    assert not copyleft("Apache-2.0") and not copyleft("MIT License")


def test_the_features_are_computed_without_eyed3_and_pydub() -> None:
    code = (
        "import sys; sys.modules['eyed3'] = sys.modules['pydub'] = None; import numpy as np; "
        "from pyAudioAnalysis import ShortTermFeatures; from emodal_data.audio_features import clip_features; "
        "print(clip_features(np.sin(np.arange(16000.0)) / 2).shape)"
    )
    run = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=False)
    assert (run.returncode, run.stdout) == (0, "(68,)\n"), run.stderr
