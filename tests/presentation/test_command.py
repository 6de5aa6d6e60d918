"""The command of a report: run as it is, it gives the settings of the manifest again."""

import shlex

from emodal_data.core.config import DatasetConfig
from emodal_data.presentation.report.command import build_command
from flows.config.load import load_config


def test_the_command_gives_every_setting_again() -> None:
    given = {
        "labels": {"classes": ["very happy", "true", "it's"], "map": {"so la la": "true", "yes": "drop"}},
        "face": {"max_yaw_deg": 60.0},
        "split": {"group_by": "film", "validation_fraction": 0.1},
        "report": {"frames": False},
        "card": {"contact": 'anna "a" <a@example.org>'},
        "clips": {"export": "exact"},
    }
    settings = DatasetConfig.model_validate(given).model_dump(mode="json")
    words = shlex.split(build_command(settings))
    assert words[:8] == [
        "emodal",
        "build",
        "--films",
        "FILMS",
        "--annotations",
        "ANNOTATIONS",
        "--out",
        "OUT",
    ]
    assert words[8::2] == ["--set"] * len(words[9::2])
    config = load_config(None, words[9::2], films="FILMS", annotations="ANNOTATIONS", out="OUT")
    assert config.dataset.model_dump(mode="json") == settings


def test_defaults_are_not_in_the_command() -> None:
    settings = DatasetConfig().model_dump(mode="json")
    assert build_command(settings) == "emodal build --films FILMS --annotations ANNOTATIONS --out OUT"
