"""kill -9 at any moment of a build, and again while it goes on: the end has the bytes of an undisturbed build.

Every second build adds a film to a dataset that stands there, and ends with the same bytes, too.

EMODAL_KILLS=50 makes it fifty kills; the suite makes a few. EMODAL_KILLS_SEED chooses other moments.
"""

import os
import random
import shutil
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest

from tests.flows.commands import emodal
from tests.folder_hashes import hashes

pytestmark = pytest.mark.timeout(3600)

KILLS = int(os.environ.get("EMODAL_KILLS", "3"))
SEED = int(os.environ.get("EMODAL_KILLS_SEED", "0"))


def arguments(samples: Path, out: Path, annotations: Path | None = None) -> list[str]:
    command = ["build", "--no-train", "--films", str(samples / "films")]
    command += ["--annotations", str(annotations or samples / "annotations.csv"), "--out", str(out)]
    # Sides that were kept would be those of the dataset before.
    settings = ("split.allow_imbalance=true", "split.keep_sides=false", "clips.reel_size=2", "shards.rows=8")
    return [*command, *(word for setting in settings for word in ("--set", setting))]


def start(samples: Path, out: Path) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        [sys.executable, "-m", "flows", *arguments(samples, out)],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )


def cpu_s(build: subprocess.Popen[bytes]) -> float:
    """What a build and its workers have computed: a moment of its work, however busy the machine is."""
    total = 0.0
    for process in [psutil.Process(build.pid), *psutil.Process(build.pid).children(recursive=True)]:
        try:
            total += sum(process.cpu_times()[:2])
        except psutil.NoSuchProcess:
            continue
    return total


def kill_after(build: subprocess.Popen[bytes], moment_s: float) -> bool:
    """Kill a build once it has computed so long. Returns whether it was still at work."""
    while build.poll() is None:
        if cpu_s(build) >= moment_s:
            workers = psutil.Process(build.pid).children(recursive=True)
            build.kill()
            build.wait()
            assert psutil.wait_procs(workers, timeout=60)[1] == [], "processes were left behind"
            return True
        time.sleep(0.01)
    assert build.returncode == 0
    return False


def test_builds_killed_at_random_moments_end_with_the_same_bytes(few_films: Path, tmp_path: Path) -> None:
    undisturbed = start(few_films, tmp_path / "undisturbed")
    whole_s = 0.0
    while undisturbed.poll() is None:
        whole_s = max(whole_s, cpu_s(undisturbed))
        time.sleep(0.05)
    assert undisturbed.returncode == 0
    expected = hashes(tmp_path / "undisturbed" / "dataset")
    assert len(expected) > 7

    rows = (few_films / "annotations.csv").read_text().splitlines(keepends=True)
    film = rows[-1].split(",")[0]
    (tmp_path / "fewer.csv").write_text("".join(row for row in rows if not row.startswith(f"{film},")))
    shutil.copytree(
        tmp_path / "undisturbed" / "clips",
        tmp_path / "before" / "clips",
        ignore=lambda _, names: [name for name in names if name.startswith(film)],
    )
    fewer = emodal(*arguments(few_films, tmp_path / "before", tmp_path / "fewer.csv"))
    assert fewer.returncode == 0, fewer.stderr
    assert not any((tmp_path / "before" / "clips").glob(f"{film}*"))
    assert hashes(tmp_path / "before" / "dataset") != expected

    draw, kills, builds, stages = random.Random(SEED), 0, 0, dict.fromkeys(("reading", "writing", "other"), 0)
    while kills < KILLS:
        out, ended = tmp_path / f"killed{builds}", False
        if builds % 2 == 0:
            shutil.copytree(tmp_path / "before", out)
        builds += 1
        first = kills
        while not ended and kills < min(KILLS, first + 2):
            if kill_after(start(few_films, out), draw.uniform(0, whole_s)):
                kills += 1
                at_shards, at_reels = (out / ".dataset-new").exists(), any(out.glob("clips/*/*.parquet"))
                stages["writing" if at_shards else "reading" if at_reels else "other"] += 1
            else:
                ended = True
        last = emodal(*arguments(few_films, out))
        assert last.returncode == 0, last.stderr
        assert hashes(out / "dataset") == expected
        assert not [path for path in out.rglob("*") if path.name.endswith((".tmp", "-new", "-old"))]
        shutil.rmtree(out)
    print(f"{kills} kills of {builds} builds, undisturbed {whole_s:.1f} CPU-s; found at work: {stages}")
