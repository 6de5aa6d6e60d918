"""What would teach a network most: what it is unsure of, what is unlike the rest, and rare classes."""

import numpy as np
import pytest

from emodal_model.inference.teaching import Lesson, rank_lessons

CLIPS = {"angry": 50, "happy": 50, "neutral": 50}
SURE, UNSURE = [0.98, 0.01, 0.01], [0.34, 0.33, 0.33]
NOBODY = np.empty((0, 2))


def ranked(
    probabilities: list[list[float]],
    codes: list[list[float]],
    known: np.ndarray = NOBODY,
    clips: dict[str, int] | None = None,
    films: list[str] | None = None,
    per_film: int = 9,
) -> list[Lesson]:
    n = len(codes)
    return rank_lessons(
        np.asarray(probabilities),
        np.asarray(codes, float),
        known,
        clips or CLIPS,
        films or ["f"] * n,
        per_film,
    )


def test_of_spans_alike_the_unsure_one_comes_first() -> None:
    found = ranked([SURE, UNSURE], [[0, 0], [5, 5]])
    assert [lesson.place for lesson in found] == [1, 0]
    assert found[0].uncertainty == pytest.approx(1.0, abs=1e-3)
    assert found[1].uncertainty == pytest.approx(0.1, abs=0.02)


def test_a_span_like_a_labelled_clip_teaches_nothing_new() -> None:
    found = ranked([UNSURE, UNSURE], [[0, 0], [4, 4]], known=np.array([[0.0, 0.0]]))
    assert [lesson.place for lesson in found] == [1, 0]
    assert found[1].novelty == 0.0


def test_after_a_span_its_like_come_late() -> None:
    # Three spans in one place and one elsewhere, all unsure: the other place is second.
    found = ranked([UNSURE] * 4, [[0, 0], [0.01, 0], [0, 0.01], [9, 9]], known=np.array([[4.0, 5.0]]))
    assert 3 in (found[0].place, found[1].place)
    assert found[1].novelty > 0.9
    assert found[2].novelty == pytest.approx(0.5, abs=0.01)


def test_of_two_equally_unsure_spans_the_one_of_a_rare_class_comes_first() -> None:
    clips = {"angry": 200, "happy": 200, "neutral": 7}
    found = ranked([[0.5, 0.5, 0.0], [0.5, 0.0, 0.5]], [[0, 0], [5, 5]], clips=clips)
    assert [lesson.place for lesson in found] == [1, 0]
    # The square root of 201 to 8 is more than the most a class may count.
    assert found[0].rarity == pytest.approx(0.5 * 1 + 0.5 * 3)
    assert found[1].rarity == 1.0


def test_no_film_gives_more_spans_than_wanted() -> None:
    films = ["a", "a", "a", "b", "b"]
    found = ranked([UNSURE] * 5, [[i, i] for i in range(5)], films=films, per_film=2)
    assert sorted(films[lesson.place] for lesson in found) == ["a", "a", "b", "b"]
    scores = [lesson.score for lesson in found]
    assert scores == sorted(scores, reverse=True)


def test_the_reason_names_the_classes_between_which_the_network_wavers() -> None:
    clips = {"angry": 200, "happy": 200, "neutral": 7}
    (first,) = ranked([[0.05, 0.45, 0.5]], [[0, 0]], clips=clips)
    assert first.why == "neutral 50 % or happy 45 %; unlike known clips (1.00); a rare class (2.0)"


def test_without_candidates_there_is_no_ranking() -> None:
    assert rank_lessons(np.empty((0, 3)), NOBODY, NOBODY, CLIPS, [], 3) == []
