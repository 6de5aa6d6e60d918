"""Which paths and URLs lie inside the roots of a deployment."""

from pathlib import Path

import pytest
from pydantic import BaseModel

from emodal_data.core.errors import InputError
from flows.config.load import load_config
from flows.config.models import Config
from flows.engine.allowed_roots import refuse_outside


@pytest.mark.parametrize(
    ("place", "root"),
    [
        ("/data/films", "/data/films"),
        ("/data/films/a/b.mp4", "/data/films"),
        ("/data/build/../films", "/data/films"),
        ("s3://bucket/films", "s3://bucket"),
        ("s3://bucket/films/a", "s3://bucket/films/"),
        ("tcp://host:8786", "tcp://host:8786"),
    ],
)
def test_a_place_at_or_below_a_root_is_allowed(place: str, root: str) -> None:
    refuse_outside({"films": place}, ["/elsewhere", root])


@pytest.mark.parametrize(
    ("place", "root"),
    [
        ("/data/films2", "/data/films"),
        ("/data", "/data/films"),
        ("/data/films/../secrets", "/data/films"),
        ("s3://bucket2/films", "s3://bucket"),
        ("s3://bucket/films/../other", "s3://bucket/films"),
        ("s3://bucket/films/%2e%2e/other", "s3://bucket/films"),
        ("/s3/bucket", "s3://bucket"),
        ("s3://bucket", "/"),
        ("tcp://evil:8786", "tcp://host:8786"),
        ("http://host:80@evil/", "http://host:80"),
    ],
)
def test_a_place_beside_or_above_the_roots_is_refused_by_the_name_of_its_setting(
    place: str, root: str
) -> None:
    with pytest.raises(InputError, match=r"^out = .*: outside the deployment's engine.allowed_roots \("):
        refuse_outside({"films": root, "out": place}, [root])


def test_a_link_inside_a_root_that_leads_outside_is_refused(tmp_path: Path) -> None:
    (tmp_path / "root").mkdir()
    (tmp_path / "root" / "link").symlink_to(tmp_path)
    with pytest.raises(InputError, match="outside"):
        refuse_outside({"out": str(tmp_path / "root" / "link" / "new")}, [str(tmp_path / "root")])


def test_without_roots_nothing_is_outside() -> None:
    refuse_outside({"out": "/anywhere", "films": "s3://any"}, [])


def test_every_setting_that_names_a_place_is_checked_and_a_root_of_the_deployment_by_default() -> None:
    settings = [
        "storage.cache=/c",
        "face.weights=/w",
        "engine.mlflow=https://mlflow",
        "engine.dask_address=host:8786",
    ]
    paths = {"films": "s3://bucket/films", "annotations": "/a.csv", "out": "/o"}
    settings.append('overrides=["/d.csv", "s3://bucket/e.csv"]')
    config = load_config(None, settings, **{name: Path(path) for name, path in paths.items()})
    assert config.locations() == {
        **paths,
        "overrides[0]": "/d.csv",
        "overrides[1]": "s3://bucket/e.csv",
        "storage.cache": "/c",
        "face.weights": "/w",
        "engine.mlflow": "https://mlflow",
        "engine.dask_address": "tcp://host:8786",
    }
    assert set(config.on_a_schedule().engine.allowed_roots) == set(config.locations().values())


def test_no_setting_names_a_path_that_is_not_checked() -> None:
    """A new setting of this kind belongs into Config.locations."""

    def paths_below(section: type[BaseModel], name: str = "") -> set[str]:
        found = set()
        for key, field in section.model_fields.items():
            if isinstance(field.annotation, type) and issubclass(field.annotation, BaseModel):
                found |= paths_below(field.annotation, f"{name}{key}.")
            elif "Path" in str(field.annotation):
                found.add(f"{name}{key}")
        return found

    assert paths_below(Config) == {"films", "annotations", "out", "overrides", "storage.cache"}


def test_roots_that_were_set_stay(tmp_path: Path) -> None:
    paths = dict.fromkeys(("films", "annotations", "out"), tmp_path)
    config = load_config(None, [f'engine.allowed_roots=["{tmp_path}", "s3://b"]'], **paths)
    assert config.on_a_schedule().engine.allowed_roots == (str(tmp_path), "s3://b")


@pytest.mark.parametrize("path", ["../*.csv", "/etc/*.csv", "a/../../b.csv"])
def test_a_file_of_a_folder_of_tables_is_inside_the_folder(path: str, tmp_path: Path) -> None:
    paths = dict.fromkeys(("films", "annotations", "out"), tmp_path)
    with pytest.raises(InputError, match="leads out of the folder"):
        load_config(None, [f'table.files=[{{path="{path}"}}]'], **paths)
