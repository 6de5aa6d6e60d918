"""Runs `emodal build` on films that do not exist: everything but decoding is real, so a large build takes minutes.

python benchmarks/paper_build.py FOLDER --clips 10000 [--films 530] [--hollow]
Writes FOLDER/spans.csv and empty files for films, and runs the command on them. Workers invent what they would have
read: a few faces and sounds under many names, each with its own hash, so that no two clips are near-duplicates.
--hollow: clips have measures, but no pictures and sounds, and workers neither write shards nor describe the dataset, so
that the build's own process can be measured with a million clips. Standard error has its memory after each step.
"""

import argparse
import functools
import hashlib
import sys
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from typing import Any

from growth import write_table

from emodal_data.clips import films as sources
from emodal_data.clips import isolated_reading
from emodal_data.clips.films import FilmFacts, FilmFile
from emodal_data.clips.plan import Reel
from emodal_data.clips.read_settings import ReadSettings
from emodal_data.clips.store import write_reel
from emodal_data.clips.tables import PAYLOAD
from emodal_data.core import worker_pool
from emodal_data.core.config import ClipsConfig, DatasetConfig
from emodal_data.core.worker_pool import WorkerPool, by_name
from emodal_data.dataset.seal import sealed
from emodal_data.dataset.shards import Shard, WrittenShard
from emodal_data.storage.files import file_sha256, write_json

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


def make_up_reel(reel: Reel, is_hollow: bool) -> None:
    rows = []
    for n, clip in enumerate(reel.clips):
        span = {"clip_id": clip.clip_id, "film": reel.film, "start_s": clip.start_s, "end_s": clip.end_s}
        face_hash = hashlib.sha256(clip.clip_id.encode()).digest()
        rows.append(span | contents()[n % DIFFERENT] | {"face_hash": face_hash})
        if is_hollow:
            rows[-1] |= _drawn_measures(face_hash)
    write_reel(reel.file, rows)


def _drawn_measures(face_hash: bytes) -> dict[str, Any]:
    """Measures that differ from clip to clip, as real ones do, and empty pictures and sounds."""
    share = int.from_bytes(face_hash[:2], "big") / 1e7
    measures = {name: value + share for name, value in contents()[0].items() if type(value) is float}
    return measures | dict.fromkeys(PAYLOAD)


def make_up_clips(is_hollow: bool, reel: Reel, settings: ReadSettings, pool: WorkerPool) -> list[Any]:
    """Replaces emodal_data.clips.isolated_reading.read_reel_isolated."""
    pool.run(60, make_up_reel, reel, is_hollow)
    return []


def make_up_film(film: FilmFile, root: Path, config: ClipsConfig, pool: WorkerPool) -> FilmFacts:
    """Replaces emodal_data.clips.films.inspect_guarded."""
    digest = hashlib.sha256(film.name.encode()).hexdigest()
    return FilmFacts(film.name, film.size_bytes, film.mtime_ns, digest, 7200.0)


def make_up_shard(shard: Shard, config: DatasetConfig) -> WrittenShard:
    """Replaces emodal_data.dataset.shard_writing.write_shard."""
    name = shard.path.name
    return WrittenShard(name, len(shard.samples), 0, hashlib.sha256(name.encode()).hexdigest())


def make_up_description(folder: Path, manifest: dict[str, Any], store: Path, before: Path) -> None:
    """Replaces emodal_data.presentation.describe.describe_dataset."""
    files = {"ledger.parquet": file_sha256(folder / "ledger.parquet")}
    write_json(folder / "manifest.json", sealed(manifest | {"files": files}))


def hollow_out() -> None:
    """Publish without shards and pages, and print the memory of this process after each step of the build."""
    made_up: dict[str, Callable[..., Any]] = {
        "emodal_data.dataset.shard_writing:write_shard": make_up_shard,
        "emodal_data.presentation.describe:describe_dataset": make_up_description,
    }
    worker_pool.by_name = lambda name: made_up.get(name) or by_name(name)
    from flows.operations import build  # after that: it takes the function as it is now

    steps = ("read_inputs", "make_plan", "read_reels", "choose_samples", "PlannedShards", "write_shards")
    for name in (*steps, "make_manifest", "write_ledger", "keep_split"):
        setattr(build, name, _told(getattr(build, name)))


def _told(step: Callable[..., Any]) -> Callable[..., Any]:
    @functools.wraps(step)
    def run(*args: Any, **kwargs: Any) -> Any:
        result = step(*args, **kwargs)
        lines = Path("/proc/self/status").read_text().splitlines()
        mb = [int(line.split()[1]) * 1024 // 10**6 for line in lines if line.startswith(("VmHWM", "VmRSS"))]
        print(f"{step.__name__}: peak {mb[0]} MB, now {mb[1]} MB", file=sys.stderr, flush=True)
        return result

    return run


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--hollow", action="store_true")
    parser.add_argument("--clips", type=int, default=10_000)
    parser.add_argument("--films", type=int, default=530)
    args, settings = parser.parse_known_args()
    films, table = args.folder / "films", args.folder / "spans.csv"
    if not table.exists():
        films.mkdir(parents=True)
        count = min(args.films, args.clips)
        with ProcessPoolExecutor(1) as child:  # whose memory is not that of the build
            child.submit(write_table, table, args.clips, count).result()
        for n in range(count):
            (films / f"show{n:04}.mp4").touch()

    isolated_reading.read_reel_isolated = functools.partial(make_up_clips, args.hollow)
    sources.inspect_guarded = make_up_film
    if args.hollow:
        hollow_out()
    from flows.cli import main as emodal  # after that: it takes the functions as they are now

    asked = [f"--films={films}", f"--annotations={table}", f"--out={args.folder / 'build'}", "--no-train"]
    asked += ["--set", "augment.per_clip=0", "--set", "split.allow_imbalance=true"]
    sys.argv = ["emodal", "build", *asked, *settings]
    emodal()


if __name__ == "__main__":
    import paper_build  # workers find functions by the name of their file, and do not run this script

    paper_build.main()
