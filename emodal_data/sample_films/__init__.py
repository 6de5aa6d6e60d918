"""Films with known truth, made from photos, footage and a voice of installed packages.

`make_sample_films` is the room's public surface; everything else is private to it.
"""

from emodal_data.sample_films.films import make_sample_films

__all__ = ["make_sample_films"]
