"""How the name in an annotation finds its film."""

import time
import unicodedata
from pathlib import Path

import pandas as pd
import pytest

from emodal_data.annotations import read_annotations
from emodal_data.clips.film_index import FilmIndex
from emodal_data.clips.plan import locate_films
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
    assert FilmIndex(films).find(name).file.name == film


@pytest.mark.parametrize("name", ["twice", "e1", "e1.mkv"])
def test_a_name_that_may_mean_several_films_is_not_guessed(films: Path, name: str) -> None:
    with pytest.raises(Dropped, match=r"2 films may be meant, such as .* and .*: write its path") as drop:
        FilmIndex(films).find(name)
    assert drop.value.reason is Reason.FILM_MISSING


@pytest.mark.parametrize("name", ["b.mp4", "a.mkv.mp4", "s3/e1", "1", "v1", "", ".", "/a", "\0", "a" * 5000])
def test_a_name_of_no_film_is_missing(films: Path, name: str) -> None:
    with pytest.raises(Dropped) as drop:
        FilmIndex(films).find(name)
    assert drop.value.reason in (Reason.FILM_MISSING, Reason.FILM_OUTSIDE_FOLDER)


def test_no_name_leads_out_of_the_folder(films: Path) -> None:
    (films.parent / "out.mp4").write_bytes(b"film")
    (films / "link.mp4").symlink_to(films.parent / "out.mp4")
    for name in ("../out.mp4", "../out", "link.mp4", "link", "/etc/hostname"):
        with pytest.raises(Dropped) as drop:
            FilmIndex(films).find(name)
        assert drop.value.reason is Reason.FILM_OUTSIDE_FOLDER


def test_a_whole_path_through_a_link_to_the_folder_is_a_film_of_the_folder(films: Path) -> None:
    link = films.parent / "films of the project"
    link.symlink_to(films)
    for folder in (films, link):
        assert FilmIndex(link).find(str(folder / "s1" / "a.mkv")).file.name == "s1/a.mkv"


def located(tmp_path: Path, films: list[str], table: str) -> pd.DataFrame:
    for name in films:
        (tmp_path / "films" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "films" / name).write_bytes(b"film")
    (tmp_path / "spans.csv").write_text(table, encoding="utf-8")
    return locate_films(read_annotations(tmp_path / "spans.csv"), tmp_path / "films")[0]


@pytest.mark.parametrize("on_disk", ["NFC", "NFD"])
def test_composed_and_decomposed_names_are_equal(tmp_path: Path, on_disk: str) -> None:
    disk = unicodedata.normalize(on_disk, "amélie.mp4")
    typed = unicodedata.normalize("NFD" if on_disk == "NFC" else "NFC", "amélie")
    rows = located(tmp_path, [disk], f"film,start,end,label\n{typed}.mp4,1,2,sad\n{typed},1,2,sad\n")
    assert rows["film"].tolist() == [disk, disk]
    assert rows["reason"].isna().all()


def test_a_whole_number_written_with_decimals_is_the_name_without_them(tmp_path: Path) -> None:
    rows = located(tmp_path, ["1917.mp4"], "film,start,end,label\n1917.0,1,2,sad\n")
    assert rows["film"].tolist() == ["1917.mp4"]


@pytest.mark.parametrize(
    ("name", "near"),
    [
        ("HEAT.MP4", "s1/heat.mp4"),
        ("HEAT", "s1/heat.mp4"),
        ("clip0007.mp4", "clip07.mp4"),
        ("s1/clip7", "clip07.mp4"),
        ("heta.mp4", "s1/heat.mp4"),
    ],
)
def test_another_case_zero_padding_or_spelling_is_suggested_and_never_taken(
    tmp_path: Path, name: str, near: str
) -> None:
    table = f"film,start,end,label\nclip07.mp4,1,2,sad\n{name},1,2,sad\n"
    rows = located(tmp_path, ["s1/heat.mp4", "clip07.mp4"], table)
    assert rows["reason"][1] == Reason.FILM_MISSING
    assert rows["detail"][1].endswith(f"; did you mean {near}?")


def test_a_film_in_a_folder_that_its_row_does_not_name_is_reported(tmp_path: Path) -> None:
    rows = located(tmp_path, ["s1/a.mp4", "b.mp4"], "film,start,end,label\na,1,2,sad\nb,1,2,sad\n")
    assert rows["film"].tolist() == ["s1/a.mp4", "b.mp4"]
    assert rows.attrs["warnings"] == ("1 film is in a folder that the rows do not name: a is s1/a.mp4",)


def test_a_row_of_one_split_does_not_take_a_clip_of_another(tmp_path: Path) -> None:
    films = ["train/x.mp4", "dev/dia0.mp4", "more/dia2.mp4"]
    table = (
        "film,start,end,label,split\nx,1,2,sad,train\ndia0,1,2,sad,Training\n"
        "dia2,1,2,sad,train\ndia2,1,2,sad,test\n"
    )
    rows = located(tmp_path, films, table)
    assert rows["film"].tolist() == ["train/x.mp4", "dia0", "dia2", "dia2"]
    assert rows["reason"].isna().tolist() == [True, False, False, False]
    assert rows["detail"][1] == (
        "dia0: rows of split Training, and the only film of that name is dev/dia0.mp4: write its path if it is meant"
    )
    assert (
        "rows of split train and test, and the only film of that name is more/dia2.mp4" in rows["detail"][2]
    )


def test_the_time_to_find_names_grows_with_their_number_and_no_faster(tmp_path: Path) -> None:
    def cpu_s(count: int) -> float:
        folder = tmp_path / str(count)
        names = [f"dia{n}_utt{n % 7}" for n in range(count)]
        table = "film,start,end,label\n" + "".join(f"{n},1,2,sad\n{n}x,1,2,sad\n" for n in names)
        located(folder, [f"{name}.mp4" for name in names], "film,start,end,label\ndia0_utt0,1,2,sad\n")
        (folder / "spans.csv").write_text(table)
        rows = read_annotations(folder / "spans.csv")
        begin_s = time.process_time()
        found, _ = locate_films(rows, folder / "films")
        took_s = time.process_time() - begin_s
        assert found["reason"].isna().sum() == count
        return took_s

    small_s, large_s = cpu_s(500), cpu_s(4000)
    assert large_s < 24 * small_s + 0.5  # eight times as many; quadratic would be 64 times as long
