"""Clips as mp4 files beside the dataset, for people to watch: one file for each clip, made once."""

from collections.abc import Set
from dataclasses import dataclass
from pathlib import Path

from emodal_data.clips.films import FilmFile, check_unchanged
from emodal_data.clips.plan import Clip, Plan
from emodal_data.clips.store import store_folder
from emodal_data.core.config import ClipsConfig
from emodal_data.core.errors import Dropped, TransientError
from emodal_data.storage.files import atomic_path


@dataclass(frozen=True)
class Export:
    """The clips of one film that have no mp4 yet, and the folder they go to. source: its file when it was hashed."""

    source: FilmFile
    clips: tuple[Clip, ...]
    folder: Path

    def timeout_s(self, config: ClipsConfig) -> float:
        """The time limit in seconds: for each clip that of its decoder, and a little to start it."""
        return (config.timeout_s + 5.0) * len(self.clips)


def plan_exports(plan: Plan, out: Path) -> list[Export]:
    """The exports still to be written below `out`: for each film, pieces of at most 16 clips."""
    exports = []
    for film, of_film in plan.clips.groupby("film", sort=True):
        folder = store_folder(out, str(film), plan.films[str(film)])
        spans = zip(of_film.index, of_film["start_s"], of_film["end_s"], strict=True)
        todo = [Clip(*span) for span in spans if not (folder / f"{span[0]}.mp4").exists()]
        pieces = [tuple(todo[start : start + 16]) for start in range(0, len(todo), 16)]
        exports += [Export(plan.files[str(film)], piece, folder) for piece in pieces]
    return exports


def write_exports(export: Export, films: Path, config: ClipsConfig) -> list[str]:
    """Write the mp4 of each clip. Returns a line for each that could not be written.

    None is written of a film that was exchanged since it was hashed: see clips.films.check_unchanged.
    """
    from emodal_data.media.mp4 import export_clip

    failed, film = [], export.source
    for clip in export.clips:
        to = export.folder / f"{clip.clip_id}.mp4"
        try:
            check_unchanged(film)
            with atomic_path(to) as temporary:
                export_clip(film.path, clip.start_s, clip.end_s, temporary, root=films, config=config)
                check_unchanged(film)
        except (Dropped, TransientError) as error:
            failed.append(f"{film.name} {clip.start_s:g}-{clip.end_s:g} s: no mp4: {error}")
    return failed


def remove_exports(exports: Path, kept: Set[str]) -> int:
    """Remove the mp4 files of all clips but those `kept`. Returns the number removed."""
    strays = [path for path in sorted(exports.glob("*/*/*.mp4")) if path.stem not in kept]
    for path in strays:
        path.unlink()
        if not any(path.parent.iterdir()):
            path.parent.rmdir()
    return len(strays)
