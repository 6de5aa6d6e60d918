"""How the name in an annotation finds its film."""

from pathlib import Path

import pytest

from emodal_data.clips.films import find_film
from emodal_data.core.errors import Dropped
from emodal_data.core.reasons import Reason


@pytest.fixture
def films(tmp_path: Path) -> Path:
    folder = tmp_path / "films"
    for name in (
        "a.mp4",
        "a.srt",
        "twice.mp4",
        "twice.mkv",
        "s1/e1.mkv",
        "s2/e1.mkv",
        "s1/v1.2.mkv",
        "s1/a.mkv",
    ):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(b"film")
    (folder / "v1").mkdir()
    return folder


@pytest.mark.parametrize(
    ("name", "film"),
    [
        ("a.mp4", "a.mp4"),
        ("./s1/../a.mp4", "a.mp4"),
        ("a", "a.mp4"),
        ("s1/e1", "s1/e1.mkv"),
        ("s1/a", "s1/a.mkv"),
        ("v1.2", "s1/v1.2.mkv"),
        ("v1.2.mkv", "s1/v1.2.mkv"),
        ("a.srt", "a.srt"),
    ],
)
def test_a_name_is_a_path_or_the_end_of_one_films_path(films: Path, name: str, film: str) -> None:
    assert find_film(films, name).name == film


@pytest.mark.parametrize("name", ["twice", "e1", "e1.mkv"])
def test_a_name_that_may_mean_several_films_is_not_guessed(films: Path, name: str) -> None:
    with pytest.raises(Dropped, match=r"2 films may be meant, such as .* and .*: write its path") as drop:
        find_film(films, name)
    assert drop.value.reason is Reason.FILM_MISSING


@pytest.mark.parametrize("name", ["b.mp4", "a.mkv.mp4", "s3/e1", "1", "v1", "", ".", "/a", "\0", "a" * 5000])
def test_a_name_of_no_film_is_missing(films: Path, name: str) -> None:
    with pytest.raises(Dropped) as drop:
        find_film(films, name)
    assert drop.value.reason in (Reason.FILM_MISSING, Reason.FILM_OUTSIDE_FOLDER)


def test_no_name_leads_out_of_the_folder(films: Path) -> None:
    (films.parent / "out.mp4").write_bytes(b"film")
    (films / "link.mp4").symlink_to(films.parent / "out.mp4")
    for name in ("../out.mp4", "../out", "link.mp4", "link", "/etc/hostname"):
        with pytest.raises(Dropped) as drop:
            find_film(films, name)
        assert drop.value.reason is Reason.FILM_OUTSIDE_FOLDER
