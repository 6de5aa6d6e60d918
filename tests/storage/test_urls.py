"""Paths that stand for URLs: only what was made from a URL does, and it stays so on its way through a program."""

import copy
import os
import pickle
import subprocess
import sys
from pathlib import Path

import pytest

from emodal_data.clips.film_index import FilmIndex
from emodal_data.core.errors import InputError
from emodal_data.storage.film_cache import film_at_hand, film_versions, name_films
from emodal_data.storage.locks import exclusive_remote
from emodal_data.storage.sync import fetch, pull, push, send
from emodal_data.storage.urls import NAMES, RemotePath, local_path, shown, url_of
from flows.config.models import Config
from flows.operations.plan import plan_result

URL = "s3://bucket/out"


def test_what_is_derived_from_a_remote_path_keeps_its_url(tmp_path: Path) -> None:
    out = local_path(URL, tmp_path)
    assert url_of(out / "dataset" / "a.json") == f"{URL}/dataset/a.json"
    assert url_of(out.joinpath("a", "b")) == f"{URL}/a/b"
    assert url_of((out / "a").parent) == URL
    assert url_of(out.with_name("other")) == "s3://bucket/other"
    assert url_of((out / "a.txt").with_suffix(".csv")) == f"{URL}/a.csv"
    assert url_of((out / "a.txt").with_stem("b")) == f"{URL}/b.txt"
    assert url_of(out.absolute()) == url_of(out.resolve()) == URL
    (out / "deep").mkdir(parents=True)
    (out / "deep" / "file").touch()
    assert [url_of(path) for path in out.iterdir()] == [f"{URL}/deep"]
    assert [url_of(path) for path in out.glob("*/*")] == [f"{URL}/deep/file"]
    assert [url_of(path) for path in out.rglob("file")] == [f"{URL}/deep/file"]
    for same in (pickle.loads(pickle.dumps(out)), copy.deepcopy(out)):
        assert same == out and url_of(same) == URL


def test_a_link_on_the_way_to_the_cache_does_not_lose_the_url(tmp_path: Path) -> None:
    (tmp_path / "real").mkdir()
    (tmp_path / "link").symlink_to(tmp_path / "real")
    out = local_path(URL, tmp_path / "link")
    assert out.resolve().is_relative_to(tmp_path / "real")
    assert url_of(out.resolve() / "a") == f"{URL}/a"


def test_what_leads_out_of_the_copies_stands_for_itself(tmp_path: Path) -> None:
    out = local_path(URL, tmp_path)
    for path in (out / tmp_path, out / ".." / ".." / "x", out.parent.parent, out.relative_to(tmp_path)):
        assert url_of(path) is None
    (out / "a").mkdir(parents=True)
    assert url_of((out / "a").rename(tmp_path / "b")) is None
    with pytest.raises(InputError, match="write the URL without"):
        local_path("s3://bucket/out/../../x", tmp_path)


def test_a_plain_path_equals_the_copy_and_stands_for_no_url(tmp_path: Path) -> None:
    out = local_path(URL, tmp_path)
    plain = Path(os.fspath(out))
    assert plain == out and hash(plain) == hash(out) and {plain: 1}[out] == 1
    assert url_of(plain) is None and shown(plain) == str(plain)


@pytest.mark.parametrize("name", ["emodal-copies", "emodal-reading", "emodal-names", "emodal-films"])
def test_a_folder_of_the_users_with_a_name_of_the_caches_is_a_plain_folder(tmp_path: Path, name: str) -> None:
    films = tmp_path / "films"
    below = films / name / "http" / "127.0.0.1" / "shows"
    below.mkdir(parents=True)
    (below / "a.mp4").write_bytes(b"film")
    before = sorted(films.rglob("*"))
    for path in (below, local_path(below), local_path(str(below), kind=NAMES)):
        assert not isinstance(path, RemotePath) and url_of(path) is None
    assert "fsspec" not in _modules_after(below)  # nothing is asked of any host
    name_films(below)
    pull(below)
    push(below)
    send(below)
    fetch([below / "b.mp4"])
    with exclusive_remote(below):
        pass
    found = FilmIndex(films).find("a").file
    assert found.name == f"{name}/http/127.0.0.1/shows/a.mp4"
    assert film_versions(films)(found.path) == ""
    with film_at_hand(found.path, films, 1.0) as (path, folder):
        assert (path, folder) == (found.path, films)
    assert sorted(films.rglob("*")) == before  # neither read from elsewhere, nor a lock among the films


def _modules_after(folder: Path) -> set[str]:
    """The modules that are imported after all functions of the room were given a folder."""
    code = (
        "import sys; from pathlib import Path; from emodal_data.storage.sync import *\n"
        "from emodal_data.storage.film_cache import *; from emodal_data.storage.locks import exclusive_remote\n"
        "path = Path(sys.argv[1]); name_films(path); pull(path); push(path); send(path); fetch([path / 'x'])\n"
        "with film_at_hand(path / 'a.mp4', path, 1.0), exclusive_remote(path): print(*sys.modules)"
    )
    run = subprocess.run([sys.executable, "-c", code, folder], capture_output=True, text=True, check=True)
    return set(run.stdout.split())


def test_a_plan_of_films_below_such_a_folder_reads_them_where_they_are(tmp_path: Path) -> None:
    here = tmp_path / "films" / "emodal-copies" / "http" / "127.0.0.1:9"
    here.mkdir(parents=True)
    (here / "a.mp4").write_bytes(b"no film")
    (here / "spans.csv").write_text("film,start,end,label\na.mp4,1,2,sad\n")
    before = sorted(tmp_path.rglob("*"))
    config = Config(films=here, annotations=here / "spans.csv", out=here / "out", workers=1)
    result = plan_result(config)
    assert (result["rows"], result["films_new_or_changed"]) == (1, ["a.mp4"])
    assert sorted(tmp_path.rglob("*")) == before
