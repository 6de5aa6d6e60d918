"""Files at URLs, against a real S3 server and an emulator of Google's.

Copies, what a reader may trust, films on demand, locks, errors.
"""

import json
import pickle
import time
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import fsspec
import pytest

from emodal_data import read_split
from emodal_data.clips.film_index import FilmIndex
from emodal_data.core.errors import InputError, TransientError
from emodal_data.dataset.read import open_dataset
from emodal_data.storage import sync as storage
from emodal_data.storage.film_cache import film_at_hand, film_versions, name_films
from emodal_data.storage.sync import fetch, pull, push, send
from emodal_data.storage.urls import NAMES, RemotePath, local_path, shown, url_of
from emodal_data.storage.versions import Versions
from flows.config.models import Config
from tests.gcs import gcs_server
from tests.published import written
from tests.s3 import SECRET, forget_connections, s3_server

pytest.importorskip("s3fs", reason="s3fs comes with the extra s3")
pytest.importorskip("moto", reason="moto comes with the extra dev")

BUCKET = "films-and-faces"


@pytest.fixture(scope="module", params=["s3", "gs"])
def protocol(request: pytest.FixtureRequest) -> Iterator[str]:
    if request.param == "gs":
        # Not imported here: gcsfs looks at the environment when it is.
        for name in ("gcsfs", "gcp_storage_emulator"):
            if not find_spec(name):
                pytest.skip(f"{name} comes with the extras gcs and dev")
    with {"s3": s3_server, "gs": gcs_server}[request.param]():
        yield request.param


@pytest.fixture
def url(
    protocol: str, request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> str:
    """A place of its own in the bucket; copies go below the test's folder."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    return f"{protocol}://{BUCKET}/{request.node.originalname}"


def store_of(url: str) -> Any:
    return fsspec.core.url_to_fs(url, use_listings_cache=False)[0]


def modified(url: str) -> str:
    info = store_of(url).info(url)
    return str(info.get("LastModified") or info["updated"])


def keys(url: str) -> set[str]:
    store, root = fsspec.core.url_to_fs(url, use_listings_cache=False)
    return {key.removeprefix(f"{root}/") for key in store.find(root)}


def put(url: str, content: bytes) -> None:
    store_of(url).pipe_file(url, content)


def test_a_url_has_one_path_and_the_path_knows_its_url(tmp_path: Path) -> None:
    path = local_path("s3://bucket/out", tmp_path)
    assert path == tmp_path / "emodal-copies" / "s3" / "bucket" / "out"
    assert isinstance(path, RemotePath) and path.url == "s3://bucket/out"
    assert local_path(Path("s3://bucket/out"), tmp_path) == path  # pathlib takes a slash away
    assert local_path(path, tmp_path / "other", NAMES) == tmp_path / "other" / NAMES / "s3" / "bucket" / "out"
    assert local_path(path, kind=NAMES).is_relative_to(tmp_path / NAMES)  # a copy stays in its cache
    assert local_path("file:///films/a", tmp_path) == Path("/films/a")
    assert local_path("films/a", tmp_path) == Path("films/a")
    assert url_of(Path("films/a")) is None
    with pytest.raises(InputError, match="no credentials in URLs") as refused:
        local_path("s3://AKIA:secret@bucket/out", tmp_path)
    assert "AKIA:secret" not in str(refused.value)


def test_the_configuration_says_urls_again(tmp_path: Path) -> None:
    urls = {"films": "s3://b/films", "annotations": "s3://b/spans.csv", "out": "s3://b/out"}
    config = Config.model_validate({"storage": {"cache": tmp_path}, **urls})
    assert config.films == tmp_path / "emodal-names" / "s3" / "b" / "films"
    assert config.out == tmp_path / "emodal-copies" / "s3" / "b" / "out"
    written = config.model_dump(mode="json")
    assert {name: written[name] for name in urls} == urls
    elsewhere = {"storage": {"cache": tmp_path / "x"}}
    for tree in (written | elsewhere, dict(reversed((written | elsewhere).items()))):
        moved = Config.model_validate(tree)  # whatever the order of the keys
        assert moved.out == tmp_path / "x" / "emodal-copies" / "s3" / "b" / "out"
        assert shown(moved.films) == urls["films"]
    again = Config.model_validate_json(config.model_dump_json())
    assert again == config and again.out == config.out and shown(again.out) == urls["out"]
    for copy in (pickle.loads(pickle.dumps(config)), config.with_absolute_paths(), config.model_copy()):
        assert (url_of(copy.films), url_of(copy.out)) == (urls["films"], urls["out"])


def test_a_copy_becomes_what_its_url_holds_and_back(url: str) -> None:
    folder = local_path(url)
    for name, content in {"a/one": b"1", "two": b"2", ".hidden": b"h"}.items():
        put(f"{url}/{name}", content)
    pull(folder)
    assert {f.name: f.read_bytes() for f in folder.rglob("*") if f.is_file()} == {"one": b"1", "two": b"2"}
    put(f"{url}/two", b"3")  # as long as before
    store_of(url).rm_file(f"{url}/a/one")
    pull(folder)
    assert sorted(p.name for p in folder.rglob("*")) == ["two"]
    assert (folder / "two").read_bytes() == b"3"
    (folder / "two").write_bytes(b"4")
    (folder / "b").mkdir()
    (folder / "b" / "new").write_bytes(b"5")
    push(folder)
    assert keys(url) == {"two", "b/new", ".hidden"}
    before = modified(f"{url}/two")
    time.sleep(1.1)
    push(folder)  # nothing to do
    assert modified(f"{url}/two") == before


def test_what_was_downloaded_or_uploaded_once_is_not_downloaded_again(
    url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = local_path(url)
    put(f"{url}/theirs", b"1")
    downloaded = []
    get_before = storage._get
    monkeypatch.setattr(
        storage, "_get", lambda path, *rest: (downloaded.append(path.name), get_before(path, *rest))
    )
    before_ns = time.time_ns()
    pull(folder)
    assert (folder / "theirs").stat().st_mtime_ns > before_ns - 10**9  # a time that means a time
    (folder / "mine").write_bytes(b"2")
    send(folder)
    (folder / "theirs").rename(folder / "renamed")
    push(folder)
    pull(folder)
    fetch([folder / "mine", folder / "renamed"])
    assert downloaded == ["theirs"]
    (folder / "mine").unlink()
    fetch([folder / "mine", folder / "renamed"])
    assert downloaded == ["theirs", "mine"]


def test_a_renamed_file_is_copied_in_the_store_and_not_uploaded(
    url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = local_path(url)
    folder.mkdir(parents=True)
    for name in ("a-of-2", "b-of-2"):
        (folder / name).write_bytes(name.encode())
    push(folder)
    (folder / "a-of-2").rename(folder / "a-of-3")
    (folder / "b-of-2").rename(folder / "c-of-3")
    (folder / "b-of-3").write_bytes(b"new")
    uploaded = []
    put_before = storage._put
    monkeypatch.setattr(
        storage, "_put", lambda path, known: (uploaded.append(path.name), put_before(path, known))
    )
    push(folder)
    assert uploaded == ["b-of-3"]
    store = store_of(url)
    contents = {name: store.cat_file(f"{url}/{name}") for name in keys(url)}
    assert contents == {"a-of-3": b"a-of-2", "b-of-3": b"new", "c-of-3": b"b-of-2"}
    push(folder)  # nothing to do
    assert uploaded == ["b-of-3"]


def test_send_adds_and_never_overwrites_or_removes(url: str) -> None:
    folder = local_path(url)
    put(f"{url}/theirs", b"1")
    put(f"{url}/both", b"2")
    folder.mkdir(parents=True)
    (folder / "both").write_bytes(b"mine")
    (folder / "mine").write_bytes(b"3")
    send(folder)
    assert keys(url) == {"theirs", "both", "mine"}
    assert store_of(url).cat_file(f"{url}/both") == b"2"


def test_a_reader_trusts_only_whole_datasets(
    url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    dataset = local_path(url) / "dataset"
    one = written(tmp_path / "made", "dataset")
    dataset.parent.mkdir(parents=True)
    one.rename(dataset)
    with pytest.raises(InputError, match=f"{url}: no dataset there"):
        read_split(url, "train")
    push(dataset)
    assert read_split(url, "train").num_rows == read_split(dataset, "train").num_rows > 0
    assert open_dataset(f"{url}/dataset") == open_dataset(url)

    manifest = json.loads((dataset / "manifest.json").read_bytes())
    (dataset / "README.md").write_text("another one")

    def killed_at_the_manifest(path: Path, versions: Versions) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(storage, "_put_mark", killed_at_the_manifest)
    with pytest.raises(KeyboardInterrupt):
        push(dataset)
    monkeypatch.undo()
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "elsewhere"))
    with pytest.raises(InputError, match="no dataset there; a build may be writing it"):
        open_dataset(url)
    elsewhere = local_path(url) / "dataset"
    pull(elsewhere)  # another machine goes on, and still knows who was on which side
    assert json.loads((elsewhere / "manifest.json").read_bytes()) == manifest
    push(elsewhere)
    assert open_dataset(url).name == "dataset"
    assert ".manifest.json" not in keys(f"{url}/dataset")


def test_a_shard_that_is_cut_short_is_not_read(url: str, tmp_path: Path) -> None:
    dataset = local_path(url) / "dataset"
    dataset.parent.mkdir(parents=True)
    written(tmp_path / "made", "dataset").rename(dataset)
    push(dataset)
    shard = next((dataset / "data").glob("train-*"))
    put(f"{url}/dataset/data/{shard.name}", shard.read_bytes()[:-10])
    with pytest.raises(TransientError, match="is being written; try again"):
        read_split(url, "train")


def test_films_are_found_by_name_and_fetched_when_they_are_read(url: str) -> None:
    put(f"{url}/deep/a.mp4", b"a" * 1000)
    put(f"{url}/b.mkv", b"b" * 500)
    films = local_path(url, kind=NAMES)
    name_films(films)
    found = FilmIndex(films).find("a").file  # a name without folder and suffix, as in a folder on disk
    assert (found.name, found.size_bytes) == ("deep/a.mp4", 1000)
    version = film_versions(films)(found.path)
    assert version
    assert sum(f.stat().st_blocks for f in films.rglob("*") if f.is_file()) == 0
    with film_at_hand(found.path, films, 1.0) as (path, root):
        assert (path.name, path.read_bytes()) == ("a.mp4", b"a" * 1000)
        assert path.is_relative_to(root)
    put(f"{url}/deep/a.mp4", b"c" * 1000)
    store_of(url).rm_file(f"{url}/b.mkv")
    name_films(films)
    changed = FilmIndex(films).find("deep/a.mp4").file
    assert (changed.size_bytes, film_versions(films)(changed.path)) != (1000, version)
    assert [f.name for f in films.rglob("*.m*")] == ["a.mp4"]
    with film_at_hand(changed.path, films, 1.0) as (path, _):
        assert path.read_bytes() == b"c" * 1000


def test_copies_of_films_make_room_for_each_other_but_not_while_they_are_read(
    url: str, tmp_path: Path
) -> None:
    films = local_path(url, kind=NAMES)
    for name in "abc":
        put(f"{url}/{name}.mp4", name.encode() * 400)
    name_films(films)

    def copies() -> list[str]:
        return sorted(path.name for path in (tmp_path / "cache").rglob("emodal-films/*/*.mp4"))

    room_gb = 1000e-9  # for two of the three
    with film_at_hand(films / "a.mp4", films, room_gb) as (a, _):
        with film_at_hand(films / "b.mp4", films, room_gb):
            assert copies() == ["a.mp4", "b.mp4"]
        with film_at_hand(films / "c.mp4", films, room_gb):
            assert copies() == ["a.mp4", "c.mp4"]  # b was read last, but a is being read
        assert a.read_bytes() == b"a" * 400
    fetched = a.stat().st_ino
    with film_at_hand(films / "a.mp4", films, room_gb) as (again, _):
        assert again.stat().st_ino == fetched


@pytest.mark.parametrize("protocol", ["s3"], indirect=True)
def test_errors_are_one_line_that_says_what_is_wrong(
    url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def error_of(location: str) -> Exception:
        with pytest.raises((InputError, TransientError)) as caught:
            pull(local_path(location))
        assert "\n" not in str(caught.value)
        assert SECRET not in str(caught.value)
        return caught.value

    none = error_of("s3://no-such-bucket/films")
    assert str(none) == "s3://no-such-bucket/films: not there: The specified bucket does not exist"
    assert isinstance(none, InputError)
    assert "Protocol not known: s4" in str(error_of("s4://bucket/films"))
    with pytest.raises(InputError, match=f"{url}/nothing: no films there"):
        name_films(local_path(f"{url}/nothing", kind=NAMES))
    monkeypatch.delenv("AWS_ACCESS_KEY_ID")
    monkeypatch.delenv("AWS_SECRET_ACCESS_KEY")
    monkeypatch.setenv("HOME", str(tmp_path))
    forget_connections()
    lost = error_of(url)
    assert isinstance(lost, InputError)
    assert str(lost) == f"{url}: no credentials found: Unable to locate credentials"
    monkeypatch.undo()
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:9")
    forget_connections()
    gone = error_of(url)
    assert isinstance(gone, TransientError)
    assert str(gone).startswith(f"{url}: the store does not answer as it should: Could not connect to")
    forget_connections()
