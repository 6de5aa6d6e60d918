"""Forgetting: no byte of a build names the film or the speaker any more, and the rest is as it was."""

import errno
import hashlib
import json
import os
import shutil
from pathlib import Path

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from emodal_data import read_split
from emodal_data.clips.store import list_clips, reel_file, store_folder
from emodal_data.core.config import DatasetConfig, SplitConfig
from emodal_data.core.errors import InputError, WorkError
from emodal_data.core.schema import SPLITS
from emodal_data.dataset.folder import read_manifest
from emodal_data.dataset.kept_split import keep_split, read_kept_split, split_of_ledger
from emodal_data.dataset.ledger import write_ledger
from emodal_data.dataset.read import read_samples
from emodal_data.dataset.seal import sealed
from emodal_data.dataset.verify import verify_dataset
from emodal_data.presentation.formats import export_dataset
from emodal_data.storage import files
from emodal_data.storage.files import write_json
from flows.operations.forget import forget
from tests.folder_hashes import hashes
from tests.published import fake_clips, written

#: One film a shard: what is left alone can be seen.
CONFIG = DatasetConfig.model_validate({"shards": {"rows": 12}, "split": {"allow_imbalance": True}})


def digest(film: int) -> str:
    return f"{film:x}beef" * 12 + "0000"


def clips(film: int) -> list[str]:
    return [f"c{film:02}{clip:02}" for clip in range(4)]


def move_reel(store: Path, film: int, to: Path) -> None:
    """The reel of a film that was never there, to where a film with that hash would have it."""
    (reel,) = store.glob(f"f{film}-0*/*.parquet")
    reel.rename(to)
    reel.parent.rmdir()


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A build of five films, f0.mp4 to f4.mp4, each with a speaker of its own, s0 to s4, and four clips."""
    out = tmp_path_factory.mktemp("build") / "out"
    written(out, "dataset", CONFIG)
    manifest = read_manifest(out / "dataset") | {"films": {f"f{n}.mp4": digest(n) for n in range(5)}}
    write_json(out / "dataset" / "manifest.json", sealed(manifest))
    ledger = pq.read_table(out / "dataset" / "ledger.parquet")
    keep_split(out / "dataset", split_of_ledger(ledger, manifest["build_key"], manifest["config"]["split"]))
    facts = {"size_bytes": 1, "mtime_ns": 1, "duration_s": 4.0, "reason": None, "detail": None}
    films = {f"f{n}.mp4": facts | {"name": f"f{n}.mp4", "sha256": digest(n)} for n in range(5)}
    write_json(out / "clips" / "films.json", films)
    for n in range(5):
        folder = store_folder(out / "clips", f"f{n}.mp4", digest(n))
        folder.mkdir()
        move_reel(out / "clips", n, reel_file(folder, manifest["ingest_key"], clips(n)))
        exports = store_folder(out / "exports" / "exact", f"f{n}.mp4", digest(n))
        exports.mkdir(parents=True)
        for clip in clips(n):
            (exports / f"{clip}.mp4").write_bytes(b"a film")
    (out / "model").mkdir()
    return out


@pytest.fixture
def out(built: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    return shutil.copytree(built, tmp_path / "out")


def bytes_of(out: Path) -> str:
    """All that is in a build, text columns unpacked, and the names of its files.

    The scripts of the report's page are left out: they are the same for every build, and hold many short words.
    """
    files = [path for path in sorted(out.rglob("*")) if path.is_file() and path.parent.name != "app"]
    texts = [f"{path} {path.read_bytes().decode('latin-1')}" for path in files]
    for path in files:
        if path.suffix == ".parquet":
            table = pq.read_table(path)
            texts += [str(table[f.name].to_pylist()) for f in table.schema if pa.types.is_string(f.type)]
    return "\n".join(texts)


def contents(out: Path) -> dict[Path, bytes]:
    """All files of a build but its lock."""
    return {path: path.read_bytes() for path in out.rglob("*") if path.is_file() and path.name != ".lock"}


def test_no_byte_of_a_forgotten_film_is_left(out: Path) -> None:
    assert all(trace in bytes_of(out) for trace in ("f1.mp4", digest(1), "c0101", "f1-1beef1beef1b"))
    done = forget(out, film="f1.mp4")
    assert (done.rows, done.stored_clips, done.exports) == (4, 4, 4)
    after = bytes_of(out)
    assert not [trace for trace in ("f1.mp4", "/f1-", digest(1), digest(1)[:12], *clips(1)) if trace in after]
    assert verify_dataset(out / "dataset") == []
    assert {film for _, film, _ in list_clips(out / "clips")} == {"f0.mp4", "f2.mp4", "f3.mp4", "f4.mp4"}
    assert sorted(path.name for path in out.iterdir()) == [".lock", "clips", "dataset", "exports", "model"]


def test_what_is_not_forgotten_keeps_its_bytes(out: Path) -> None:
    data = out / "dataset" / "data"
    before = {split: read_split(out / "dataset", split) for split in SPLITS}
    shards = {path.read_bytes() for path in data.iterdir()}
    touched = {
        path.read_bytes()
        for path in data.iterdir()
        if any(clip.startswith("c01") for clip in pq.read_table(path)["clip_id"].to_pylist())
    }
    assert shards > touched > set()
    forget(out, film="f1.mp4")
    assert shards - touched <= {path.read_bytes() for path in data.iterdir()}
    for split, table in before.items():
        rows = [row for row in table.to_pylist() if row["film"] != "f1.mp4"]
        assert read_split(out / "dataset", split).to_pylist() == rows
        assert read_split(out / "dataset", split).schema.equals(table.schema, check_metadata=True)


def test_the_manifest_and_the_proof_are_of_what_is_left(out: Path) -> None:
    before = read_manifest(out / "dataset")
    done = forget(out, film="f1.mp4")
    after = read_manifest(out / "dataset")
    assert after["counts"]["rows"] == before["counts"]["rows"] - 4
    assert after["counts"]["samples"] == before["counts"]["samples"] - done.samples
    assert sorted(after["films"]) == ["f0.mp4", "f2.mp4", "f3.mp4", "f4.mp4"]
    groups = [sum(manifest["leak_proof"]["groups"].values()) for manifest in (before, after)]
    assert groups == [5, 4]
    assert after["build_key"] is None  # so that the next build does not take it for its own
    described = json.loads((out / "dataset" / "croissant.json").read_bytes())["description"]
    assert described.startswith(f"Emotions in films: {after['counts']['clips']} clips from 4 films")


def test_a_dataset_that_an_earlier_version_proved_less_strictly_is_not_refused(
    out: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def leaks(dataset: Path, config: SplitConfig, rows: pd.DataFrame) -> None:
        raise WorkError("the split.leakage_check")

    before = read_manifest(out / "dataset")["leak_proof"]
    monkeypatch.setattr("flows.operations.forget.check_shards", leaks)
    forget(out, film="f1.mp4")
    after = read_manifest(out / "dataset")["leak_proof"]
    assert after == {
        name: value for name, value in before.items() if name not in ("clips", "groups", "columns")
    }


def test_a_forgotten_speaker_takes_clips_and_rows_with_them(out: Path) -> None:
    done = forget(out, speaker="s2")
    assert (done.rows, done.stored_clips, done.exports) == (4, 4, 4)
    assert verify_dataset(out / "dataset") == []
    assert "s2" not in pq.read_table(out / "dataset" / "ledger.parquet")["speaker"].to_pylist()
    assert "s2" not in set(read_samples(out / "dataset", ["speaker"])["speaker"])
    after = bytes_of(out)
    assert not [clip for clip in clips(2) if clip in after]
    kept = read_kept_split(out / "dataset")
    assert kept is not None
    assert set(kept.splits) == set(read_samples(out / "dataset", [])["clip_id"])


def test_a_forgotten_person_takes_the_clips_of_that_face_from_all_films(out: Path) -> None:
    with pytest.raises(InputError, match=r"build it with face\.persons = true"):
        forget(out, person=2)
    path = out / "dataset" / "ledger.parquet"
    ledger = pq.read_table(path)
    person_of = {clips(1)[0]: "2", clips(3)[1]: "2", clips(3)[2]: "12"}
    persons = [person_of.get(clip_id, "1") for clip_id in ledger["clip_id"].to_pylist()]
    write_ledger(path, ledger.append_column("person", pa.array(persons)))
    with pytest.raises(InputError, match="--person 7: this build has no such person"):
        forget(out, person=7)
    done = forget(out, person=2)
    assert (done.rows, done.stored_clips, done.exports) == (2, 2, 2)
    assert verify_dataset(out / "dataset") == []
    left = set(read_samples(out / "dataset", [])["clip_id"])
    assert left.isdisjoint([clips(1)[0], clips(3)[1]])
    assert {clips(1)[1], clips(3)[0], clips(3)[2]} <= left
    assert "2" not in pq.read_table(path)["person"].to_pylist()
    assert not [clip for clip in (clips(1)[0], clips(3)[1]) if clip in bytes_of(out)]


def test_a_clip_that_another_row_gives_to_the_speaker_goes_with_both_rows(out: Path) -> None:
    path = out / "dataset" / "ledger.parquet"
    ledger = pq.read_table(path)
    speakers = ledger["speaker"].to_pylist()
    speakers[0] = "anna"
    column = ledger.schema.get_field_index("speaker")
    write_ledger(path, ledger.set_column(column, "speaker", pa.array(speakers, pa.string())))
    done = forget(out, speaker="anna")
    assert (done.rows, done.stored_clips) == (1, 1)
    (left,) = (out / "clips").glob("f0-*/*.parquet")
    key = read_manifest(out / "dataset")["ingest_key"]
    assert pq.read_table(left)["clip_id"].to_pylist() == ["c0001", "c0002", "c0003"]
    assert left == reel_file(left.parent, key, ["c0001", "c0002", "c0003"])


@pytest.mark.parametrize(
    ("in_ledger", "given"),
    [("7", "7.0"), ("Zo\u00eb", "Zoe\u0308"), ("Anna Lee", " Anna  Lee"), ("7.0", "7.0")],
)
def test_a_speaker_is_forgotten_in_the_spelling_of_the_table(out: Path, in_ledger: str, given: str) -> None:
    path = out / "dataset" / "ledger.parquet"
    ledger = pq.read_table(path)
    speakers = [in_ledger if name == "s2" else name for name in ledger["speaker"].to_pylist()]
    column = ledger.schema.get_field_index("speaker")
    write_ledger(path, ledger.set_column(column, "speaker", pa.array(speakers, pa.string())))
    done = forget(out, speaker=given)
    assert (done.is_known, done.rows) == (True, speakers.count(in_ledger))
    assert in_ledger not in pq.read_table(path)["speaker"].to_pylist()


def test_stored_clips_that_no_row_names_go_with_a_speaker_but_not_with_a_film(out: Path) -> None:
    fake_clips(out / "more", films=6)
    folder = store_folder(out / "clips", "f5.mp4", digest(5))
    folder.mkdir()
    move_reel(out / "more", 5, folder / "0123abcd-0.parquet")
    shutil.rmtree(out / "more")
    assert forget(out, film="f1.mp4").stored_clips == 4
    assert forget(out, speaker="s2").stored_clips == 8


def test_the_copies_of_a_film_go_with_it_under_every_name(out: Path) -> None:
    path = out / "clips" / "films.json"
    films = json.loads(path.read_bytes())
    write_json(path, films | {"copy.mkv": films["f1.mp4"] | {"name": "copy.mkv"}})
    forget(out, film="copy.mkv")
    assert not [name for name in ("copy.mkv", "f1.mp4") if name in bytes_of(out)]


def test_other_rows_lose_only_the_words_that_name_it(out: Path) -> None:
    path = out / "dataset" / "ledger.parquet"
    ledger = pq.read_table(path)
    notes = ["as in f1.mp4", "not of1.mp4", *ledger["note"].to_pylist()[2:]]
    column = ledger.schema.get_field_index("note")
    write_ledger(path, ledger.set_column(column, "note", pa.array(notes, pa.string())))
    forget(out, film="f1.mp4")
    assert pq.read_table(path)["note"].to_pylist()[:3] == [None, "not of1.mp4", "kept as it is"]


def test_rows_at_fault_go_by_the_short_name_their_author_wrote(out: Path) -> None:
    path = out / "dataset" / "ledger.parquet"
    faulty = [
        {"row": 99, "film": film, "outcome": "dropped", "reason": "bad_time"} for film in ("f1", "f11", "f2")
    ]
    ledger = pq.read_table(path)
    write_ledger(path, pa.concat_tables([ledger, pa.Table.from_pylist(faulty, schema=ledger.schema)]))
    manifest = read_manifest(out / "dataset")
    counts = manifest["counts"] | {"rows": manifest["counts"]["rows"] + 3}
    write_json(out / "dataset" / "manifest.json", manifest | {"counts": counts})
    assert forget(out, film="f1.mp4").rows == 5
    assert pq.read_table(path)["film"].to_pylist()[-2:] == ["f11", "f2"]


def test_every_place_that_still_names_it_is_listed(out: Path) -> None:
    """Whatever the file is: nothing is changed in it, and all are named, not only the first ones."""
    places = [f"mine/{n}.csv" for n in range(7)] + [
        "notes.md",
        "worker.log",
        "model/predictions.csv",
        ".hidden",
    ]
    for name in places:
        (out / name).parent.mkdir(exist_ok=True)
        (out / name).write_text("clip_id,film\nc0101,f1.mp4\n")
    done = forget(out, film="f1.mp4")
    assert sorted(done.left) == sorted(f"{out / name}: its content" for name in places)
    assert all((out / name).read_text().endswith("c0101,f1.mp4\n") for name in places)
    again = forget(out, film="f1.mp4")  # the build knows it no more; its name is searched for
    assert (again.is_known, again.rows, sorted(again.left)) == (False, 0, sorted(done.left))
    shutil.rmtree(out / "mine")
    for name in places[7:]:
        (out / name).unlink()
    assert forget(out, film="f1.mp4").left == []


def test_exports_elsewhere_are_searched_if_they_are_named(out: Path, tmp_path: Path) -> None:
    elsewhere = tmp_path / "elsewhere"
    for to in ("webdataset", "tfrecord", "huggingface"):
        export_dataset(out / "dataset", to, elsewhere / to)
    done = forget(out, film="f1.mp4", also=[elsewhere])
    left = {line.split(": ")[0] for line in done.left}
    of_film = {shard.stem for shard in (elsewhere / "huggingface" / "data").iterdir() if holds_film_1(shard)}
    for to, suffix in (("webdataset", "tar"), ("tfrecord", "tfrecord"), ("huggingface/data", "parquet")):
        shards = {path for path in (elsewhere / to).glob("*.*") if path.suffix == f".{suffix}"}
        named = {path for path in shards if str(path) in left}
        assert {path.stem for path in named} == of_film and named < shards
    assert {path.name for path in elsewhere.glob("*/*.*") if str(path) in left} >= {
        "ledger.parquet",
        "manifest.json",
    }

    # What the build knows no more, the exports still know: clips alone are found, too.
    (tmp_path / "clips.txt").write_text("c0102\n")
    again = forget(out, film="f1.mp4", also=[elsewhere, tmp_path / "clips.txt"])
    assert set(done.left) < set(again.left)
    assert f"{tmp_path / 'clips.txt'}: its content" in again.left
    with pytest.raises(InputError, match="nowhere: not there; --also"):
        forget(out, film="f1.mp4", also=[tmp_path / "nowhere"])


def holds_film_1(shard: Path) -> bool:
    return "f1.mp4" in pq.read_table(shard, columns=["film"])["film"].to_pylist()


def test_an_earlier_dataset_behind_a_link_is_searched(out: Path, tmp_path: Path) -> None:
    """A build replaces the link and leaves the folder behind it."""
    earlier, older = tmp_path / "versions" / "2", tmp_path / "versions" / "1"
    shutil.copytree(out / "dataset", older)
    earlier.parent.mkdir(exist_ok=True)
    (out / "dataset").rename(earlier)
    (out / "dataset").symlink_to(earlier)
    said = forget(out, film="f1.mp4", dry_run=True)
    done = forget(out, film="f1.mp4")
    assert said == done
    assert not (out / "dataset").is_symlink() and not (out / ".dataset-old").is_symlink()
    assert verify_dataset(out / "dataset") == []
    assert {Path(line.split(": ")[0]).name for line in done.left} >= {"ledger.parquet", "manifest.json"}
    assert {Path(line.split(": ")[0]).relative_to(earlier.parent).parts[0] for line in done.left} == {
        "1",
        "2",
    }


def test_cached_copies_of_the_film_and_of_the_dataset_go(out: Path, tmp_path: Path) -> None:
    cache = tmp_path / "cache" / "emodal"
    gone = {name: cache / name for name in ("emodal-films/0a/f1.mp4", "emodal-names/s3/b/films/f1.mp4")}
    others = [
        cache / "emodal-films" / "0b" / "f2.mp4",
        cache / "emodal-names" / "s3" / "b" / "films" / "f2.mp4",
    ]
    for path in [*gone.values(), *others]:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"pictures")
    read = shutil.copytree(out / "dataset", cache / "emodal-reading" / "s3" / "b" / "out" / "dataset")
    forget(out, film="f1.mp4")
    assert [path for path in gone.values() if path.exists()] == []
    assert all(path.exists() for path in others)
    assert not [trace for trace in ("f1.mp4", digest(1), *clips(1)) if trace in bytes_of(read)]


def test_a_copy_of_the_film_under_another_name_is_found_by_its_content(out: Path) -> None:
    content = b"all of the film"
    path = out / "clips" / "films.json"
    films = json.loads(path.read_bytes())
    films["f1.mp4"] |= {"sha256": hashlib.sha256(content).hexdigest(), "size_bytes": len(content)}
    write_json(path, films)
    (out / "exports" / "whole.bin").write_bytes(content)
    (out / "exports" / "other.bin").write_bytes(content.upper())
    assert forget(out, film="f1.mp4").left == [f"{out / 'exports' / 'whole.bin'}: the film itself"]


def test_a_dry_run_says_what_would_go_and_changes_nothing(out: Path) -> None:
    (out / "notes.md").write_text("f1.mp4 is the best of them")
    before = contents(out)
    said = forget(out, film="f1.mp4", dry_run=True)
    assert contents(out) == before
    done = forget(out, film="f1.mp4")
    assert said == done
    assert done.left == [f"{out / 'notes.md'}: its content"]


def test_a_file_that_cannot_be_searched_is_named(out: Path) -> None:
    (out / "exports" / "broken.parquet").write_bytes(b"PAR1 and no footer")
    (line,) = forget(out, film="f1.mp4").left
    assert line.startswith(f"{out / 'exports' / 'broken.parquet'}: cannot be searched: ")


def test_the_last_film_takes_the_dataset_with_it(out: Path) -> None:
    for n in range(5):
        assert (out / "dataset").exists()
        forget(out, film=f"f{n}.mp4")
    assert sorted(path.name for path in out.iterdir()) == [".lock", "clips", "exports", "model"]


def test_the_model_goes_only_when_asked(out: Path) -> None:
    forget(out, film="f1.mp4")
    assert (out / "model").is_dir()
    forget(out, film="f2.mp4", with_model=True)
    assert not (out / "model").exists()


def test_a_name_that_the_build_does_not_know_is_searched_for_and_changes_nothing(out: Path) -> None:
    before = bytes_of(out / "dataset")
    for name in ({"film": "f9.mp4"}, {"speaker": "stranger"}):
        done = forget(out, **name)
        assert (done.is_known, done.rows, done.samples, done.stored_clips, done.exports) == (
            False,
            0,
            0,
            0,
            0,
        )
        assert done.left == []
    with pytest.raises(InputError, match="one of --film, --speaker and --person"):
        forget(out)
    with pytest.raises(InputError, match="no build here"):
        forget(out / "absent", film="f1.mp4")
    assert bytes_of(out / "dataset") == before


@pytest.mark.parametrize("step", ["remove_clips", "_write_without", "forget_kept_clips", "_put_in_place"])
def test_a_run_that_was_killed_anywhere_is_run_again(
    out: Path, step: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patch:
        patch.setattr(f"flows.operations.forget.{step}", lambda *arguments: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            forget(out, film="f1.mp4")
    assert forget(out, film="f1.mp4").rows == 4
    after = bytes_of(out)
    assert not [trace for trace in ("f1.mp4", digest(1), *clips(1)) if trace in after]
    assert verify_dataset(out / "dataset") == []


def test_on_a_full_disk_what_goes_makes_the_room(out: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Never is more on the disk than before; what was begun and cannot be finished takes no room."""

    def used_bytes() -> int:
        states = [path.stat() for path in out.rglob("*") if path.is_file()]
        return sum({state.st_ino: state.st_size for state in states}.values())

    room_bytes = used_bytes() + 4096
    sync_before = files.sync

    def sync(path: Path) -> None:
        if used_bytes() > room_bytes:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        sync_before(path)

    monkeypatch.setattr(files, "sync", sync)
    assert forget(out, film="f1.mp4").left == []
    assert verify_dataset(out / "dataset") == []
    before, room_bytes = hashes(out / "dataset"), 0
    with pytest.raises(WorkError, match="the disk is full"):
        forget(out, film="f2.mp4")
    assert not (out / ".dataset-new").exists()
    after = hashes(out / "dataset")
    assert after == {name: digest for name, digest in before.items() if not name.startswith("report/")}
    room_bytes = 2 * used_bytes()
    assert forget(out, film="f2.mp4").left == []
    assert verify_dataset(out / "dataset") == []
