"""The work of `emodal review`: find what is reviewed, open its file of decisions, and serve the page."""

import secrets
import socket
from collections.abc import Callable
from pathlib import Path

import uvicorn

from emodal_data.core.errors import InputError
from emodal_data.dataset.folder import read_manifest
from emodal_data.dataset.read import open_dataset
from emodal_data.storage.film_cache import name_films
from emodal_data.storage.urls import local_path, url_of
from flows.config.models import Config
from flows.operations.plan import read_inputs
from flows.operations.propose import ANNOTATIONS
from flows.review.app import make_app
from flows.review.clips import Reviewed, clips_of_dataset, clips_of_rows
from flows.review.cuts import Cuts, new_folder
from flows.review.decisions import Decisions
from flows.review.session import Session

OVERRIDES, LABELS = "overrides.csv", "labels.csv"
_HOST = "127.0.0.1"
#: Films that are decoded at the same time; more would only make the clip that is waited for later.
_WORKERS = 2


def is_table(place: Path) -> bool:
    """Whether spans are reviewed, and not a dataset: an annotation file, or a folder of `emodal propose`."""
    path = local_path(place)
    if url_of(path) is not None or (path / "dataset").is_dir():
        return False
    return path.is_file() or (path / ANNOTATIONS).is_file()


def table_of(place: Path) -> Path:
    """The annotation file of the spans that are reviewed."""
    return place / ANNOTATIONS if place.is_dir() else place


def files_of(place: Path, to: Path | None) -> tuple[Path, Path | None]:
    """The file that decisions are appended to, and the annotation table that is made of them, for candidates."""
    if is_table(place):
        table = to or table_of(place).with_name(LABELS)
        return table.with_suffix(".decisions.csv"), table
    here = local_path(place)
    folder = Path() if url_of(here) is not None else here.parent if here.name == "dataset" else here
    return to or folder / OVERRIDES, None


def review(
    place: Path,
    config: Config,
    reviewer: str,
    to: Path | None,
    port: int,
    started: Callable[[str, Path], None],
) -> None:
    """Serve the review until the process is stopped.

    place: folder or URL of a build, or annotation file of candidates. reviewer: the author of the decisions.
    to: where they go; None: beside place. port: 0 takes a free one. started: called with the address and the file
    that a build reads. Raises InputError for what cannot be reviewed, or a port that is taken.
    """
    author = " ".join(reviewer.split())
    if not author or not author.isprintable() or len(author) > 60:
        raise InputError(f"--reviewer {reviewer!r}: write a name of at most 60 characters")
    reviewed = _reviewed(place, config)
    file, table = files_of(place, to)
    clips = {clip.clip_id: clip for clip in reviewed.clips}
    decisions = Decisions(file, reviewed.labels, clips, table)
    session = Session(reviewed, decisions, author)
    with socket.socket() as listener:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            listener.bind((_HOST, port))
            listener.listen()  # who reads the address may connect at once
        except OSError as error:
            raise InputError(f"--port {port}: {error.strerror}; choose another") from error
        cuts = Cuts(new_folder(), config.films.resolve(), config.storage.films_gb, reviewed.opening, _WORKERS)
        token = secrets.token_urlsafe(24)
        server = uvicorn.Server(
            uvicorn.Config(
                make_app(session, cuts, token),
                log_level="error",
                access_log=False,  # an address has the token
                server_header=False,
                ws="none",
            )
        )
        started(f"http://{_HOST}:{listener.getsockname()[1]}/{token}/", table or file)
        try:
            server.run(sockets=[listener])
        finally:
            cuts.close()


def _reviewed(place: Path, config: Config) -> Reviewed:
    if is_table(place):
        inputs = read_inputs(config)
        return clips_of_rows(inputs.rows, config.annotations, config.labels, config.clips)
    name_films(config.films)
    if not config.films.is_dir():
        raise InputError(f"{config.films}: no such folder of films")
    dataset = open_dataset(place)
    if not read_manifest(dataset):
        raise InputError(
            f"{place}: nothing to review; give a build, a folder of emodal propose, or an annotation file"
        )
    return clips_of_dataset(dataset)
