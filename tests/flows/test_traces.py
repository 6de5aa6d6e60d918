"""What counts as naming a film: in text, escaped, in archives, in columns, beside a length; and what does not."""

import gzip
import hashlib
import io
import json
import lzma
import os
import tarfile
import zipfile
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from flows.operations.traces import Marks, clips_named_in, files_in, find_traces

HASH = hashlib.sha256(b"the film").hexdigest()
FILM = "a/Für & 'Elise'.mp4"
MARKS = Marks(
    frozenset({FILM}),
    None,
    frozenset({HASH}),
    frozenset({8}),
    frozenset({"0123456789abcdef"}),
    frozenset({"b/f1.mp4"}),
)


def traces(path: Path, marks: Marks = MARKS) -> list[str]:
    return [trace.what for trace in find_traces(files_in(path), marks, path)]


@pytest.mark.parametrize(
    "content",
    [
        "a/Für & 'Elise'.mp4",
        "/films/a/Für & 'Elise'.mp4 failed",
        "film,start\nFür & 'Elise'.mp4,3",
        "Fu\u0308r & 'Elise'.mp4",
        "<td>F&#252;r</td>a/Für &amp; &#39;Elise&#39;.mp4",
        "Für &amp; &#x27;Elise&#x27;.mp4",
        json.dumps({"film": FILM}),
        json.dumps({"said": f"failed:\n{FILM}\nagain"}),
        "file:///films/a/F%C3%BCr%20%26%20%27Elise%27.mp4",
        "run%20a%2FF%C3%BCr%20%26%20%27Elise%27.mp4",
        f"sha256:{HASH}",
        f"Fur-{HASH[:12]}",
        "0123456789abcdef-0",
        "clip_0123456789abcdef_face",
    ],
)
def test_a_name_a_hash_or_a_clip_is_found_however_it_is_written(content: str, tmp_path: Path) -> None:
    (tmp_path / "file.any").write_text(content)
    assert traces(tmp_path) == ["its content"]


@pytest.mark.parametrize(
    "content",
    ["Elise.mp4", "b/Für & 'Elise'.mp4", "xFür & 'Elise'.mp4", "0123456789abcdef0", "Für & 'Elise'.mp45"],
)
def test_another_name_is_not_taken_for_it(content: str, tmp_path: Path) -> None:
    (tmp_path / "file.any").write_text(content)
    assert traces(tmp_path) == []


def test_a_name_within_that_of_another_film_is_not_its_own(tmp_path: Path) -> None:
    marks = Marks(frozenset({"f1.mp4"}), others=frozenset({"b/f1.mp4", "f1.mp4 2.mkv"}))
    for content, expected in {
        "films/b/f1.mp4": [],
        "f1.mp4 2.mkv": [],
        "films/c/f1.mp4": ["its content"],
        "b/f1.mp4 and f1.mp4": ["its content"],
        "of1.mp4, f1.mp4x, 1f1.mp4": [],
    }.items():
        (tmp_path / "file").write_text(content)
        assert traces(tmp_path, marks) == expected, content


@pytest.mark.parametrize("length", [6, 45, 47, 65, 100, 120])
def test_a_name_with_its_length_before_it_is_found(length: int, tmp_path: Path) -> None:
    """As in TFRecord files: a length of 65 reads as the letter A, and what follows may be a letter."""
    name = "f" * (length - 4) + ".mp4"
    (tmp_path / "file").write_bytes(b"\0\x0a" + bytes([length]) + name.encode() + b"bb")
    assert traces(tmp_path, Marks(frozenset({name}))) == ["its content"]
    (tmp_path / "file").write_bytes(b"\0\x0a" + bytes([length + 1]) + b"o" + name.encode() + b"\n")
    assert traces(tmp_path, Marks(frozenset({name}))) == []
    clip = "0123456789abcdef-0" + "x" * 40
    (tmp_path / "file").write_bytes(b"\x0a" + bytes([len(clip)]) + clip.encode())
    assert traces(tmp_path) == ["its content"]


def test_archives_are_opened(tmp_path: Path) -> None:
    text = f"{FILM}\n".encode() * 50
    (tmp_path / "a.gz").write_bytes(gzip.compress(text))
    (tmp_path / "b.xz").write_bytes(lzma.compress(text))
    with zipfile.ZipFile(tmp_path / "c.xlsx", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("other.xml", b"nothing")
        archive.writestr("sheet.xml", text)
    with tarfile.open(tmp_path / "d.tar", "w") as tar:
        member = tarfile.TarInfo("0.json")
        member.size = len(text)
        tar.addfile(member, io.BytesIO(text))
    assert traces(tmp_path) == [
        "its compressed content",
        "its compressed content",
        "its member sheet.xml",
        "its content",
    ]


def test_columns_and_metadata_of_parquet_files_are_read(tmp_path: Path) -> None:
    columns = {
        "plain": pa.array([FILM, "x"]),
        "coded": pa.array(["x", FILM]).dictionary_encode(),
        "inside": pa.array([{"bytes": b"", "path": FILM}, None]),
        "several": pa.array([[FILM], None], pa.list_(pa.string())),
        "clean": pa.array(["x", None]),
    }
    pq.write_table(pa.table(columns), tmp_path / "a.parquet", compression="zstd", write_statistics=False)
    with_metadata = pa.table({"x": [1]}).replace_schema_metadata({"made of": FILM})
    pq.write_table(with_metadata, tmp_path / "b.parquet")
    assert traces(tmp_path) == [
        "column plain",
        "column coded",
        "column inside.path",
        "column several",
        "its metadata",
    ]


def test_paths_links_and_copies_are_found_and_what_cannot_be_read_is_said(tmp_path: Path) -> None:
    place, elsewhere = tmp_path / "place", tmp_path / "elsewhere"
    (place / "a").mkdir(parents=True)
    (place / "a" / "Für & 'Elise'.mp4").touch()
    (place / "copy.bin").write_bytes(b"the film")
    (place / "other.bin").write_bytes(b"the fil_")
    elsewhere.mkdir()
    (elsewhere / "log").write_text(FILM)
    (elsewhere / "back").symlink_to(place)
    (place / "linked").symlink_to(elsewhere)
    (place / "torn.parquet").write_bytes(b"PAR1")
    with (place / "hollow").open("wb") as file:
        os.truncate(file.fileno(), 2**40)
    found = {
        (trace.path.name, trace.what.split(":")[0]) for trace in find_traces(files_in(place), MARKS, place)
    }
    assert found == {
        ("Für & 'Elise'.mp4", "its name"),
        ("copy.bin", "the film itself"),
        ("log", "its content"),
        ("torn.parquet", "cannot be searched"),
    }


def test_a_speaker_is_a_whole_word_and_a_short_one_a_value(tmp_path: Path) -> None:
    anna, short = Marks(frozenset(), "anna", others=frozenset({"anna lena"})), Marks(frozenset(), "s2")
    for content, marks, expected in [
        ("speaker anna.", anna, True),
        ("anna lena", anna, False),
        ("hanna", anna, False),
        ('{"speaker": "s2"}', short, True),
        ("the s2 word", short, False),
    ]:
        assert marks.are_in_text(content) == expected, content
    pq.write_table(
        pa.table({"speaker": ["s2", "s3"], "film": ["x", "y"], "clip_id": ["1", "2"]}), tmp_path / "p"
    )
    assert traces(tmp_path / "p", short) == ["column speaker"]
    assert clips_named_in(tmp_path / "p", frozenset(), "s2") == {"1"}
    assert clips_named_in(tmp_path / "p", frozenset({"y"}), None) == {"2"}
