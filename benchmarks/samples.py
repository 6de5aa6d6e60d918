"""Sample films for the benchmarks that read films: a folder of them, made if absent, and the poster's dataset size."""

import argparse
from pathlib import Path

from emodal_data.sample_films import make_sample_films

#: Samples for each annotated clip after augmentation, as in the poster.
SAMPLES_PER_CLIP = 11606 / 3075


def samples_in(folder: Path, films: int, clips_per_film: int) -> Path:
    """The folder of emodal sample-films: as it exists, or made with the given number of films."""
    if not (folder / "annotations.csv").exists():
        make_sample_films(folder, films, clips_per_film)
    return folder


def parser_of(about: str | None, films: int) -> argparse.ArgumentParser:
    """The options of a benchmark of sample films: samples, films (so many, if not told), clips-per-film and out."""
    parser = argparse.ArgumentParser(description=about, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--samples", type=Path)
    parser.add_argument("--films", type=int, default=films)
    parser.add_argument("--clips-per-film", type=int, default=58)
    parser.add_argument("--out", type=Path)
    return parser
