"""Where samples are cut into shards: at films, none too long, and another film moves few of the cuts."""

import random

from hypothesis import given
from hypothesis import strategies as st

from emodal_data.dataset.chunking import chunk_boundaries

FILMS = st.dictionaries(st.text("abcdef", min_size=1, max_size=4), st.integers(1, 12), max_size=15)


def laid_out(clips: dict[str, int], samples_per_clip: int = 3) -> tuple[list[str], list[str]]:
    """Films and clip_ids of the samples of films with so many clips."""
    names = [(film, f"{film}{n}") for film in sorted(clips) for n in range(clips[film])]
    return (
        [film for film, _ in names for _ in range(samples_per_clip)],
        [clip for _, clip in names for _ in range(samples_per_clip)],
    )


@given(FILMS, st.integers(1, 60))
def test_every_sample_is_in_one_run_and_no_run_is_too_long(clips: dict[str, int], most: int) -> None:
    films, clip_ids = laid_out(clips)
    runs = chunk_boundaries(films, clip_ids, most)
    assert [place for start, stop in runs for place in range(start, stop)] == list(range(len(films)))
    assert all(1 <= stop - start <= most for start, stop in runs)


@given(FILMS, st.integers(3, 60))
def test_clips_stay_whole_and_so_do_films_that_fit(clips: dict[str, int], most: int) -> None:
    films, clip_ids = laid_out(clips)
    for start, _ in chunk_boundaries(films, clip_ids, most)[1:]:
        assert clip_ids[start - 1] != clip_ids[start]
        assert films[start - 1] != films[start] or 3 * clips[films[start]] > most


def test_a_clip_with_more_samples_than_a_run_holds_is_cut_by_number() -> None:
    assert chunk_boundaries(["a"] * 8, ["a1"] * 8, 3) == [(0, 3), (3, 6), (6, 8)]
    assert chunk_boundaries([], [], 3) == []


def test_a_film_that_is_added_changes_the_run_it_falls_into_and_rarely_another() -> None:
    draw, changed, filled = random.Random(0), [], []
    for _ in range(100):
        clips = {f"film{draw.random():.6f}": draw.randint(15, 100) for _ in range(52)}
        before = runs_of(clips)
        filled.append(sum(map(len, before)) / len(before) / 2048)
        clips[f"film{draw.random():.6f}"] = 58
        changed.append(len(runs_of(clips) - before))
    assert (changed.count(1), changed.count(2), max(changed)) == (65, 35, 2)
    assert 0.5 < sum(filled) / len(filled) < 0.6


def runs_of(clips: dict[str, int]) -> set[tuple[str, ...]]:
    films, clip_ids = laid_out(clips, 4)
    return {tuple(clip_ids[start:stop]) for start, stop in chunk_boundaries(films, clip_ids, 2048)}
