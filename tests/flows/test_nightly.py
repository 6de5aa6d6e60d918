"""Builds on a schedule: what is not read again, what waits, what is announced, and films that fail."""

import json
import os
import shutil
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pandas as pd
import psutil
import pyarrow.parquet as pq
import pytest
from prefect import flow
from prefect.client.orchestration import get_client
from prefect.client.schemas.objects import StateType

from emodal_data.clips.store import read_measures
from emodal_data.core.config import ClipsConfig, SplitConfig
from emodal_data.core.errors import InputError, TransientError, WorkError
from emodal_data.dataset.folder import read_manifest
from emodal_data.dataset.integrity import remember_times
from flows.build_dataset import build_dataset
from flows.config.models import Config, EngineConfig
from flows.engine.failures import FailedFilms
from flows.engine.submit import engine
from flows.engine.tasks import prefect_threads
from flows.operations.build import make_plan, read_reels
from flows.operations.plan import read_inputs
from flows.progress.dataset_event import announced_file
from tests.flows.test_submit import CONFIG, meet
from tests.folder_hashes import hashes

pytestmark = pytest.mark.usefixtures("prefect_server")

HOUR_S = 3600


@pytest.fixture(scope="module")
def samples(sample_films: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Four films that came long ago, with two labelled spans each."""
    folder = tmp_path_factory.mktemp("nightly")
    shutil.copytree(sample_films / "films", folder / "films")
    rows = pd.read_csv(sample_films / "annotations.csv", dtype=str, keep_default_na=False)
    truth = pd.read_csv(sample_films / "truth.csv", dtype={"start": str, "end": str})
    good = rows.merge(truth[truth["has_face"] & truth["has_voice"]][["film", "start", "end"]])
    chosen = good[good["label"] != ""].groupby("film").head(2)
    chosen[rows.columns].to_csv(folder / "annotations.csv", index=False)
    for film in films_of(folder):
        arrived(film, ago_s=HOUR_S)
    return folder


@pytest.fixture(scope="module")
def first_night(samples: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("first") / "out"
    build_dataset(config(samples, out))
    return out


@pytest.fixture
def night(first_night: Path, samples: Path, tmp_path: Path) -> Path:
    """A folder with films, annotations and the build of the night before."""
    for name, path in (("films", samples / "films"), ("out", first_night)):
        shutil.copytree(path, tmp_path / name)
    shutil.copy(samples / "annotations.csv", tmp_path)
    # A copied build is hashed once, as its files are new here; the night before has done that.
    dataset = tmp_path / "out" / "dataset"
    remember_times(dataset, read_manifest(dataset))
    return tmp_path


@pytest.fixture
def as_deployment(monkeypatch: pytest.MonkeyPatch) -> None:
    """Runs believe to be those of a deployment."""
    with get_client(sync_client=True) as client:
        flow_id = client.create_flow_from_name(build_dataset.name)
        deployment_id = client.create_deployment(flow_id=flow_id, name="nightly")
    monkeypatch.setenv("PREFECT__RUNTIME__DEPLOYMENT__ID", str(deployment_id))


def test_a_run_whose_deployment_is_gone_does_not_guess_where_it_may_write(
    night: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PREFECT__RUNTIME__DEPLOYMENT__ID", "00000000-0000-0000-0000-000000000001")
    with pytest.raises(InputError, match="the deployment of this run is gone"):
        build_dataset(config(night, night / "out"))


def config(folder: Path, out: Path, **engine: object) -> Config:
    return Config(
        films=folder / "films",
        annotations=folder / "annotations.csv",
        out=out,
        workers=1,
        train=False,
        clips=ClipsConfig(reel_size=1),
        split=SplitConfig(allow_imbalance=True, tolerance=1.0),
        engine=EngineConfig(**({"retry_delay_s": 0.1} | engine)),
    )


def films_of(folder: Path) -> list[Path]:
    return sorted(path for path in (folder / "films").iterdir() if path.is_file())


def arrived(film: Path, ago_s: float) -> None:
    os.utime(film, (time.time() - ago_s, time.time() - ago_s))


def ledger(out: Path) -> pd.DataFrame:
    return pq.read_table(out / "dataset" / "ledger.parquet").to_pandas()


def state_of(folder: Path) -> dict[Path, int]:
    return {
        path: path.stat().st_mtime_ns for path in folder.rglob("*") if path.is_file() and path.name != ".lock"
    }


def test_a_night_without_news_reads_nothing_and_says_so(night: Path) -> None:
    before = state_of(night)
    state = build_dataset(config(night, night / "out", settle_s=120), return_state=True)
    assert state.name == "Completed"
    assert state.message is not None
    assert state.message.splitlines()[0] == (
        "8 of 8 rows kept; nothing changed: no film was read, the dataset stays as it is"
    )
    assert state_of(night) == before


def test_a_film_being_copied_waits_and_is_taken_when_it_settled(night: Path, samples: Path) -> None:
    film = films_of(night)[0]
    whole = film.read_bytes()
    film.write_bytes(whole[: len(whole) // 2])
    result = build_dataset(config(night, night / "out", settle_s=120))
    waits = ledger(night / "out").query("film == @film.name")
    assert waits["reason"].tolist() == ["film_still_growing"] * 2
    assert waits["detail"].iloc[0].startswith("the file changed moments ago")
    assert (result["clips_read"], result["warnings"]) == (0, [])

    film.write_bytes(whole)
    arrived(film, ago_s=121)
    result = build_dataset(config(night, night / "out", settle_s=120))
    assert result["counts"]["kept"] == 8
    assert result["clips_read"] == 0, "its clips are in the store since the first night"


def test_a_clock_far_ahead_keeps_no_film_waiting(night: Path) -> None:
    arrived(films_of(night)[0], ago_s=-HOUR_S)
    assert build_dataset(config(night, night / "out", settle_s=120))["counts"]["kept"] == 8


def test_a_new_film_is_picked_up_and_only_it_is_read(night: Path) -> None:
    new = night / "films" / "zz.mkv"
    shutil.copy(films_of(night)[0], new)
    new.write_bytes(new.read_bytes() + b"\0" * 16)  # another film, as far as its content says
    arrived(new, ago_s=HOUR_S)
    table = pd.read_csv(night / "annotations.csv", dtype=str, keep_default_na=False)
    table.loc[len(table)] = table.iloc[0].to_dict() | {"film": "zz.mkv"}
    table.to_csv(night / "annotations.csv", index=False)
    result = build_dataset(config(night, night / "out", settle_s=120))
    assert (result["clips_read"], result["published"]) == (1, True)


def events_named(prefix: str) -> list[dict[str, object]]:
    wanted = {
        "filter": {"event": {"prefix": [prefix]}, "occurred": {"since": "2020-01-01T00:00:00Z"}},
        "limit": 50,
    }
    with get_client(sync_client=True) as client:
        events: list[dict[str, object]] = client.request("POST", "/events/filter", json=wanted).json()[
            "events"
        ]
        return events


def ready_events(dataset: Path) -> list[dict[str, object]]:
    found = events_named("emodal.dataset.")
    return [event for event in found if event["payload"]["dataset"] == str(dataset)]  # type: ignore[index]


def wait_for_events(dataset: Path, count: int) -> list[dict[str, object]]:
    deadline_s = time.monotonic() + 20
    while len(events := ready_events(dataset)) < count and time.monotonic() < deadline_s:
        time.sleep(0.2)
    return events


@pytest.mark.usefixtures("as_deployment")
def test_a_dataset_is_announced_once_for_each_content(night: Path) -> None:
    out = night / "out"
    wanted = config(night, out).model_copy(update={"train": True})
    first = build_dataset(wanted)
    assert first["announced"], "nobody was told of the dataset of the first night"
    assert "metrics" not in first, "training is a run of its own"
    assert not build_dataset(wanted)["announced"]
    other_seed = wanted.model_copy(update={"augment": wanted.augment.model_copy(update={"seed": 5})})
    assert build_dataset(other_seed)["announced"]
    announced_file(out).unlink()  # as a run leaves it that was killed before it could tell
    assert build_dataset(other_seed)["announced"]
    events = wait_for_events(out / "dataset", 3)
    assert len(events) == 3
    assert {event["resource"]["emodal.train"] for event in events} == {"true"}  # type: ignore[index]
    assert len({event["payload"]["dataset_hash"] for event in events}) == 2  # type: ignore[index]


def test_a_build_by_hand_announces_nothing(night: Path) -> None:
    assert "announced" not in build_dataset(config(night, night / "out"))
    assert not announced_file(night / "out").exists()
    assert ready_events(night / "out" / "dataset") == []


@pytest.fixture
def unwritable(samples: Path, first_night: Path, tmp_path: Path) -> Iterator[tuple[Path, str]]:
    """A build folder in which the clips of one film cannot be stored, and that film."""
    folder = next(path for path in sorted((first_night / "clips").iterdir()) if path.is_dir())
    shutil.copytree(first_night / "clips", tmp_path / "out" / "clips")
    shutil.rmtree(tmp_path / "out" / "clips" / folder.name)
    (tmp_path / "out" / "clips" / folder.name).write_text("in the way")
    yield tmp_path / "out", folder.name.rsplit("-", 1)[0]


def test_a_film_that_fails_does_not_stop_the_others(samples: Path, unwritable: tuple[Path, str]) -> None:
    out, film = unwritable
    state = build_dataset(config(samples, out, max_failed_fraction=0.25), return_state=True)
    assert (state.type, state.name) == (StateType.COMPLETED, "Completed with warnings")
    assert state.message is not None
    assert state.message.startswith(film)
    assert "the next run tries again" in state.message.splitlines()[0]
    rows = ledger(out)
    assert rows.loc[rows["film"].str.startswith(film), "reason"].tolist() == ["read_failed"] * 2
    assert rows.loc[~rows["film"].str.startswith(film), "outcome"].tolist() == ["kept"] * 6
    (
        out / "clips" / next(path.name for path in (out / "clips").iterdir() if path.name.startswith(film))
    ).unlink()
    assert build_dataset(config(samples, out))["counts"]["kept"] == 8


def test_above_the_budget_the_build_fails_and_the_dataset_stays(
    samples: Path, unwritable: tuple[Path, str]
) -> None:
    out, _ = unwritable
    with pytest.raises(
        InputError, match=r"1 of 4 films failed, more than engine.max_failed_fraction = 0.1 allows"
    ):
        build_dataset(config(samples, out))
    assert not (out / "dataset").exists()


@flow
def read_while_a_film_is_away(
    wanted: Config, film: Path, back_after_s: float | None
) -> tuple[int, list[str]]:
    hidden = film.with_name("away")
    with engine(wanted, prefect_threads) as submit:
        plan, failed = make_plan(read_inputs(wanted), wanted, submit)
        film.rename(hidden)
        if back_after_s is not None:
            threading.Timer(back_after_s, hidden.rename, (film,)).start()
        return read_reels(plan, failed, wanted, submit), failed.lines()


def test_a_film_that_comes_back_is_read_by_a_retry(samples: Path, night: Path) -> None:
    film = films_of(night)[0]
    one_try = config(night, night / "other", retries=6, retry_delay_s=0.5)
    read, failed = read_while_a_film_is_away(one_try, film, back_after_s=1.0)
    assert (read, failed) == (8, [])


def test_a_film_that_stays_away_fails_and_is_not_written_down_as_missing(night: Path) -> None:
    film = films_of(night)[0]
    read, failed = read_while_a_film_is_away(
        config(night, night / "other", retries=1, max_failed_fraction=0.5), film, back_after_s=None
    )
    assert read == 6
    assert [line.split(":")[0] for line in failed] == [f"{film.name} failed, the next run tries again"]
    (night / "films" / "away").rename(film)
    assert build_dataset(config(night, night / "other"))["clips_read"] == 2


def test_the_budget_counts_films_not_clips() -> None:
    failed = FailedFilms(films=10, max_fraction=0.1)
    for _ in range(5):
        failed.add("a.mp4", TransientError("the drive is gone"))
    assert failed.lines() == ["a.mp4 failed, the next run tries again: the drive is gone"]
    with pytest.raises(WorkError, match="2 of 10 films failed"):
        failed.add("b.mp4", TransientError("the drive is gone"))


def test_a_clip_that_was_not_read_this_time_has_its_reason_and_its_film_did_not_fail() -> None:
    failed = FailedFilms(films=1, max_fraction=0.0)
    failed.add_unread(
        [{"clip_id": "a", "reason": "decoder_timed_out", "measured": None, "detail": "too long"}]
    )
    measures = failed.mark(read_measures({}), pd.Index(["a", "b"]))
    assert measures.loc["a", ["reason", "detail"]].tolist() == ["decoder_timed_out", "too long"]
    assert failed.lines() == []


def clip_readers(build: psutil.Process) -> list[psutil.Process]:
    """The Dask workers of a build: its children that keep a worker process of their own."""
    spawned = [child for child in build.children() if "spawn_main" in " ".join(child.cmdline())]
    return [
        child for child in spawned if any("spawn_main" in " ".join(own.cmdline()) for own in child.children())
    ]


def test_a_dask_worker_killed_in_a_reel_costs_that_reels_time_and_the_shards_are_those_of_processes(
    samples: Path, first_night: Path, tmp_path: Path
) -> None:
    pytest.importorskip("distributed", reason="the extra dask is not installed")
    out = tmp_path / "out"
    command = [
        sys.executable,
        "-m",
        "flows",
        "build",
        "--films",
        samples / "films",
        "--out",
        out,
        "--workers",
        "2",
    ]
    command += ["--annotations", samples / "annotations.csv", "--no-train", "--json"]
    settings = ["engine.kind=dask", "clips.reel_size=1", "split.allow_imbalance=true", "split.tolerance=1.0"]
    command += [part for setting in settings for part in ("--set", setting)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as build:
        deadline_s = time.monotonic() + 150
        while not (stored := list(out.glob("clips/*/*.parquet"))) and time.monotonic() < deadline_s:
            assert build.poll() is None, build.communicate()
            time.sleep(0.02)
        before = {path: path.stat().st_mtime_ns for path in stored}
        victim = clip_readers(psutil.Process(build.pid))[0]
        victim.kill()
        told, complaints = build.communicate(timeout=150)
    assert build.returncode == 0, complaints
    result = json.loads(told)
    assert (result["counts"]["kept"], result["warnings"]) == (8, [])
    again = [path for path, was_ns in before.items() if path.stat().st_mtime_ns != was_ns]
    assert len(again) <= 1, "more was read again than the reel that the killed worker had just written"
    assert hashes(out / "dataset" / "data") == hashes(first_night / "dataset" / "data")


def test_the_next_piece_of_work_of_a_flow_is_ready_while_the_workers_work() -> None:
    both = threading.Barrier(2, timeout=60)

    @flow
    def one_after_the_other() -> list[int]:
        with engine(CONFIG, prefect_threads) as submit:
            return sorted(future.result() for future in [submit(meet, both), submit(meet, both)])

    assert one_after_the_other() == [0, 1]
