"""Every codec in every container: frames and sound are those of a whole decode, whatever was asked before.

`make test` asks some films of the matrix; EMODAL_MATRIX=all, or `make test-media`, asks all of them.
"""

import functools
import os
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.media.matrix import FILMS, QUESTIONS, QUICK, make_cell

#: Films that are answered wrongly, and why. A film that is mended must leave the list.
WRONG = {
    (
        "mpeg2-b2/mpg",
        "picture",
    ): "FFmpeg gives a stamp to the picture before it; the film is read by temporal_reference",
    (
        "mpeg2-b2/mpg 29.97",
        "picture",
    ): "FFmpeg gives a stamp to the picture before it; the film is read by temporal_reference",
    (
        "mpeg2-b2/mpg offset 3 h",
        "picture",
    ): "FFmpeg gives a stamp to the picture before it; the film is read by temporal_reference",
}

ASKED = [name for name in FILMS if os.environ.get("EMODAL_MATRIX") == "all" or name in QUICK]
CASES = [
    pytest.param(
        name,
        kind,
        id=f"{name}-{kind}",
        marks=[pytest.mark.xfail(strict=True, reason=WRONG[name, kind])] if (name, kind) in WRONG else [],
    )
    for name in ASKED
    for kind in QUESTIONS
]


@pytest.fixture(scope="module")
def film_of(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Path]:
    """Makes a film of the matrix when it is first asked for."""
    folder = tmp_path_factory.mktemp("matrix")
    return functools.cache(lambda name: make_cell(folder, name))


@pytest.mark.parametrize(("name", "kind"), CASES)
def test_a_film_answers_as_its_whole_decode_does(
    name: str, kind: str, film_of: Callable[[str], Path]
) -> None:
    assert QUESTIONS[kind](film_of(name)).wrong == ()


def test_the_films_of_every_run_are_films_of_the_matrix() -> None:
    assert set(QUICK) <= set(FILMS)
    assert {name for name, _ in WRONG} <= set(FILMS)
