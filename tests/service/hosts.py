"""Separate hosts on this machine: each has a network, a home and a disk of its own; only a cable joins them.

They are network and mount namespaces of Linux on a bridge. A host sees the installed software read-only.
"""

import contextlib
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

NETWORK = "10.77.0"

#: Run in a fresh pair of namespaces: everything is read-only but the host's own disk. Then it waits for its end.
_START = """
set -e
mount --make-rprivate /
mount -t tmpfs host "$0"
mkdir "$0/home" "$0/tmp"
mount -o remount,bind,ro /
ip link set lo up
echo ready
exec sleep infinity
"""


def are_allowed() -> bool:
    """Whether this user may make namespaces and join them by cables."""
    test = "ip link add v0 type veth peer name v1 && ip link add br0 type bridge && mount -t tmpfs t /tmp"
    try:
        return subprocess.run(["unshare", "-m", "-n", "sh", "-c", test], capture_output=True).returncode == 0
    except OSError:
        return False


class Host:
    """A host with the address 10.77.0.<number>. disk: the folder that is its own, at the same path on every host."""

    def __init__(self, number: int, disk: Path) -> None:
        self.address, self.disk = f"{NETWORK}.{number}", disk
        self._holder = subprocess.Popen(
            ["unshare", "-m", "-n", "bash", "-c", _START, str(disk)], stdout=subprocess.PIPE, text=True
        )
        assert self._holder.stdout and self._holder.stdout.readline() == "ready\n"
        self._processes: list[subprocess.Popen[str]] = []

    @property
    def pid(self) -> int:
        return self._holder.pid

    def command(self, *words: object, **variables: str) -> list[str]:
        """A command line that runs on the host, with nothing of this process's environment but what it needs."""
        kept = {name: os.environ[name] for name in ("PATH", "LANG") if name in os.environ}
        own = {"HOME": f"{self.disk}/home", "TMPDIR": f"{self.disk}/tmp", "PYTHONDONTWRITEBYTECODE": "1"}
        environment = {
            **kept,
            **own,
            "PYTHONPATH": os.pathsep.join(filter(os.path.exists, sys.path)),
            **variables,
        }
        inside = ["nsenter", "-t", str(self.pid), "-m", "-n", "env", "-i", "-C", str(self.disk)]
        return [*inside, *(f"{name}={value}" for name, value in environment.items()), *map(str, words)]

    def start(self, *words: object, log: Path, **variables: str) -> "subprocess.Popen[str]":
        """Start a command on the host in a session of its own. log: on this machine."""
        with log.open("a") as file:
            process = subprocess.Popen(
                self.command(*words, **variables), stdout=file, stderr=file, text=True, start_new_session=True
            )
        self._processes.append(process)
        return process

    def signal(self, number: int) -> None:
        """Send a signal to every process that was started on the host, and to their children."""
        for process in self._processes:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, number)

    def end(self) -> None:
        """End the host and all that runs on it, at once and without a word to anybody."""
        self.signal(signal.SIGKILL)
        self._holder.kill()
        for process in (*self._processes, self._holder):
            process.wait(timeout=30)


class Hosts:
    """Hosts on one bridge."""

    def __init__(self, disk: Path) -> None:
        self._disk = disk
        self._hosts: list[Host] = []
        self._switch = Host(254, disk)
        self._on_switch("ip", "link", "add", "br0", "type", "bridge")
        self._on_switch("ip", "link", "set", "br0", "up")

    def add(self) -> Host:
        """One more host, plugged in."""
        number = len(self._hosts) + 1
        host = Host(number, self._disk)
        self._hosts.append(host)
        peer = ("type", "veth", "peer", "name", "eth0", "netns", str(host.pid))
        self._on_switch("ip", "link", "add", f"port{number}", *peer)
        self._on_switch("ip", "link", "set", f"port{number}", "master", "br0", "up")
        for words in (("addr", "add", f"{host.address}/24", "dev", "eth0"), ("link", "set", "eth0", "up")):
            subprocess.run(host.command("ip", *words), check=True)
        return host

    def lose(self, host: Host) -> None:
        """Pull the cable of a host, then its plug: the others hear nothing of it any more."""
        self._on_switch("ip", "link", "set", f"port{self._hosts.index(host) + 1}", "down")
        host.end()

    def end(self) -> None:
        for host in (*self._hosts, self._switch):
            host.end()

    def _on_switch(self, *words: str) -> None:
        subprocess.run(self._switch.command(*words), check=True)


@contextlib.contextmanager
def hosts(disk: Path) -> Iterator[Hosts]:
    """Hosts for as long as the block runs. disk: an empty folder; each host sees a disk of its own there."""
    made = Hosts(disk)
    try:
        yield made
    finally:
        made.end()
