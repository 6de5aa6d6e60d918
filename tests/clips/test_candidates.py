"""Candidates: speech within one shot, 1 to 6 seconds, nothing twice. From numbers alone."""

from itertools import pairwise

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from emodal_data.clips.candidates import candidates
from emodal_data.core.span import Span
from emodal_data.media.voice_activity import regions

SHOT = [Span(0.0, 100.0)]


def test_speech_is_cut_where_the_shot_ends() -> None:
    shots = [Span(0.0, 3.0), Span(3.0, 10.0)]
    assert candidates(shots, [Span(1.5, 5.0)]) == [Span(1.5, 3.0), Span(3.0, 5.0)]


def test_a_short_word_joins_what_follows_after_a_short_pause_only() -> None:
    assert candidates(SHOT, [Span(1.0, 1.4), Span(1.8, 3.0)]) == [Span(1.0, 3.0)]
    assert candidates(SHOT, [Span(1.0, 1.4), Span(2.0, 3.5)]) == [Span(2.0, 3.5)]


def test_two_whole_sentences_stay_two() -> None:
    sentences = [Span(1.0, 2.5), Span(2.7, 4.0)]
    assert candidates(SHOT, sentences) == sentences


def test_long_speech_becomes_equal_parts() -> None:
    assert candidates(SHOT, [Span(10.0, 23.0)]) == [
        Span(10.0, 10.0 + 13 / 3),
        Span(10.0 + 13 / 3, 10.0 + 26 / 3),
        Span(10.0 + 26 / 3, 23.0),
    ]


def test_speech_of_exactly_the_longest_length_stays_whole() -> None:
    assert candidates(SHOT, [Span(0.0, 6.0)]) == [Span(0.0, 6.0)]


def ascending(most: int) -> st.SearchStrategy[list[Span]]:
    """Spans one after the other."""
    times = st.lists(st.integers(0, 600), min_size=2, max_size=2 * most, unique=True).map(sorted)
    return times.map(lambda t: [Span(a / 10, b / 10) for a, b in zip(t[::2], t[1::2], strict=False)])


@given(shots=ascending(8), speech=ascending(20))
def test_whatever_is_found_lies_in_one_shot_is_long_enough_and_overlaps_nothing(
    shots: list[Span], speech: list[Span]
) -> None:
    found = candidates(shots, speech)
    for span in found:
        assert 1.0 <= span.length_s <= 6.0 + 1e-9
        assert any(shot.start_s <= span.start_s and span.end_s <= shot.end_s for shot in shots)
        assert any(span.within(heard).length_s > 0 for heard in speech)
    assert all(a.end_s <= b.start_s for a, b in pairwise(found))


def test_a_pause_shorter_than_a_fifth_of_a_second_does_not_end_speech() -> None:
    sure = np.array([0.0, 0.9, 0.9, 0.1, 0.9, 0.9, 0.1, 0.1, 0.1, 0.9, 0.9, 0.9, 0.0])
    assert regions(sure, step_s=0.1) == [Span(0.1, 0.1 * 6), Span(0.1 * 9, 0.1 * 12)]


def test_speech_goes_on_while_the_detector_doubts_and_a_click_is_no_speech() -> None:
    sure = np.array([0.4, 0.6, 0.4, 0.4, 0.3, 0.0, 0.0, 0.6, 0.0])
    assert regions(sure, step_s=0.1) == [Span(0.1, 0.4)]
