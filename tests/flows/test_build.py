"""The whole road on sample films: what is kept, what is dropped, and what is never done twice."""

import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pandas as pd
import psutil
import pyarrow.parquet as pq
import pytest

from emodal_data import read_split
from emodal_data.audio_features import clip_features
from emodal_data.core.config import SplitConfig
from emodal_data.core.errors import InputError, WorkError
from emodal_data.dataset.integrity import TRAINING_SCRIPT
from emodal_model.core.config import ModelConfig
from flows.cli.exits import clear_errors
from flows.config.models import Config, EngineConfig
from flows.operations.build import build_and_train
from flows.progress.summary import after_build, build_line, build_summary
from flows.progress.terminal import watched_on_terminal
from tests.flows.dask_cluster import dask_cluster
from tests.folder_hashes import hashes

#: Small enough for a test: the networks only have to run, not to be good.
TINY = ModelConfig(filters=(2, 2, 2), image_dense=4, epochs=2, members=1)


def config(samples: Path, out: Path, **changes: object) -> Config:
    settings = {"split": SplitConfig(allow_imbalance=True), "train": False, "workers": 2} | changes
    return Config(films=samples / "films", annotations=samples / "annotations.csv", out=out, **settings)


@pytest.fixture(scope="module")
def built(sample_films: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("build")
    result = build_and_train(config(sample_films, out, train=True, model=TINY))
    assert result["clips_read"] == result["counts"]["rows"]
    assert result["published"]
    return out


def test_workers_that_cannot_start_end_the_build_and_nothing_is_stored(
    few_films: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    broken = tmp_path / "broken"
    broken.mkdir()
    (broken / "cv2.py").write_text("raise ImportError('cv2 was built for another machine')")
    out = tmp_path / "out"
    with monkeypatch.context() as patch, pytest.raises(SystemExit) as ended, clear_errors():
        patch.syspath_prepend(broken)
        build_and_train(config(few_films, out))
    assert ended.value.code == 1
    (line,) = [line for line in capsys.readouterr().err.splitlines() if line.startswith("emodal: ")]
    assert "worker processes end before they can work: ImportError: cv2 was built for" in line
    assert [path.name for path in out.rglob("*") if path.is_file()] == [".lock"]
    Path(re.search(r"more in (\S+\.log)", line)[1]).unlink()  # type: ignore[index]
    assert build_and_train(config(few_films, out))["counts"]["dropped"].get("decoder_crashed") is None


def test_a_full_disk_leaves_no_half_written_dataset_and_the_next_run_reads_nothing_again(
    few_films: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    out = tmp_path / "out"

    def full(config: Config, folder: Path, manifest: object) -> None:
        assert any(folder.glob("data/*"))  # the shards were written
        raise WorkError(f"{folder}: the disk is full")

    with monkeypatch.context() as patch, pytest.raises(WorkError, match="the disk is full"):
        patch.setattr("flows.operations.build.describe", full)
        build_and_train(config(few_films, out))
    assert sorted(path.name for path in out.iterdir()) == [".lock", "clips"]
    again = build_and_train(config(few_films, out))
    assert (again["clips_read"], again["published"]) == (0, True)


def ledger(out: Path) -> pd.DataFrame:
    return pq.read_table(out / "dataset" / "ledger.parquet").to_pandas()


def test_kept_and_dropped_rows_add_up_for_every_film(built: Path, sample_films: Path) -> None:
    table = ledger(built)
    rows = pd.read_csv(sample_films / "annotations.csv")
    assert table["film"].value_counts().to_dict() == rows["film"].value_counts().to_dict()
    assert set(table["outcome"]) <= {"kept", "dropped"}
    assert (table["reason"].isna() == (table["outcome"] == "kept")).all()
    samples = sum(len(read_split(built / "dataset", split)) for split in ("test", "unlabelled"))
    train = read_split(built / "dataset", "train")
    originals = train["augmentation"].to_pylist().count("none")
    assert samples + originals == (table["outcome"] == "kept").sum()


def with_truth(built: Path, samples: Path) -> pd.DataFrame:
    truth = pd.read_csv(samples / "truth.csv").rename(columns={"start": "start_s", "end": "end_s"})
    return ledger(built).merge(truth, on=["film", "start_s", "end_s"], suffixes=("", "_true"), validate="1:1")


def test_clips_with_a_clear_face_are_kept_and_those_without_are_not(built: Path, sample_films: Path) -> None:
    seen = with_truth(built, sample_films)
    assert len(seen) == len(ledger(built))
    good = seen[seen["has_face"] & seen["has_voice"] & (seen["yaw_deg_true"].abs() < 40)]
    assert (good["reason"].isna() | (good["reason"] == "unlabelled_in_test_group")).mean() >= 0.95
    assert set(seen.loc[~seen["has_face"], "outcome"]) <= {"dropped"}


def test_the_frame_taken_is_the_one_on_screen_in_the_middle(built: Path, sample_films: Path) -> None:
    seen = with_truth(built, sample_films).dropna(subset="frame_s")
    assert len(seen) > 0
    assert (seen["frame_s"] - seen["middle_pts_s"]).abs().max() < 0.002  # Matroska counts milliseconds


def test_the_face_is_found_where_it_is_and_as_far_turned(built: Path, sample_films: Path) -> None:
    seen = with_truth(built, sample_films)
    seen = seen[seen["has_face"] & seen["x0"].notna()]
    middle = (seen["x0"] + seen["x1"]) / 2
    assert middle.between(seen["x0_true"], seen["x1_true"]).all()
    near = seen[seen["yaw_deg_true"].abs() < 40]
    assert (near["yaw_deg"] - near["yaw_deg_true"]).abs().median() < 6


def test_training_leaves_a_model_with_the_hash_of_its_dataset(built: Path) -> None:
    metrics = json.loads((built / "model" / "metrics.json").read_bytes())
    manifest = json.loads((built / "dataset" / "manifest.json").read_bytes())
    assert metrics["dataset"]["hash"] == manifest["dataset_hash"]
    assert (built / "model" / "emodal.keras").is_file()


def test_the_summary_ends_with_dataset_model_and_both_reports(built: Path, sample_films: Path) -> None:
    result = build_and_train(config(sample_films, built, train=True, model=TINY))
    *_, dataset, its_report, model, model_report = build_summary(built, result).splitlines()
    assert (dataset, model) == (f"dataset  {built / 'dataset'}", f"model    {built / 'model'}")
    for line, folder in ((its_report, "dataset"), (model_report, "model")):
        page = built / folder / "report" / "index.html"
        assert line == f"report   {page}" and page.is_file()
    assert after_build(built, result) == [f"next: emodal predict {built / 'model'} FILM"]
    emodal = result["metrics"]["networks"]["emodal"]
    line = build_line(built, result)
    assert line.endswith(f" samples; {built / 'model'}: accuracy of emodal {emodal['accuracy']:.1%}")


def test_a_second_run_reads_no_film_and_writes_nothing(
    built: Path, sample_films: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # The clips of each film by themselves give the same dataset as those of all.
    monkeypatch.setattr("flows.operations.build._CLIPS_AT_ONCE", 1)
    before = {
        path: path.stat().st_mtime_ns for path in built.rglob("*") if path.is_file() and path.name != ".lock"
    }
    result = build_and_train(config(sample_films, built, train=True, model=TINY))
    assert (result["clips_read"], result["published"]) == (0, False)
    assert {path: path.stat().st_mtime_ns for path in before} == before


def test_a_build_loads_no_decoder_and_what_workers_load_has_no_network_and_no_scipy(
    built: Path, sample_films: Path, few_films: Path, tmp_path: Path
) -> None:
    code = (
        "import sys\n"
        "from flows.operations.build import Config, build_and_train\n"
        "heavy = 'av cv2 scipy emodal_data.media emodal_data.face emodal_data.presentation'.split()\n"
        "for asked in sys.argv[1:]:\n"
        "    result = build_and_train(Config.model_validate_json(asked))\n"
        "    print(result['published'], [name for name in heavy if name in sys.modules])\n"
        "import emodal_data.clips.ingest, emodal_data.clips.extract, emodal_data.presentation.describe\n"
        "import emodal_data.dataset.shard_writing, emodal_data.dataset.augment.clip\n"
        "print([name for name in 'prefect tensorflow keras torch scipy'.split() if name in sys.modules])"
    )
    asked = [config(sample_films, built), config(few_films, tmp_path / "first")]
    arguments = [sys.executable, "-c", code, *(one.model_dump_json() for one in asked)]
    run = subprocess.run(arguments, capture_output=True, text=True, check=True)
    assert run.stdout.splitlines() == ["False []", "True []", "[]"]


def test_another_threshold_publishes_again_without_reading_a_film(
    built: Path, sample_films: Path, tmp_path: Path
) -> None:
    shutil.copytree(built, tmp_path / "out")
    strict = config(sample_films, tmp_path / "out").model_copy(
        update={
            "face": config(sample_films, tmp_path).face.model_copy(
                update={"min_width_px": 10_000.0, "gate": "score"}
            )
        }
    )
    result = build_and_train(strict)
    assert (result["clips_read"], result["published"]) == (0, True)


def test_decisions_of_a_review_are_applied_without_reading_a_film(
    built: Path, sample_films: Path, tmp_path: Path
) -> None:
    out = shutil.copytree(built, tmp_path / "out")
    before = ledger(out)
    dropped, relabelled = before.loc[before["split"] == "train", "clip_id"].iloc[:2]
    decisions = tmp_path / "overrides.csv"
    decisions.write_text(f"clip_id,decision,label\n{dropped},drop,\n{relabelled},relabel,sad\n")
    result = build_and_train(config(sample_films, out, overrides=decisions))
    assert (result["clips_read"], result["published"]) == (0, True)
    assert result["counts"]["dropped"]["dropped_by_review"] == 1
    train = read_split(out / "dataset", "train").to_pandas().set_index("clip_id")
    assert dropped not in train.index
    assert set(train.loc[[relabelled], "label"]) == {3}
    assert not build_and_train(config(sample_films, out, overrides=decisions))["published"]


def test_one_worker_and_another_reel_size_give_the_same_shards(
    built: Path, sample_films: Path, tmp_path: Path
) -> None:
    one = config(sample_films, tmp_path, workers=1)
    one = one.model_copy(update={"clips": one.clips.model_copy(update={"reel_size": 2})})
    build_and_train(one)
    assert hashes(tmp_path / "dataset" / "data") == hashes(built / "dataset" / "data")


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGINT])
def test_a_stopped_build_goes_on_and_ends_with_the_same_bytes(
    built: Path, sample_films: Path, tmp_path: Path, number: signal.Signals
) -> None:
    out = tmp_path / "out"
    command = [
        sys.executable,
        "-m",
        "flows",
        "build",
        "--films",
        sample_films / "films",
        "--out",
        out,
        "--no-train",
    ]
    command += ["--annotations", sample_films / "annotations.csv"]
    command += ["--set", "split.allow_imbalance=true", "--set", "clips.reel_size=1"]
    build = subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, start_new_session=True
    )
    deadline_s = time.monotonic() + 180
    while len(list(out.glob("clips/*/*.parquet"))) < 3 and time.monotonic() < deadline_s:
        assert build.poll() is None, "the build ended before it could be stopped"
        time.sleep(0.02)
    family = psutil.Process(build.pid).children(recursive=True)
    os.killpg(build.pid, number) if number == signal.SIGINT else build.send_signal(number)  # as Ctrl-C does
    _, told = build.communicate(timeout=30)
    if number == signal.SIGINT:
        assert build.returncode == 130
        assert (
            told.strip().splitlines()[-1]
            == "emodal: stopped; run the same command again, it resumes where it stopped"
        )
    assert psutil.wait_procs(family, timeout=30)[1] == [], "processes were left behind"
    result = build_and_train(config(sample_films, out))
    assert 0 < result["clips_read"] <= len(ledger(built)) - 3
    assert hashes(out / "dataset" / "data") == hashes(built / "dataset" / "data")
    assert not list(out.rglob("*.tmp"))


def test_broken_and_missing_films_cost_their_own_rows_only(sample_films: Path, tmp_path: Path) -> None:
    shutil.copytree(sample_films / "films", tmp_path / "films")
    table = pd.read_csv(sample_films / "annotations.csv", dtype=str, keep_default_na=False)
    names = sorted(table["film"].unique())
    broken, cut = tmp_path / "films" / names[0], tmp_path / "films" / names[1]
    broken.write_bytes(b"this is no film")
    cut.write_bytes(cut.read_bytes()[: cut.stat().st_size // 2])
    table.loc[len(table)] = dict.fromkeys(table.columns, "") | {
        "film": "gone.mp4",
        "start": "0",
        "end": "1",
        "label": "sad",
    }
    table.to_csv(tmp_path / "annotations.csv", index=False)
    result = build_and_train(config(tmp_path, tmp_path / "out"))
    rows = ledger(tmp_path / "out")
    assert len(rows) == len(table) == result["counts"]["rows"]
    assert set(rows.loc[rows["film"] == names[0], "reason"]) == {"film_unreadable"}
    assert rows.loc[rows["film"] == "gone.mp4", "reason"].tolist() == ["film_missing"]
    assert rows.loc[rows["film"].isin(names[2:]), "outcome"].eq("kept").sum() > 0


def test_a_split_that_cannot_be_stops_the_build_and_keeps_the_ledger(
    sample_films: Path, built: Path, tmp_path: Path
) -> None:
    table = pd.read_csv(sample_films / "annotations.csv", dtype=str, keep_default_na=False)
    one_film = table[table["film"] == table["film"].iloc[0]]
    one_film.to_csv(tmp_path / "one.csv", index=False)
    shutil.copytree(built / "clips", tmp_path / "out" / "clips")
    alone = config(sample_films, tmp_path / "out", split=SplitConfig())
    alone = alone.model_copy(update={"annotations": tmp_path / "one.csv"})
    with pytest.raises(InputError, match="the only film group") as error:
        build_and_train(alone)
    assert str(tmp_path / "out" / "failed-ledger.parquet") in str(error.value)
    assert len(pq.read_table(tmp_path / "out" / "failed-ledger.parquet")) == len(one_film)


def test_clips_are_written_as_mp4_once_when_asked_for(
    built: Path, sample_films: Path, tmp_path: Path
) -> None:
    shutil.copytree(built, tmp_path / "out")
    wanted = config(sample_films, tmp_path / "out")
    wanted = wanted.model_copy(update={"clips": wanted.clips.model_copy(update={"export": "copy"})})
    build_and_train(wanted)
    files = {path: path.stat().st_mtime_ns for path in (tmp_path / "out" / "exports").rglob("*.mp4")}
    assert {path.stem for path in files} == set(ledger(tmp_path / "out")["clip_id"])
    build_and_train(wanted)
    assert {path: path.stat().st_mtime_ns for path in (tmp_path / "out" / "exports").rglob("*.mp4")} == files


def test_a_dask_cluster_elsewhere_gives_the_same_bytes(
    built: Path, sample_films: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("distributed", reason="the extra dask is not installed")
    monkeypatch.chdir(tmp_path)
    with dask_cluster(tmp_path / "elsewhere", workers=1) as (address, _):
        engine = EngineConfig(kind="dask", dask_address=address)
        result = build_and_train(config(sample_films, Path("out"), engine=engine))
    assert result["clips_read"] == len(ledger(built))
    assert hashes(tmp_path / "out" / "dataset" / "data") == hashes(built / "dataset" / "data")
    assert not (tmp_path / "elsewhere" / "out").exists()


def test_the_features_of_sample_films_equal_the_packages(built: Path) -> None:
    worst = 0.0
    for path in sorted((built / "clips").glob("*/*.parquet")):
        for pcm in pq.read_table(path, columns=["audio"])["audio"].drop_null().to_pylist():
            sound = np.frombuffer(pcm, "<i2")
            reference = clip_features(sound, backend="pyaudioanalysis")
            worst = max(
                worst,
                float((np.abs(clip_features(sound) - reference) / np.maximum(1, np.abs(reference))).max()),
            )
    assert 0 < worst <= 1e-9


@pytest.mark.parametrize("column", ["image", "sharpness"])
def test_a_store_file_damaged_in_its_middle_is_told_and_read_again(
    built: Path, sample_films: Path, tmp_path: Path, column: str, capsys: pytest.CaptureFixture[str]
) -> None:
    shutil.copytree(built, tmp_path / "out")
    shutil.rmtree(tmp_path / "out" / "dataset")
    reel = sorted((tmp_path / "out" / "clips").glob("*/*.parquet"))[1]
    whole = bytearray(reel.read_bytes())
    chunk = pq.ParquetFile(reel).metadata.row_group(0).column(pq.read_schema(reel).names.index(column))
    whole[chunk.data_page_offset + chunk.total_compressed_size - 3] ^= 1  # one bit of one value
    reel.write_bytes(whole)
    with watched_on_terminal():
        result = build_and_train(config(sample_films, tmp_path / "out"))
    assert result["clips_read"] == len(pq.read_table(reel, columns=["clip_id"]))
    assert f"{reel}: damaged; its clips are read again" in capsys.readouterr().err.replace("\n", "")
    again, before = hashes(tmp_path / "out" / "dataset"), hashes(built / "dataset")
    del again[TRAINING_SCRIPT], before[TRAINING_SCRIPT]  # a training of another test has written it
    assert again == before
