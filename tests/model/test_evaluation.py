"""The printed tables: the poster's numbers in the poster's form."""

import numpy as np

from emodal_model.evaluation import format_report
from emodal_model.scores import score

from .test_scores import POSTER, predictions


def test_the_report_prints_the_posters_tables_within_100_columns() -> None:
    scores = score(*predictions(POSTER))
    text = format_report({"networks": {"emodal": scores}, "h_score": 0.5})
    assert "66.02" in text and "62.2 to 69.6" in text and "65.73" in text and "65.62" in text
    assert ["angry", "69.74", "8.55", "9.21", "12.50", "152"] in [line.split() for line in text.splitlines()]
    assert max(map(len, text.splitlines())) <= 100


def test_scores_that_are_not_defined_print_as_a_dash_and_are_explained() -> None:
    text = format_report({"networks": {"audio": score(np.eye(4)[[0, 1]], np.array([0, 1]))}})
    assert "no test clip is neutral, sad" in text
    assert "nan" not in text.lower()
    empty = format_report({"networks": {"audio": score(np.empty((0, 4)), np.empty(0, int))}})
    assert "nan" not in empty.lower()
