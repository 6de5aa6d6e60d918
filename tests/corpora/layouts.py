"""Folders that look like the corpora: tiny real films and sound files under their names, and the command on them."""

import contextlib
import csv
import io
import json
import shutil
import tomllib
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest

from flows.cli import app
from flows.cli.exits import clear_errors

#: Sample tables in the corpora's own formats that a developer may have beside the checkout.
SHARED = Path(__file__).parents[2].parent / "shared" / "corpora"

#: Video codecs of the containers that the corpora use.
_CODECS = {".mp4": "mpeg4", ".avi": "mpeg4", ".flv": "flv1", ".mkv": "mpeg4"}


def put_media(folder: Path, *names: str, seconds: int = 2) -> Path:
    """Films of one gray picture a second, or silent sound, under these names below a folder, which is returned.

    No two have the same bytes, as no two clips of a corpus have.
    """
    for name in names:
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        _write(path, seconds, name)
    return folder


def _write(path: Path, seconds: int, comment: str) -> None:
    with av.open(str(path), "w") as container:
        container.metadata["comment"] = comment
        if path.suffix == ".wav":
            sound = container.add_stream("pcm_s16le", rate=8000, layout="mono")
            samples = av.AudioFrame.from_ndarray(np.zeros((1, 8000 * seconds), np.int16), "s16", "mono")
            samples.rate = 8000
            container.mux(sound.encode(samples))
            container.mux(sound.encode(None))
            return
        rate = 25 if path.suffix == ".flv" else 1
        stream = container.add_stream(_CODECS[path.suffix], rate=Fraction(rate))
        stream.width, stream.height, stream.pix_fmt = 32, 32, "yuv420p"
        frame = av.VideoFrame.from_ndarray(np.full((32, 32, 3), 127, np.uint8), "rgb24")
        for index in range(seconds * rate):
            frame.pts = index
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))


def put_text(folder: Path, name: str, text: str) -> None:
    (folder / name).parent.mkdir(parents=True, exist_ok=True)
    (folder / name).write_text(text, encoding="utf-8")


def shared_copy(corpus: str, to: Path) -> Path:
    """A copy of the sample files of a corpus, or a skip that says where they were looked for."""
    if not (SHARED / corpus).is_dir():
        pytest.skip(f"no sample tables at {SHARED}")
    shutil.copytree(SHARED / corpus, to)
    return to


def run(*arguments: object) -> None:
    """The command in this process. Raises SystemExit with its code if it fails."""
    with clear_errors():
        app([*map(str, arguments)], prog_name="emodal", standalone_mode=False)


class Table:
    """What `emodal corpus table` wrote: its rows as dicts, its settings, and what it reported."""

    def __init__(
        self, rows: list[dict[str, str]], settings: dict[str, dict[str, object]], reported: str, config: Path
    ) -> None:
        self.rows, self.settings, self.reported, self.config = rows, settings, reported, config

    def planned(self) -> dict[str, Any]:
        """What `emodal plan` says of it."""
        out = io.StringIO()
        with contextlib.redirect_stdout(out):
            run("plan", "--config", self.config, "--json")
        planned: dict[str, Any] = json.loads(out.getvalue())
        return planned

    def cells(self, *columns: str) -> list[tuple[str, ...]]:
        """The rows as tuples of some columns; a column that is not there is empty."""
        return [tuple(row.get(column, "") for column in columns) for row in self.rows]


class Corpus:
    """Runs `emodal corpus table` on a folder below a test's own."""

    def __init__(self, out: Path, capsys: pytest.CaptureFixture[str]) -> None:
        self._out, self._capsys = out, capsys

    def table(self, name: str, folder: Path, *options: str) -> Table:
        spans = self._out / "spans.csv"
        chosen = [part for option in options for part in ("--option", option)]
        run("corpus", "table", name, folder, "--out", spans, "--force", *chosen)
        with spans.open(newline="", encoding="utf-8") as file:
            rows = list(csv.DictReader(file))
        config = self._out / "emodal.toml"
        settings = tomllib.loads(config.read_text(encoding="utf-8"))
        return Table(rows, settings, self._capsys.readouterr().err, config)

    def refusal(self, name: str, folder: Path, *options: str) -> str:
        """What the command says when it refuses with code 2."""
        chosen = [part for option in options for part in ("--option", option)]
        before = self._content()
        with pytest.raises(SystemExit) as stopped:
            run("corpus", "table", name, folder, "--out", self._out / "spans.csv", "--force", *chosen)
        assert stopped.value.code == 2
        captured = self._capsys.readouterr()
        assert captured.out == ""
        assert self._content() == before
        return captured.err

    def _content(self) -> dict[str, bytes]:
        return {path.name: path.read_bytes() for path in self._out.glob("*")}
