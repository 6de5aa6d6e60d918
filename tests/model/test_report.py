"""The HTML report: self-contained, whole without a test or validation side, safe against odd names."""

from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path

import numpy as np

from emodal_model.known_truth import draw_samples
from emodal_model.report import confusion_table, training_curve, worst_mistakes, write_report
from emodal_model.scores import score

TEST = draw_samples(12, seed=1)


def metrics_of(probabilities: np.ndarray, labels: np.ndarray, **history: object) -> dict:
    side = {"clips": 3}
    report = {"validation_loss": 1.2, "train_loss": 2.0} | history
    return {
        "networks": {"emodal": score(probabilities, labels)},
        "training": {"emodal": {"history": [report, report], "best_epoch": 2}},
        "dataset": {"hash": "abc", "fit": side, "validation": side, "test": side, "unlabelled": side},
        "validation": {"group_by": "film", "note": ""},
    }


class Links(HTMLParser):
    """Collects what the page would load, and the tags that are open at its end."""

    def __init__(self) -> None:
        super().__init__()
        self.sources: list[str] = []
        self.open: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.sources += [value or "" for name, value in attrs if name in ("src", "href")]
        if tag not in ("meta", "br", "img"):
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """<circle/> opens nothing."""

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag


def test_the_page_is_well_formed_and_loads_nothing_from_elsewhere(tmp_path: Path) -> None:
    test = replace(TEST, films=np.full(12, "<script>alert(1)</script> & co.mp4"))
    probabilities = np.full((12, 4), 0.1) + 0.6 * np.eye(4)[(test.labels + 1) % 4]
    write_report(
        tmp_path / "report" / "index.html", metrics_of(probabilities, test.labels), test, probabilities
    )
    page = (tmp_path / "report" / "index.html").read_text()
    links = Links()
    links.feed(page)
    assert links.open == []
    assert len(links.sources) == 12
    assert all(source.startswith("data:image/png;base64,") for source in links.sources)
    assert "<script" not in page


def test_a_run_without_test_and_validation_side_has_a_report_too(tmp_path: Path) -> None:
    none = TEST.take(np.zeros(12, bool))
    metrics = metrics_of(np.empty((0, 4)), none.labels, validation_loss=None)
    write_report(tmp_path / "index.html", metrics, none, np.empty((0, 4)))
    page = (tmp_path / "index.html").read_text()
    assert "nan" not in page.lower()
    assert "Worst mistakes" not in page


def test_the_surest_mistake_comes_first_and_right_answers_never() -> None:
    probabilities = np.eye(4)[TEST.labels] * 0.9 + 0.025
    for row, sure in ((3, 0.6), (7, 0.8)):
        probabilities[row] = (1 - sure) / 3
        probabilities[row, (TEST.labels[row] + 1) % 4] = sure
    figures = worst_mistakes(TEST, probabilities)
    assert len(figures) == 2
    assert "(80 %)" in figures[0] and "(60 %)" in figures[1]


def test_confusion_cells_are_percentages_of_their_row() -> None:
    table = confusion_table([[3, 1, 0, 0], [0, 0, 0, 0], [0, 0, 5, 0], [0, 0, 0, 5]])
    assert ">75.0<" in table and ">25.0<" in table
    assert "nan" not in table


def test_the_curve_has_a_point_an_epoch() -> None:
    history = [{"validation_loss": x, "train_loss": x} for x in (3.0, 1.0, 2.0)]
    curve = training_curve({"history": history, "best_epoch": 2})
    line = next(part for part in curve.split("<polyline ") if "var(--one)" in part)
    assert len(line.split('"')[1].split()) == 3
    assert ">1.00<" in curve and ">3.00<" in curve
