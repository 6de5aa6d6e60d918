"""Every codec in every container: frames and sound are those of a whole decode, whatever was asked before.

`make test` asks some films of the matrix; EMODAL_MATRIX=all, or `make test-media`, asks all of them, twice as much.
"""

import functools
import os
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.media.matrix import FILMS, QUESTIONS, QUICK, decode_whole, make_cell

IS_WHOLE = os.environ.get("EMODAL_MATRIX") == "all"
ASKED = [name for name in FILMS if IS_WHOLE or name in QUICK]
#: Times, and spans of sound, that a film is asked for; twice as many if all films are.
FEW = {"picture": 20, "sound": 6}


@pytest.fixture(scope="module")
def film_of(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Path]:
    """Makes a film of the matrix when it is first asked for."""
    folder = tmp_path_factory.mktemp("matrix")
    return functools.cache(lambda name: make_cell(folder, name))


@pytest.mark.parametrize("kind", QUESTIONS)
@pytest.mark.parametrize("name", ASKED)
def test_a_film_answers_as_its_whole_decode_does(
    name: str, kind: str, film_of: Callable[[str], Path]
) -> None:
    assert QUESTIONS[kind](film_of(name), (1 + IS_WHOLE) * FEW[kind]).wrong == ()


@pytest.mark.parametrize("name", ["mpeg2-b2/mpg", "mpeg1-b2/mpg"])
def test_the_whole_decode_of_a_program_stream_shows_each_frame_when_it_was_encoded(
    name: str, film_of: Callable[[str], Path]
) -> None:
    """FFmpeg's own stamps are two frames late from frame 51 to 60 of the first film."""
    whole = decode_whole(film_of(name))
    assert whole.numbers == tuple(range(90))
    assert whole.starts_s == pytest.approx([whole.starts_s[0] + k / 25 for k in range(90)], abs=1e-4)


def test_the_films_of_every_run_are_films_of_the_matrix() -> None:
    assert set(QUICK) <= set(FILMS)
