"""`emodal init`: a config that a build reads as it is, a table that the reader knows, nothing overwritten."""

import re
import tomllib
from pathlib import Path

import pytest

from emodal_data.annotations import read_annotations
from emodal_data.core.errors import InputError
from flows.config.found import CONFIG
from flows.config.load import load_config, setting_names
from flows.config.models import Config
from flows.config.reference import settings_sections
from flows.config.starter import ANNOTATIONS, FILMS, config_text, write_starter


def test_the_config_is_read_as_it_is_and_means_the_defaults(tmp_path: Path) -> None:
    write_starter(tmp_path)
    config = load_config(tmp_path / CONFIG, [])
    assert config == Config(films=Path(FILMS), annotations=Path(ANNOTATIONS), out=Path("build"))


def test_every_setting_is_in_the_config_and_uncommented_it_still_means_the_defaults() -> None:
    lines = config_text().splitlines()
    names, section = [], ""
    for line in lines:
        if header := re.fullmatch(r"\[(\w+)\]", line):
            section = f"{header[1]}."
        elif setting := re.match(r"#?(\w+) =", line):
            names.append(section + setting[1])
    assert sorted(names) == sorted(setting_names())
    # A setting without a default has nothing to the right of its equals sign.
    live = "\n".join(re.sub(r"^#(\w+ = .)", r"\1", line) for line in lines)
    assert Config.model_validate(tomllib.loads(live)) == Config.model_validate(tomllib.loads(config_text()))
    assert tomllib.loads(live)["face"]["min_width_px"] == 64.0


def test_every_setting_says_what_it_means_and_which_values_it_takes() -> None:
    settings = {
        f"{section.name}.{setting.key}": setting
        for section in settings_sections()
        for setting in section.settings
    }
    assert all(setting.meaning and setting.kind for setting in settings.values())
    assert settings["split.test_fraction"].kind == "number from 0 to 1"
    assert settings["split.group_by"].kind == "text or list, each a text"
    assert settings["clips.audio_mix"].kind == '"downmix" or "dialogue"'
    assert settings["model.filters"].kind == "list of 3 times a whole number"
    assert settings["augment.target_size"].default is None
    assert [name for name, setting in settings.items() if setting.required] == [
        ".films",
        ".annotations",
        ".out",
    ]


def test_the_table_of_spans_is_read_without_a_fault(tmp_path: Path) -> None:
    write_starter(tmp_path)
    rows = read_annotations(tmp_path / ANNOTATIONS)
    assert rows["reason"].isna().all()
    assert rows["label"].tolist() == ["angry", None]
    assert rows["start_s"].tolist() == [12.5, 62.25]


@pytest.mark.parametrize("there", [CONFIG, ANNOTATIONS])
def test_nothing_is_overwritten_and_nothing_else_is_written_then(tmp_path: Path, there: str) -> None:
    (tmp_path / there).write_text("mine")
    with pytest.raises(InputError, match=f"{there}: already there, nothing was written"):
        write_starter(tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == [there]
    assert (tmp_path / there).read_text() == "mine"


def test_a_folder_with_films_may_be_started_in(tmp_path: Path) -> None:
    (tmp_path / FILMS).mkdir()
    (tmp_path / FILMS / "a.mp4").write_bytes(b"film")
    assert write_starter(tmp_path) == [tmp_path / CONFIG, tmp_path / ANNOTATIONS, tmp_path / FILMS]
    assert (tmp_path / FILMS / "a.mp4").read_bytes() == b"film"
