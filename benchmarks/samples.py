"""Sample films for the benchmarks that read films: a folder of them, made where it is absent."""

from pathlib import Path

from emodal_data.sample_films import make_sample_films


def samples_in(folder: Path, films: int, clips_per_film: int) -> Path:
    """The folder, as emodal sample-films writes it, with what is there already, or with so many films."""
    if not (folder / "annotations.csv").exists():
        make_sample_films(folder, films, clips_per_film)
    return folder
