"""Measures a command with all its processes: CPU time, wall time, and the memory of its largest ones."""

import os
import subprocess
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

import psutil

#: Longest time in seconds between two samples of a command's processes; short commands are sampled more often.
_LOOK_S = 0.2


@dataclass(frozen=True)
class Cost:
    """The cost of a command. parent_mb, child_mb: peak memory of its own process and of its largest other one."""

    cpu_s: float
    wall_s: float
    parent_mb: float
    child_mb: float

    @property
    def peak_mb(self) -> float:
        """Peak memory of its largest process."""
        return max(self.parent_mb, self.child_mb)


def measured(command: list[object]) -> Cost:
    """Run a command to its end. Raises CalledProcessError with its standard error if it fails."""
    begin_s = time.perf_counter()
    peak_mb: dict[int, float] = {}
    own_cpu_s: dict[int, float] = {}
    with tempfile.TemporaryFile("w+") as said:
        process = subprocess.Popen(list(map(str, command)), stdout=subprocess.DEVNULL, stderr=said)
        while True:
            for one in _family(process.pid):
                _look_at(one, peak_mb, own_cpu_s)
            pid, status, usage = os.wait4(process.pid, os.WNOHANG)
            if pid:
                break
            time.sleep(min(_LOOK_S, (time.perf_counter() - begin_s) / 20))
        process.returncode = os.waitstatus_to_exitcode(status)
        if process.returncode:
            said.seek(0)
            raise subprocess.CalledProcessError(process.returncode, command, stderr=said.read())
    # The system counts children that a process waited for; a worker killed with its own worker is counted only here.
    cpu_s = max(usage.ru_utime + usage.ru_stime, sum(own_cpu_s.values()))
    parent_mb = peak_mb.pop(process.pid, 0.0)
    return Cost(cpu_s, time.perf_counter() - begin_s, parent_mb, max(peak_mb.values(), default=0.0))


def _family(pid: int) -> list[psutil.Process]:
    try:
        parent = psutil.Process(pid)
        return [parent, *parent.children(recursive=True)]
    except psutil.NoSuchProcess:
        return []


def _look_at(process: psutil.Process, peak_mb: dict[int, float], own_cpu_s: dict[int, float]) -> None:
    """The peak of each process (VmHWM), which the system forgets when the process ends."""
    try:
        status = Path(f"/proc/{process.pid}/status").read_text()
        times = process.cpu_times()
    except (OSError, psutil.Error):
        return
    line = next((line for line in status.splitlines() if line.startswith("VmHWM:")), None)
    if line:  # one that has ended has none
        peak_mb[process.pid] = int(line.split()[1]) * 1024 / 1e6
        own_cpu_s[process.pid] = times.user + times.system
