"""Films in a bucket, on a real S3 server: asked about and searched for spans as those on disk are."""

import csv
import json
from collections.abc import Iterator
from pathlib import Path

import fsspec
import pytest

from emodal_data.core.config import ClipsConfig
from emodal_data.core.errors import InputError
from emodal_data.storage.film_cache import film_at_hand
from emodal_data.storage.urls import NAMES, local_path
from flows.operations.predict import given_questions, observe_all, settings_of
from tests.flows.commands import emodal
from tests.s3 import s3_server

pytest.importorskip("s3fs", reason="s3fs comes with the extra s3")
pytest.importorskip("moto", reason="moto comes with the extra dev")

FILMS = "s3://films-and-faces/shows"
FILM = f"{FILMS}/deep/film_000.mp4"


@pytest.fixture(scope="module")
def films(sample_films: Path) -> Iterator[Path]:
    """The folder on disk; one of its films is in the bucket, too."""
    with s3_server():
        fsspec.filesystem("s3").put_file(str(sample_films / "films" / "film_000.mp4"), FILM)
        yield sample_films / "films"


def test_a_film_in_a_bucket_is_asked_about_as_one_on_disk(
    films: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    rows = [
        row
        for row in csv.DictReader((films.parent / "annotations.csv").open())
        if row["film"] == "film_000.mp4"
    ]
    spans = tmp_path / "spans.csv"
    spans.write_text(
        "film,start,end,label\n" + "".join(f"deep/film_000,{r['start']},{r['end']},\n" for r in rows[:2])
    )
    named = local_path(FILM, kind=NAMES)
    with film_at_hand(named, named.parent, 1.0) as (path, _):
        remote = given_questions(named, path, spans, ClipsConfig())
        seen = observe_all(remote, settings_of({}))
    assert [question.label for question in remote.asked] == [None, None]
    here = films / "film_000.mp4"
    spans.write_text(spans.read_text().replace("deep/", ""))
    local = given_questions(here, here, spans, ClipsConfig())
    assert local.asked == remote.asked
    for one, two in zip(seen, observe_all(local, settings_of({})), strict=True):
        assert (one.frame_s, one.face_reason, one.sound_reason) == (
            two.frame_s,
            two.face_reason,
            two.sound_reason,
        )
        assert one.audio_features is not None and two.audio_features is not None
        assert one.audio_features.tobytes() == two.audio_features.tobytes()


def test_spans_are_proposed_of_films_in_a_bucket(
    films: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    out = tmp_path / "out"
    run = emodal("propose", "--films", FILMS, "--out", out, "--json", "--per-film", 2)
    assert run.returncode == 0, run.stderr
    assert json.loads(run.stdout)["spans"] == {"deep/film_000.mp4": 2}
    table = list(csv.DictReader((tmp_path / "out" / "annotations.csv").open()))
    assert [row["film"] for row in table] == ["deep/film_000.mp4"] * 2
    assert len(list((tmp_path / "out" / "label-studio").rglob("film_000.mp4/*"))) == 2
    assert len(list((tmp_path / "cache").rglob("emodal-films/*/*.mp4"))) == 1  # fetched once


def test_a_film_that_is_not_in_the_bucket_is_told_by_its_url(films: Path) -> None:
    gone = local_path(f"{FILMS}/gone.mp4", kind=NAMES)
    with (
        pytest.raises(InputError, match=f"{FILMS}/gone.mp4: not there"),
        film_at_hand(gone, gone.parent, 1.0),
    ):
        pass
