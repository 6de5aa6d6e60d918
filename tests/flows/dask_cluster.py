"""A Dask cluster as on other machines: commands of its own, in a folder of their own."""

import contextlib
import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path


@contextlib.contextmanager
def dask_cluster(folder: Path, workers: int = 2) -> Iterator[tuple[str, "subprocess.Popen[bytes]"]]:
    """The address of a scheduler with some workers, and the scheduler's process."""
    folder.mkdir()
    found = folder / "scheduler.json"
    common = ["--scheduler-file", str(found), "--no-dashboard"]
    ours = {"DASK_DISTRIBUTED__WORKER__DAEMON": "False", "PYTHONPATH": os.pathsep.join(sys.path)}
    parts = [
        ["scheduler", "--host", "127.0.0.1", "--port", "0"],
        ["worker", "--nthreads", "1", "--nworkers", str(workers)],
    ]
    with (folder / "log").open("w") as log, contextlib.ExitStack() as started:
        for part in parts:
            command = [sys.executable, "-m", "dask", *part, *common]
            process = subprocess.Popen(command, cwd=folder, env=os.environ | ours, stderr=log)
            started.callback(process.wait, timeout=30)
            started.callback(process.terminate)
            if part[0] == "scheduler":
                scheduler = process
        while not found.exists():
            assert scheduler.poll() is None, (folder / "log").read_text()
            time.sleep(0.05)
        yield json.loads(found.read_text())["address"], scheduler
