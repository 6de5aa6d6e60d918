"""Measures what a Dask cluster costs the flow and the scheduler: reels that do nothing, with more and more workers.

python benchmarks/cluster.py [--workers 1 8 64 256] [--reels 4000] [--out docs/benchmarks]
The workers are real ones of Dask, many to a process, because they have nothing to do. The scheduler is a process of its
own. Each number of workers has a cluster of its own. All run on this machine, so that tasks a second are a lower bound.
"""

import argparse
import contextlib
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from concurrent.futures import as_completed
from pathlib import Path

import psutil
from orchestration import make_reels
from sheet import finish, machine, table

from emodal_data.clips.plan import Reel
from flows.config.models import Config, EngineConfig
from flows.engine.submit import engine

#: Workers of a process.
TOGETHER = 64

WORKERS = """
import asyncio, sys
from distributed import Worker
async def work():
    address, count = sys.argv[1], int(sys.argv[2])
    settings = dict(nthreads=1, dashboard=False, heartbeat_interval="1s")
    workers = await asyncio.gather(*(Worker(address, **settings) for _ in range(count)))
    await asyncio.gather(*(worker.finished() for worker in workers))
asyncio.run(work())
"""


def read_nothing(config: Config, reel: Reel) -> None:
    """Read a reel without doing anything."""


@contextlib.contextmanager
def cluster(count: int, folder: Path) -> Iterator[tuple[str, psutil.Process]]:
    """The address of a scheduler with so many workers that are ready, and the scheduler's process."""
    found = folder / "scheduler.json"
    words = ["--host", "127.0.0.1", "--port", "0", "--no-dashboard", "--scheduler-file", str(found)]
    with contextlib.ExitStack() as started, (folder / "log").open("w") as log:

        def start(*command: str) -> subprocess.Popen[bytes]:
            ours = os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)}
            process = subprocess.Popen([sys.executable, *command], cwd=folder, env=ours, stderr=log)
            started.callback(process.wait)
            started.callback(process.kill)
            return process

        scheduler = start("-m", "dask", "scheduler", *words)
        while not found.exists():
            time.sleep(0.05)
        address: str = json.loads(found.read_text())["address"]
        for first in range(0, count, TOGETHER):
            start("-c", WORKERS, address, str(min(TOGETHER, count - first)))
        from distributed import Client

        with Client(address) as client:
            client.wait_for_workers(count)
        yield address, psutil.Process(scheduler.pid)


def measure(count: int, reels: int) -> str:
    """The row of a number of workers."""
    with tempfile.TemporaryDirectory() as folder, cluster(count, Path(folder)) as (address, scheduler):
        config = Config(
            films=Path("/films"),
            annotations=Path("/a.csv"),
            out=Path("/out"),
            engine=EngineConfig(kind="dask", dask_address=address),
        )
        work = make_reels(50, reels * config.clips.reel_size, config.clips.reel_size)
        with engine(config) as submit:
            begin_s, begin_cpu_s, begin_scheduler_s = time.time(), time.process_time(), cpu_s(scheduler)
            for future in as_completed([submit(read_nothing, reel) for reel in work]):
                future.result()
            wall_s, flow_s = time.time() - begin_s, time.process_time() - begin_cpu_s
            scheduler_s = cpu_s(scheduler) - begin_scheduler_s
        memory_mb = scheduler.memory_info().rss / 1e6
    clips = len(work) * config.clips.reel_size
    costs = (1e3 * flow_s / len(work), 1e3 * scheduler_s / len(work), 1e3 * flow_s / clips)
    return f"| {count} | {len(work) / wall_s:.0f} | {' | '.join(f'{cost:.2f}' for cost in costs)} | {memory_mb:.0f} |"


def cpu_s(process: psutil.Process) -> float:
    times = process.cpu_times()
    return times.user + times.system


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--workers", type=int, nargs="+", default=[1, 8, 64, 256])
    parser.add_argument("--reels", type=int, default=4000)
    parser.add_argument("--out", type=Path)
    asked = parser.parse_args()
    rows = [measure(count, asked.reels) for count in asked.workers]
    columns = "workers|reels a second|flow, CPU-ms a reel|scheduler, CPU-ms a reel|flow, CPU-ms a clip|scheduler, MB"
    said = f"{machine('distributed')}; {asked.reels} reels of 32 clips that do nothing."
    finish("cluster", "A Dask cluster without work", f"{said}\n\n{table(columns, rows)}", asked.out)


if __name__ == "__main__":
    main()
