"""Measures the cost of orchestration: a build of 10,000 clips whose reels do nothing, on a real Prefect server.

python benchmarks/orchestration.py [--clips 10000] [--films 50] [--clip-cpu-s 0.25] [--out docs/benchmarks]
It gives CPU time of the flow's process and of the server, rows in the database, and memory; and their share of a build
whose clips take --clip-cpu-s each.
"""

import argparse
import os
import resource
import sqlite3
import tempfile
import time
from concurrent.futures import as_completed
from pathlib import Path
from typing import Any

os.environ |= {
    "PREFECT_HOME": tempfile.mkdtemp(),
    "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
    "DO_NOT_TRACK": "1",
}
os.environ |= {"PREFECT_LOGGING_TO_API_ENABLED": "true", "PREFECT_LOGGING_LEVEL": "INFO"}

from prefect import flow
from prefect.server.api.server import SubprocessASGIServer
from prefect.settings import PREFECT_API_URL, temporary_settings
from sheet import finish, machine

from emodal_data.clips.plan import Clip, Reel
from flows.config.models import Config
from flows.engine.submit import engine
from flows.engine.tasks import prefect_threads
from flows.progress.observer import observer
from flows.progress.prefect_run import observed_in_prefect

TABLES = (
    "task_run",
    "task_run_state",
    "flow_run",
    "flow_run_state",
    "log",
    "artifact",
    "events",
    "event_resources",
)


def read_nothing(config: Config, reel: Reel) -> None:
    """Read a reel without doing anything."""


@flow(name="no-op build", persist_result=False)
def build_nothing(config: Config, films: int, clips: int) -> None:
    """The part of build-dataset whose cost grows with the clips."""
    reels = make_reels(films, clips, config.clips.reel_size)
    with observed_in_prefect(config.out), engine(config, prefect_threads) as submit:
        observer().stage("reading clips", clips, "clips")
        observer().films({f"film{n}.mkv": clips // films for n in range(films)})
        futures = {submit(read_nothing, reel): reel for reel in reels}
        for future in as_completed(futures):
            reel = futures[future]
            future.result()
            observer().advance(len(reel.clips), film=reel.film)


def make_reels(films: int, clips: int, reel_size: int) -> list[Reel]:
    """Reels as emodal_data.clips.plan.plan_build makes them."""
    reels = []
    for film in (f"film{n}.mkv" for n in range(films)):
        spans = [Clip(f"{film}-{n:020d}"[-20:], 3.0 * n, 3.0 * n + 2) for n in range(clips // films)]
        for start in range(0, len(spans), reel_size):
            reels.append(
                Reel(film, Path("/films") / film, tuple(spans[start : start + reel_size]), Path("/store/x"))
            )
    return reels


def rows(database: Path) -> dict[str, int]:
    """Rows of each table that grows."""
    with sqlite3.connect(database) as connection:
        return {table: connection.execute(f"SELECT count(*) FROM {table}").fetchone()[0] for table in TABLES}


def measure(films: int, clips: int) -> dict[str, Any]:
    """Measure one build whose reels do nothing."""
    config = Config(films=Path("/films"), annotations=Path("/a.csv"), out=Path("/out"))
    database = Path(os.environ["PREFECT_HOME"]) / "prefect.db"
    server = SubprocessASGIServer()
    server.start()
    with temporary_settings({PREFECT_API_URL: server.api_url}):
        before, before_bytes, start_s, start_wall_s = (
            rows(database),
            database.stat().st_size,
            time.process_time(),
            time.time(),
        )
        build_nothing(config, films, clips)
        flow_s, wall_s = time.process_time() - start_s, time.time() - start_wall_s
        time.sleep(10)  # the server writes task runs and events a little later
        after = rows(database)
    server.stop()
    server_s = sum(resource.getrusage(resource.RUSAGE_CHILDREN)[:2])
    return {
        "reels": len(make_reels(films, clips, config.clips.reel_size)),
        "flow_s": flow_s,
        "server_s": server_s,
        "wall_s": wall_s,
        "rows": {table: after[table] - before[table] for table in TABLES},
        "database_mb": (database.stat().st_size - before_bytes) / 1e6,
        "flow_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--clips", type=int, default=10_000)
    parser.add_argument("--films", type=int, default=50)
    parser.add_argument("--clip-cpu-s", type=float, default=0.25)
    parser.add_argument("--out", type=Path)
    asked = parser.parse_args()
    seen = measure(asked.films, asked.clips)
    reels, overhead_s = seen["reels"], seen["flow_s"] + seen["server_s"]
    work_s = asked.clips * asked.clip_cpu_s
    body = [
        f"{machine('prefect')}; `python benchmarks/orchestration.py`. The machine was shared: CPU time, not wall time.",
        "",
        f"{asked.clips} clips of {asked.films} films, {reels} reels that do nothing.",
        "",
        "| what | all | a reel |",
        "|---|---|---|",
        f"| CPU of the flow, s | {seen['flow_s']:.1f} | {seen['flow_s'] / reels:.3f} |",
        f"| CPU of the server with its start, s | {seen['server_s']:.1f} | {seen['server_s'] / reels:.3f} |",
        *(f"| rows in {table} | {count} | {count / reels:.1f} |" for table, count in seen["rows"].items()),
        f"| database, MB | {seen['database_mb']:.1f} | {seen['database_mb'] / reels:.3f} |",
        f"| memory of the flow's process, MB | {seen['flow_mb']:.0f} | |",
        f"| wall time, s | {seen['wall_s']:.0f} | {seen['wall_s'] / reels:.2f} |",
        "",
        f"Reading {asked.clips} clips at {asked.clip_cpu_s} CPU-seconds each takes {work_s:.0f} s: orchestration is "
        f"{overhead_s / (overhead_s + work_s):.1%} of the build.",
    ]
    finish("orchestration", "Orchestration: what a reel costs", "\n".join(body), asked.out)


if __name__ == "__main__":
    main()
