"""Sample films for the benchmarks that read films: a folder of them, made where it is absent, and the poster's size."""

from pathlib import Path

from emodal_data.sample_films import make_sample_films

#: Samples for each annotated clip after augmentation, as the poster had them.
SAMPLES_PER_CLIP = 11606 / 3075


def samples_in(folder: Path, films: int, clips_per_film: int) -> Path:
    """The folder, as emodal sample-films writes it, with what is there already, or with so many films."""
    if not (folder / "annotations.csv").exists():
        make_sample_films(folder, films, clips_per_film)
    return folder
