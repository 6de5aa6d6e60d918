"""Forgetting: no byte of a build names the film or the speaker any more, and the rest is as it was."""

import json
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
from emodal_data.storage.files import write_json
from flows.operations.forget import forget
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
def out(built: Path, tmp_path: Path) -> Path:
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


def test_a_name_that_stays_somewhere_is_told(out: Path) -> None:
    (out / "dataset" / "report").mkdir(exist_ok=True)
    (out / "notes.md").write_text("f1.mp4 is the best of them")
    with pytest.raises(WorkError, match=r"still named in notes\.md"):
        forget(out, film="f1.mp4")


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


def test_a_name_that_the_build_does_not_know_changes_nothing(out: Path) -> None:
    before = bytes_of(out / "dataset")
    for name in ({"film": "f9.mp4"}, {"speaker": "nobody"}):
        with pytest.raises(InputError, match="knows no"):
            forget(out, **name)
    with pytest.raises(InputError, match="one of --film and --speaker"):
        forget(out)
    with pytest.raises(InputError, match="no build here"):
        forget(out / "absent", film="f1.mp4")
    assert bytes_of(out / "dataset") == before


def test_a_killed_run_is_run_again(out: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as patch:
        patch.setattr("flows.operations.forget._put_in_place", lambda fresh, dataset: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            forget(out, film="f1.mp4")
    assert forget(out, film="f1.mp4").rows == 4
    assert "f1.mp4" not in bytes_of(out)
    assert verify_dataset(out / "dataset") == []
