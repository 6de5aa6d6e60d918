"""Folders that look like the corpora: tiny real films and sound files under their names, and the command on them."""

import csv
import functools
import shutil
import tempfile
import tomllib
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest

from flows.cli import app
from flows.cli.exits import clear_errors

#: Sample tables in the corpora's own formats that a developer may have beside the checkout.
SHARED = Path(__file__).parents[2].parent / "shared" / "corpora"

#: Video codecs of the containers that the corpora use.
_CODECS = {".mp4": "mpeg4", ".avi": "mpeg4", ".flv": "flv1", ".mkv": "mpeg4"}


@functools.cache
def _clip(suffix: str, seconds: int) -> Path:
    """A file of one gray picture a second, or of silence."""
    path = Path(tempfile.mkdtemp(prefix="emodal-corpora-")) / f"clip{suffix}"
    with av.open(str(path), "w") as container:
        if suffix == ".wav":
            stream = container.add_stream("pcm_s16le", rate=8000, layout="mono")
            frame = av.AudioFrame.from_ndarray(np.zeros((1, 8000 * seconds), np.int16), "s16", "mono")
            frame.rate = 8000
        else:
            stream = container.add_stream(_CODECS[suffix], rate=Fraction(25 if suffix == ".flv" else 1))
            stream.width, stream.height, stream.pix_fmt = 32, 32, "yuv420p"
            frame = av.VideoFrame.from_ndarray(np.full((32, 32, 3), 127, np.uint8), "rgb24")
        for index in range(1 if suffix == ".wav" else seconds * (25 if suffix == ".flv" else 1)):
            frame.pts = index
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    return path


def put_media(folder: Path, *names: str, seconds: int = 2) -> Path:
    """Files of the given names below a folder, which is returned."""
    for name in names:
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(_clip(path.suffix, seconds), path)
    return folder


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
        with pytest.raises(SystemExit) as stopped:
            run("corpus", "table", name, folder, "--out", self._out / "spans.csv", "--force", *chosen)
        assert stopped.value.code == 2
        captured = self._capsys.readouterr()
        assert captured.out == ""
        assert not (self._out / "spans.csv").exists()
        return captured.err
