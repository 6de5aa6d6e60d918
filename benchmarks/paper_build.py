"""Runs `emodal build` on films that do not exist: everything but decoding is real, so a large build takes minutes.

python benchmarks/paper_build.py FOLDER --clips 10000 [--films 530]
Writes FOLDER/spans.csv and empty files for films, and runs the command on them. Workers invent what they would have
read: a few faces and sounds under many names, each with its own hash, so that no two clips are near-duplicates.
"""

import argparse
import functools
import hashlib
import sys
from pathlib import Path
from typing import Any

from growth import write_table

from emodal_data.clips import films as sources
from emodal_data.clips import ingest
from emodal_data.clips.films import FilmFacts, FilmFile
from emodal_data.clips.plan import Reel
from emodal_data.clips.span_reading import ReadSettings
from emodal_data.clips.store import write_reel
from emodal_data.core.config import ClipsConfig
from emodal_data.core.worker_pool import WorkerPool

#: Number of different faces and sounds, and samples of a sound: features of half a second are cheap.
DIFFERENT, SOUND_SAMPLES = 16, 8000


@functools.cache
def contents() -> list[dict[str, Any]]:
    """Measures and stored data of a few clear faces and sounds. Imports are inside: the build's process is measured."""
    import numpy as np
    from publish import CLEAR, face_and_sound

    from emodal_data.media.encoders import encode_png, preview_frame, preview_sound

    made = []
    for seed in range(DIFFERENT):
        face, sound = face_and_sound(seed)
        sound = sound[:SOUND_SAMPLES]
        preview = {
            "preview_frame": preview_frame(np.dstack([face] * 3)),
            "preview_sound": preview_sound(sound),
        }
        made.append(CLEAR | preview | {"image": encode_png(face), "audio": sound.tobytes()})
    return made


def make_up_reel(reel: Reel) -> None:
    rows = []
    for n, clip in enumerate(reel.clips):
        span = {"clip_id": clip.clip_id, "film": reel.film, "start_s": clip.start_s, "end_s": clip.end_s}
        face_hash = hashlib.sha256(clip.clip_id.encode()).digest()
        rows.append(span | contents()[n % DIFFERENT] | {"face_hash": face_hash})
    write_reel(reel.file, rows)


def make_up_clips(reel: Reel, settings: ReadSettings, pool: WorkerPool) -> None:
    """Replaces emodal_data.clips.ingest.read_reel_isolated."""
    pool.run(60, make_up_reel, reel)


def make_up_film(film: FilmFile, root: Path, config: ClipsConfig, pool: WorkerPool) -> FilmFacts:
    """Replaces emodal_data.clips.films.inspect_guarded."""
    digest = hashlib.sha256(film.name.encode()).hexdigest()
    return FilmFacts(film.name, film.size_bytes, film.mtime_ns, digest, 7200.0)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--clips", type=int, default=10_000)
    parser.add_argument("--films", type=int, default=530)
    args, settings = parser.parse_known_args()
    films, table = args.folder / "films", args.folder / "spans.csv"
    if not table.exists():
        films.mkdir(parents=True)
        count = min(args.films, args.clips)
        write_table(table, args.clips, count)
        for n in range(count):
            (films / f"show{n:04}.mp4").touch()

    ingest.read_reel_isolated = make_up_clips
    sources.inspect_guarded = make_up_film
    from flows.cli import main as emodal  # after that: it takes the functions as they are now

    asked = [f"--films={films}", f"--annotations={table}", f"--out={args.folder / 'build'}", "--no-train"]
    asked += ["--set", "augment.per_clip=0", "--set", "split.allow_imbalance=true"]
    sys.argv = ["emodal", "build", *asked, *settings]
    emodal()


if __name__ == "__main__":
    main()
