"""Configuration: TOML, --set, what wins, and errors that name the setting."""

import os
from pathlib import Path

import pytest

from emodal_data.core.errors import InputError
from flows.config import found
from flows.config.load import load_config, load_training_config, setting_names
from flows.config.models import Config
from flows.config.reference import settings_sections

PATHS = {"films": Path("films"), "annotations": Path("spans.csv"), "out": Path("out")}


def test_the_command_line_wins_over_set_and_set_over_the_file(tmp_path: Path) -> None:
    file = tmp_path / "build.toml"
    file.write_text('workers = 3\nout = "from-file"\n[split]\nseed = 1\ngroup_by = "speaker"\n')
    config = load_config(file, ["split.seed=2", "workers=4"], **PATHS, workers=5)
    assert (config.split.seed, config.split.group_by, config.workers) == (2, "speaker", 5)
    assert config.out == Path("out")


def test_a_file_of_another_user_decides_nothing_unless_it_was_named_or_lies_where_not_all_may_write(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In /tmp anybody can put an emodal.toml that names a scheduler: whoever works below would run its code."""
    below = tmp_path / "below"
    below.mkdir()
    (tmp_path / "emodal.toml").write_text('[engine]\ndask_address = "tcp://10.0.0.66:8786"\n')

    def is_read(folder: Path) -> bool:
        monkeypatch.chdir(folder)
        file = found.find_config()
        return file is not None and found.is_trusted(file)

    assert is_read(tmp_path) and is_read(below)
    monkeypatch.setattr(found, "_owner", lambda file: os.geteuid() + 7)
    assert is_read(tmp_path)  # the folder of a group
    assert not is_read(below)
    tmp_path.chmod(0o1777)
    assert not is_read(tmp_path)


def test_paths_of_a_file_above_the_working_folder_are_those_of_its_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file, below = tmp_path / "emodal.toml", tmp_path / "below"
    below.mkdir()
    file.write_text(
        'films = "films"\nannotations = "/spans.csv"\nout = "s3://bucket/build"\noverrides = ["a.csv", "/b.csv"]\n'
        '[storage]\ncache = "copies"\nfilms_gb = 3\n[engine]\nmlflow = "runs"\n'
    )
    monkeypatch.chdir(tmp_path)
    assert load_config(file, []).films == Path("films")
    monkeypatch.chdir(below)
    config = load_config(file, [])
    assert (config.films, config.annotations) == (tmp_path / "films", Path("/spans.csv"))
    assert config.model_dump(mode="json")["out"] == "s3://bucket/build"
    assert config.overrides == (tmp_path / "a.csv", Path("/b.csv"))
    assert (config.storage.cache, config.storage.films_gb) == (tmp_path / "copies", 3)
    assert load_training_config(file, [])[1].mlflow == str(tmp_path / "runs")
    assert load_config(file, [], films=Path("films")).films == Path("films")


def test_the_form_of_the_settings_begins_with_the_paths_and_ends_with_the_sections() -> None:
    form = Config.model_json_schema()["properties"]
    assert [field["position"] for field in form.values()] == list(range(len(form)))
    assert list(form)[:6] == ["films", "annotations", "out", "overrides", "workers", "train"]
    assert set(form) == set(Config.model_fields)


@pytest.mark.parametrize(
    ("setting", "section", "key", "value"),
    [
        ("split.group_by=film", "split", "group_by", "film"),
        ('split.group_by="clip"', "split", "group_by", "clip"),
        ("augment.target_size=11606", "augment", "target_size", 11606),
        ("face.min_score=0.25", "face", "min_score", 0.25),
        ("model.filters=[1, 2, 3]", "model", "filters", (1, 2, 3)),
        ("clips.keep_unlabelled=false", "clips", "keep_unlabelled", False),
    ],
)
def test_a_set_value_is_toml_or_else_a_string(setting: str, section: str, key: str, value: object) -> None:
    assert getattr(getattr(load_config(None, [setting], **PATHS), section), key) == value


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        (["split.groupby=film"], r"there is no setting split\.groupby; did you mean split\.group_by\?"),
        (
            ["split.map.held=away"],
            r"split\.map\.held = 'away': input should be 'train', 'validation' or 'test'",
        ),
        (["split"], "write key=value"),
        (["workers.many=1", "workers=0"], "workers"),
        (["split=film", "split.seed=1"], "split is a value, not a section"),
        (["face.min_score=2"], r"face\.min_score = 2: input should be less than or equal to 1"),
    ],
)
def test_a_wrong_setting_is_named_in_one_line(settings: list[str], message: str) -> None:
    with pytest.raises(InputError, match=message) as error:
        load_config(None, settings, **PATHS)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize(
    "setting",
    [
        "engine.mlflow=https://me:secret@host/mlflow",
        "engine.mlflow=https://secret@host",
        "engine.mlflow=postgresql://me:secret@host/mlflow",
        "engine.report_url=https://me:secret@host",
        "engine.dask_address=tcp://me:secret@host:8786",
    ],
)
def test_a_password_in_an_address_is_refused_and_not_shown(setting: str) -> None:
    """Prefect's database and pages have the settings of every run."""
    with pytest.raises(InputError, match="no credentials in addresses") as error:
        load_config(None, [setting], **PATHS)
    assert "secret" not in str(error.value)


@pytest.mark.parametrize(
    "uri", ["runs", "https://host:5000", "postgresql://me@host/mlflow", "sqlite:///runs/m.db"]
)
def test_an_address_without_a_password_is_taken(uri: str) -> None:
    assert load_config(None, [f"engine.mlflow={uri}"], **PATHS).engine.mlflow == uri


def test_everything_wrong_is_told_at_once_and_missing_paths_say_how_to_give_them() -> None:
    with pytest.raises(InputError) as error:
        load_config(None, ["split.seed=x", "face.gate=y"])
    lines = str(error.value).splitlines()
    assert len(lines) == 5
    assert "config: films is missing: give --films, or set it in the config file" in lines


def test_a_config_file_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"absent\.toml: cannot be read"):
        load_config(tmp_path / "absent.toml", [])
    (tmp_path / "bad.toml").write_text("split = [")
    with pytest.raises(InputError, match=r"bad\.toml: not valid TOML"):
        load_config(tmp_path / "bad.toml", [])


def test_the_model_section_can_be_set_alone() -> None:
    assert load_training_config(None, ["epochs=3", "model.batch_size=8"])[0].epochs == 3
    with pytest.raises(InputError, match=r"model\.epochs = 0"):
        load_training_config(None, ["epochs=0"])


def test_every_setting_is_documented() -> None:
    documented = {
        f"{section.name}.{setting.key}".lstrip("."): setting.meaning
        for section in settings_sections()
        for setting in section.settings
    }
    assert set(documented) == set(setting_names())
    assert all(documented.values())


def test_the_configuration_survives_json_as_a_server_sends_it() -> None:
    config = load_config(None, ["split.seed=7"], **PATHS)
    assert Config.model_validate_json(config.model_dump_json()) == config
    assert Config.model_json_schema()["required"] == ["films", "annotations", "out"]
