"""A build on several hosts without a shared disk: one is lost, one is slow, one is late, and the bucket fails at times.

The films and the build are in the bucket of a real S3 server. What is published is what one machine makes.
"""

import re
import signal
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from emodal_data.core.config import ClipsConfig, SplitConfig
from flows.config.models import Config
from flows.operations.build import build_and_train
from tests.folder_hashes import hashes
from tests.s3 import SECRET
from tests.service.hosts import Host, Hosts, are_allowed, hosts

pytest.importorskip("distributed", reason="the extra dask is not installed")
pytest.importorskip("s3fs", reason="s3fs comes with the extra s3")
pytest.importorskip("moto", reason="moto comes with the extra dev")
pytestmark = pytest.mark.skipif(
    not are_allowed(), reason="no namespaces of Linux here (root and ip are needed): hosts cannot be made"
)

BUCKET = "films-and-faces"
#: One request in so many is answered by an error, as S3 does when it is busy.
BUSY_EVERY = 50

#: The store files of reels.
REELS = r"out/clips/.*\.parquet"

#: moto's server, which prints every request to the bucket.
SERVER = f"""
import itertools, sys
from moto.server import DomainDispatcherApplication, create_backend_app
from werkzeug.serving import run_simple
serve, counted = DomainDispatcherApplication(create_backend_app), itertools.count(1)
def busy_at_times(environ, start):
    place = environ["PATH_INFO"]
    if place.startswith("/{BUCKET}/"):
        busy = next(counted) % {BUSY_EVERY} == 0
        print(503 if busy else 200, environ["REMOTE_ADDR"], environ["REQUEST_METHOD"], place, flush=True)
        if busy:
            start("503 Slow Down", [("Content-Type", "application/xml")])
            return [b"<Error><Code>SlowDown</Code><Message>Please reduce your request rate.</Message></Error>"]
    return serve(environ, start)
run_simple("0.0.0.0", 9000, busy_at_times, threaded=True)
"""

#: Makes the bucket and copies a folder of this machine into it.
PUT = f"import fsspec, sys; s3 = fsspec.filesystem('s3'); s3.mkdir('{BUCKET}'); s3.put(*sys.argv[1:], recursive=True)"
#: Copies a folder of the bucket to the host's own disk, and prints what is there.
GET = """
import fsspec, pathlib, sys, tests.folder_hashes
fsspec.filesystem("s3").get(*sys.argv[1:], recursive=True)
print(tests.folder_hashes.hashes(pathlib.Path(sys.argv[2])))
"""


class Site:
    """A host for the bucket, one for the scheduler and one for the flow; hosts of workers come and go."""

    def __init__(self, hosts: Hosts, logs: Path) -> None:
        self._hosts, self._logs = hosts, logs
        self.bucket, self.scheduler, self.flow = hosts.add(), hosts.add(), hosts.add()
        self._cloud = {
            "AWS_ENDPOINT_URL": f"http://{self.bucket.address}:9000",
            "AWS_ACCESS_KEY_ID": "AKIATEST",
            "AWS_SECRET_ACCESS_KEY": SECRET,
            "AWS_DEFAULT_REGION": "us-east-1",
            "AWS_EC2_METADATA_DISABLED": "true",
        }
        self.bucket.start(sys.executable, "-c", SERVER, log=logs / "bucket")
        wait_until("the bucket answers", lambda: "Running on" in self.log("bucket"))
        quiet = {
            "DASK_DISTRIBUTED__COMM__TIMEOUTS__TCP": "12s"
        }  # 30 s unless set: how soon a lost host is missed
        words = ("dask", "scheduler", "--host", self.scheduler.address, "--port", "8786", "--no-dashboard")
        self.scheduler.start(sys.executable, "-m", *words, log=logs / "scheduler", **quiet)
        wait_until("the scheduler runs", lambda: "Scheduler at" in self.log("scheduler"))

    def log(self, name: str) -> str:
        return (self._logs / name).read_text()

    def add_worker(self) -> Host:
        """A host with one worker."""
        host = self._hosts.add()
        words = (
            "dask",
            "worker",
            f"tcp://{self.scheduler.address}:8786",
            "--nthreads",
            "1",
            "--no-dashboard",
        )
        own = {"DASK_DISTRIBUTED__WORKER__DAEMON": "False", **self._cloud}
        host.start(sys.executable, "-m", *words, "--host", host.address, log=self._logs / host.address, **own)
        return host

    def run(self, *words: object) -> str:
        """Run a command on the flow's host to its end."""
        command = self.flow.command(*words, **self._cloud)
        done = subprocess.run(command, capture_output=True, text=True, timeout=300)
        assert done.returncode == 0, done.stderr
        return done.stdout

    def build(self, *options: str) -> "subprocess.Popen[str]":
        """Start a build of the bucket's films on the cluster."""
        url = f"s3://{BUCKET}"
        places = ("--films", f"{url}/films", "--annotations", f"{url}/annotations.csv", "--out", f"{url}/out")
        engine = ("--set", "engine.kind=dask", "--set", f"engine.dask_address={self.scheduler.address}:8786")
        words = ("-m", "flows", "build", *places, "--no-train", *engine, *options)
        return self.flow.start(sys.executable, *words, log=self._logs / "build", **self._cloud)

    def lose(self, host: Host) -> None:
        self._hosts.lose(host)

    def answered(self, method: str, place: str) -> list[tuple[str, str]]:
        """The requests so far that were answered: who asked, and for what. place: a pattern."""
        asked = re.compile(rf"^200 (\S+) {method} /{BUCKET}/({place})$", re.MULTILINE)
        return asked.findall(self.log("bucket"))


def wait_until(what: str, done: Callable[[], object], timeout_s: float = 120) -> None:
    deadline_s = time.monotonic() + timeout_s
    while not done():
        assert time.monotonic() < deadline_s, f"{what}: not within {timeout_s:.0f} s"
        time.sleep(0.1)


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Site]:
    (tmp_path / "disk").mkdir()
    (tmp_path / "logs").mkdir()
    with hosts(tmp_path / "disk") as made:
        yield Site(made, tmp_path / "logs")


def slow_down(host: Host, until: threading.Event) -> None:
    """Let a host work for a fifth of the time."""
    while not until.wait(0.1):
        host.signal(signal.SIGSTOP)
        until.wait(0.4)
        host.signal(signal.SIGCONT)


def test_hosts_that_fail_make_what_one_machine_makes(site: Site, few_films: Path, tmp_path: Path) -> None:
    alone = Config(
        films=few_films / "films",
        annotations=few_films / "annotations.csv",
        out=tmp_path / "alone",
        split=SplitConfig(allow_imbalance=True),
        clips=ClipsConfig(reel_size=1),
        train=False,
    )
    clips = build_and_train(alone)["clips_read"]
    site.run(sys.executable, "-c", PUT, f"{few_films}/", f"s3://{BUCKET}/")
    lost, slow = site.add_worker(), site.add_worker()
    build = site.build("--set", "split.allow_imbalance=true", "--set", "clips.reel_size=1")

    def stored() -> int:
        assert build.poll() is None, site.log("build")
        return len(site.answered("PUT", REELS))

    is_done = threading.Event()
    slowed = threading.Thread(target=slow_down, args=(slow, is_done), daemon=True)
    wait_until("a reel is stored", lambda: stored() >= 1)
    slowed.start()
    wait_until("three reels are stored", lambda: stored() >= 3)
    site.lose(lost)
    late = site.add_worker()
    assert build.wait(timeout=300) == 0, site.log("build")
    is_done.set()
    slowed.join()

    made = site.run(sys.executable, "-c", GET, f"s3://{BUCKET}/out/dataset/", f"{site.flow.disk}/made/")
    assert made == f"{hashes(alone.out / 'dataset')}\n"

    assert re.search(rf"Remove worker.*{lost.address}", site.log("scheduler"))
    assert "503 " in site.log("bucket")
    reels = site.answered("PUT", REELS)
    assert late.address in {who for who, _ in reels}
    # What the lost host had begun is read again, and nothing else. A host fetches a film once.
    assert clips <= len(reels) <= clips + 2
    assert max(Counter(site.answered("GET", "films/.*")).values()) == 1
