"""Hostile files: each has its expected outcome, none crashes or hangs the process, none leads to another file."""

import ctypes
import json
import os
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from emodal_data.core.config import ClipsConfig
from emodal_data.core.errors import Dropped
from emodal_data.core.reasons import Reason
from emodal_data.media import open_film
from tests.media.films import Recipe, make_film
from tests.media.hostile import ANY, CORPUS, DASH, HLS, good, mutated, playlist

REPOSITORY = Path(__file__).parents[2]
IN_OPEN, IN_NONBLOCK = 0x20, 0o4000


def examined(paths: list[Path], root: Path, limit_s: float) -> list[dict[str, object]]:
    """What examine.py says of each film; an empty answer for the one that ended it, and all after."""
    ran = subprocess.run(
        [sys.executable, str(Path(__file__).with_name("examine.py")), str(root)],
        input="".join(os.fsencode(path).hex() + "\n" for path in paths),
        capture_output=True,
        text=True,
        timeout=limit_s,
        env=os.environ | {"PYTHONPATH": str(REPOSITORY)},
        check=False,
    )
    answers = [json.loads(line) for line in ran.stdout.splitlines()]
    if len(answers) < len(paths):
        pytest.fail(f"{paths[len(answers)]} ended the process ({ran.returncode}): {ran.stderr[-500:]}")
    return answers


@pytest.fixture(scope="module")
def outcomes(tmp_path_factory: pytest.TempPathFactory) -> dict[str, dict[str, object]]:
    folder = tmp_path_factory.mktemp("hostile") / "films"
    folder.mkdir()
    paths = [hostile.make(folder) for hostile in CORPUS.values()]
    return dict(zip(CORPUS, examined(paths, folder, 120), strict=True))


@pytest.mark.parametrize("name", CORPUS)
def test_a_hostile_file_ends_as_it_must(name: str, outcomes: dict[str, dict[str, object]]) -> None:
    assert outcomes[name]["frame"] in CORPUS[name].frame
    assert outcomes[name]["sound"] in CORPUS[name].sound


def test_no_hostile_file_takes_long(outcomes: dict[str, dict[str, object]]) -> None:
    assert not {name: found for name, found in outcomes.items() if float(str(found["cpu_s"])) > 8}


@pytest.mark.fuzz
def test_mutated_films_end_with_a_reason(tmp_path: Path) -> None:
    sources = [
        good(tmp_path, suffix, front=suffix == ".mp4") for suffix in (".mp4", ".mkv", ".ts", ".avi", ".mpg")
    ]
    folder = tmp_path / "films"
    folder.mkdir()
    paths = [folder / f"{number}.bin" for number in range(int(os.environ.get("EMODAL_FUZZ_FILES", "60")))]
    for number, path in enumerate(paths):
        path.write_bytes(mutated(sources, number))
    answers = examined(paths, folder, 30 + 2 * len(paths))
    assert {str(found[kind]) for found in answers for kind in ("frame", "sound")} <= ANY


@pytest.mark.parametrize("text", [HLS, DASH, "ffconcat version 1.0\nfile '{film}'\n"])
def test_a_playlist_opens_nothing_it_names(text: str, tmp_path: Path) -> None:
    path = playlist("list.mp4", text)(tmp_path)
    named = tmp_path / "good-False.ts"
    libc = ctypes.CDLL(None)
    watch = libc.inotify_init1(IN_NONBLOCK)
    libc.inotify_add_watch(watch, os.fsencode(named), IN_OPEN)
    try:
        with pytest.raises(Dropped):
            open_film(path, root=tmp_path)
        with pytest.raises(BlockingIOError):
            os.read(watch, 4096)
        named.read_bytes()
        assert os.read(watch, 4096)  # the watch sees an opening when there is one
    finally:
        os.close(watch)


def test_a_playlist_reaches_no_network(tmp_path: Path) -> None:
    with socket.socket() as server:
        server.bind(("127.0.0.1", 0))
        server.listen()
        server.settimeout(0.2)
        address = f"http://127.0.0.1:{server.getsockname()[1]}/x.ts"
        (tmp_path / "net.mp4").write_text(HLS.format(film=address))
        with pytest.raises(Dropped):
            open_film("net.mp4", root=tmp_path)
        with pytest.raises(TimeoutError):
            server.accept()


def test_a_torn_film_gives_what_it_has(tmp_path: Path) -> None:
    whole = good(tmp_path, front=True)
    torn = tmp_path / "torn.mp4"
    torn.write_bytes(whole[: len(whole) // 2])
    with open_film(torn) as film:
        assert film.frame_at(1.0).corrupt_frames == 0
        with pytest.raises(Dropped) as picture:
            film.frame_at(3.5)
        with pytest.raises(Dropped) as sound:
            film.audio(3.0, 3.9)
    assert (picture.value.reason, sound.value.reason) == (Reason.FRAME_UNREADABLE, Reason.AUDIO_UNREADABLE)


@pytest.mark.parametrize(
    ("limits", "reason"),
    [
        ({"max_duration_s": 3.0}, Reason.FILM_TOO_LARGE),
        ({"max_pixels": 192 * 96 - 1}, Reason.FILM_TOO_LARGE),
        ({"max_streams": 1}, Reason.FILM_TOO_LARGE),
    ],
)
def test_a_film_above_a_limit_is_refused(limits: dict[str, float], reason: Reason, tmp_path: Path) -> None:
    path = make_film(tmp_path, Recipe())
    with pytest.raises(Dropped) as dropped:
        open_film(path, config=ClipsConfig(**limits))
    assert dropped.value.reason == reason


def test_a_clip_reads_no_more_packets_than_allowed(tmp_path: Path) -> None:
    path = make_film(tmp_path, Recipe(gop=100))
    with open_film(path, config=ClipsConfig(max_packets=20)) as film:
        assert film.frame_at(0.1).pts_s == pytest.approx(0.08)
        with pytest.raises(Dropped) as dropped:
            film.frame_at(3.0)
    assert dropped.value.reason == Reason.FILM_TOO_LARGE


def test_a_clip_takes_no_longer_than_allowed(tmp_path: Path) -> None:
    path = make_film(tmp_path, Recipe())
    with pytest.raises(Dropped) as dropped:
        open_film(path, config=ClipsConfig(timeout_s=1e-6))
    assert dropped.value.reason == Reason.DECODER_TIMED_OUT
