"""The HTML report: self-contained, complete without test or validation samples, safe against odd names."""

import base64
import json
import re
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from emodal_model.data.contract import LABELS
from emodal_model.data.samples import Samples
from emodal_model.data.synthetic import draw_samples
from emodal_model.evaluation.scores import score
from emodal_model.report import mistakes as mistakes_module
from emodal_model.report import render, write_report
from emodal_model.report.charts import (
    code_plane,
    code_scatter,
    curves,
    history_lines,
    reliability_diagram,
    spread_chart,
)
from emodal_model.report.mistakes import worst_mistakes
from tests.model.conftest import write_dataset

TEST = draw_samples(12, seed=1)


def metrics_of(probabilities: np.ndarray, labels: np.ndarray, **history: object) -> dict[str, Any]:
    side = {"clips": 3}
    report = {"validation_loss": 1.2, "train_loss": 2.0} | history
    groups = {"by_film": {"<b>.mp4": {"n": 3, "accuracy": 0.25}}, "by_speaker": {}}
    return {
        "networks": {"emodal": score(probabilities, labels, LABELS) | groups | {"p_against_emodal": None}},
        "h_score": 0.5,
        "training": {"emodal": {"history": [report, report], "best_epoch": 2}},
        "dataset": {"hash": "abc", "fit": side, "validation": side, "test": side, "unlabelled": side},
        "validation": {"group_by": "film", "note": ""},
        "config": {"seed": 0, "min_steps": 100},
        "versions": {"python": "3"},
    }


def outputs_of(probabilities: np.ndarray) -> dict[str, np.ndarray]:
    draw = np.random.default_rng(0)
    codes = draw.standard_normal((2, len(probabilities), 10))
    return {"both": probabilities, "audio_code": codes[0], "image_code": codes[1]}


class Page(HTMLParser):
    """Collects what a page would load, the tags that are open at its end, and pictures without words."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.sources: list[str] = []
        self.open: list[str] = []
        self.speechless: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = dict(attrs)
        self.sources += [value or "" for name, value in attrs if name in ("src", "href")]
        if not (given.get("alt") or given.get("aria-label")) and tag in ("img", "svg", "audio"):
            self.speechless.append(tag)
        if tag not in ("meta", "br", "img"):
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """<circle/> opens nothing."""

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag


def wrong_everywhere(test: Samples) -> np.ndarray:
    return np.full((len(test), 4), 0.1) + 0.6 * np.eye(4)[(test.labels + 1) % 4]


def test_the_page_is_well_formed_has_text_for_every_chart_and_loads_nothing(tmp_path: Path) -> None:
    test = replace(TEST, films=np.full(12, "<script>alert(1)</script> & co.mp4"))
    answers = wrong_everywhere(test)
    path = tmp_path / "report" / "index.html"
    write_report(path, metrics_of(answers, test.labels), test, outputs_of(answers), answers)
    text = path.read_text()
    page = Page(text)
    assert page.open == []
    assert page.speechless == []
    assert len(page.sources) == 12
    assert all(source.startswith("data:image/png;base64,") for source in page.sources)
    assert "<script" not in text and "&lt;b&gt;.mp4" in text
    assert not re.search(r"https?:|url\(|@import", text)
    assert [file.name for file in path.parent.iterdir()] == ["index.html"]


def test_a_run_without_test_and_validation_samples_has_a_report(tmp_path: Path) -> None:
    none = TEST.take(np.zeros(12, bool))
    answers = np.empty((0, 4))
    metrics = metrics_of(answers, none.labels, validation_loss=None) | {"h_score": None}
    write_report(tmp_path / "index.html", metrics, none, {"both": answers}, answers)
    text = (tmp_path / "index.html").read_text()
    assert "nan" not in text.lower()
    assert "Worst mistakes" not in text and "Common features" not in text
    assert Page(text).open == []


def test_the_surest_mistake_comes_first_and_right_answers_never() -> None:
    probabilities = np.eye(4)[TEST.labels] * 0.9 + 0.025
    for row, sure in ((3, 0.6), (7, 0.8)):
        probabilities[row] = (1 - sure) / 3
        probabilities[row, (TEST.labels[row] + 1) % 4] = sure
    first, second = worst_mistakes(TEST, probabilities)
    assert (first.clip_id, second.clip_id) == (TEST.clip_ids[7], TEST.clip_ids[3])
    assert dict(first.shares)[first.answer] == pytest.approx(0.8)
    assert first.sound == ""


def test_a_mistake_plays_its_sound_when_the_dataset_has_it(tmp_path: Path) -> None:
    dataset = write_dataset(tmp_path / "d", train=TEST, test=TEST)
    path = dataset / "data" / "test-00000-of-00001.parquet"
    sounds = [{"bytes": f"fLaC{number}".encode(), "path": None} for number in range(11)] + [None]
    column = pa.array(sounds, pa.struct([("bytes", pa.binary()), ("path", pa.string())]))
    pq.write_table(pq.read_table(path).append_column("audio", column), path, row_group_size=5)
    mistakes = {m.clip_id: m for m in worst_mistakes(TEST, wrong_everywhere(TEST), dataset)}
    for number in range(11):
        told = mistakes[str(TEST.clip_ids[number])].sound
        assert told == "data:audio/flac;base64," + base64.b64encode(f"fLaC{number}".encode()).decode()
    assert mistakes[str(TEST.clip_ids[11])].sound == ""
    answers = wrong_everywhere(TEST)
    text = render(metrics_of(answers, TEST.labels), list(mistakes.values()))
    assert text.count("<audio controls") == 11


def script_of(name: str, value: Any, sheet: str | None) -> str:
    return f"emodal.receive({json.dumps(name)},{json.dumps(value)},{json.dumps(sheet)});\n"


def test_a_mistake_shows_frame_and_sound_of_the_report_of_the_dataset_within_a_limit(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    dataset = write_dataset(tmp_path / "d", train=TEST, test=TEST)
    data = dataset / "report" / "data"
    data.mkdir(parents=True)
    clip_ids = [str(clip_id) for clip_id in TEST.clip_ids]
    sheets = [["0123456789abcdef", 5], ["fedcba9876543210", 6], ["../../../../secret", 1]]
    table = {"columns": {"clip_id": clip_ids}, "sheets": sheets}
    (data / "table.js").write_text(script_of("table", table, None))
    frame, sound = "data:image/jpeg;base64,AAAA", "data:audio/webm;base64,BBBBBBBB"
    entries = [{"frame": frame, "sound": sound}] * 9 + [{}, {"frame": 'data:image/jpeg;base64,"onload='}]
    for name, part in (("0123456789abcdef", entries[:5]), ("fedcba9876543210", entries[5:])):
        (data / f"clips-{name}.js").write_text(script_of("pictures", part, name))
    (dataset / "secret.js").write_text(script_of("pictures", [{"frame": frame}], "x"))

    shown = [(m.frame, m.sound) for m in worst_mistakes(TEST, wrong_everywhere(TEST), dataset)]
    assert shown == [(frame, sound)] * 9 + [("", "")] * 3
    text = render(
        metrics_of(wrong_everywhere(TEST), TEST.labels), worst_mistakes(TEST, wrong_everywhere(TEST), dataset)
    )
    assert (text.count(f'src="{frame}"'), text.count(f'src="{sound}"')) == (9, 9)

    monkeypatch.setattr(mistakes_module, "MOST_BYTES", 2 * len(frame) + len(sound))
    shown = [(m.frame, m.sound) for m in worst_mistakes(TEST, wrong_everywhere(TEST), dataset)]
    assert shown[:3] == [(frame, sound), (frame, ""), ("", "")]
    (data / "table.js").write_text("emodal.receive(")
    assert worst_mistakes(TEST, wrong_everywhere(TEST), dataset)[0].frame == ""


def test_confusion_cells_are_percentages_of_their_row() -> None:
    metrics = metrics_of(np.eye(4)[TEST.labels], TEST.labels)
    metrics["networks"]["emodal"]["confusion"] = [[3, 1, 0, 0], [0, 0, 0, 0], [0, 0, 5, 0], [0, 0, 0, 5]]
    text = render(metrics, [])
    assert 'title="3 of 4 clips">75.0<' in text and 'title="1 of 4 clips">25.0<' in text
    assert 'title="0 of 0 clips">-<' in text


def test_a_curve_has_a_point_an_epoch_and_a_mark_at_the_one_kept() -> None:
    history = [{"validation_loss": x, "train_loss": x} for x in (3.0, 1.0, 2.0)]
    lines, unit = history_lines(history)
    chart = str(curves(lines, best_epoch=2, title="emodal", unit=unit))
    line = next(part for part in chart.split("<polyline ") if "var(--one)" in part)
    points = [tuple(map(float, point.split(","))) for point in line.split('"')[1].split()]
    assert len(points) == 3
    mark = next(part for part in chart.split("<line ") if "var(--two)" in part)
    assert f'x1="{points[1][0]:.1f}"' in mark
    assert ">1.00<" in chart and ">3.00<" in chart
    assert "from 3.00 to 2.00; best epoch 2" in chart


def test_epochs_with_too_few_steps_are_shaded_and_the_page_says_why_an_epoch_was_kept() -> None:
    metrics = metrics_of(np.eye(4)[TEST.labels], TEST.labels)
    history = metrics["training"]["emodal"]["history"][0]
    metrics["training"]["emodal"] |= {
        "history": [history | {"validation_loss": loss} for loss in (0.5, 0.9, 0.7)],
        "best_epoch": 3,
        "first_candidate": 2,
    }
    text = render(metrics, [])
    kept = "epoch 3 of 3 was kept, with the lowest validation loss (0.700) from epoch 2 on"
    assert f"{kept}: before, fewer than 100 steps were taken" in text
    shaded = next(part for part in text.split("<rect ") if "<title>too few steps" in part)
    mark = next(part for part in text.split("<line ") if "var(--two)" in part)
    left, width = (float(shaded.split(f'{name}="')[1].split('"')[0]) for name in ("x", "width"))
    right = float(mark.split('x1="')[1].split('"')[0])
    assert left + width == pytest.approx((left + right) / 2, abs=0.1)  # the second of three epochs


def test_the_axes_of_a_confusion_matrix_are_named() -> None:
    text = render(metrics_of(np.eye(4)[TEST.labels], TEST.labels), [])
    assert '<th scope="colgroup" colspan="4" class="axis">predicted class</th>' in text
    assert '<th scope="col">true class</th>' in text


def test_the_warm_up_and_the_other_members_are_shown_beside_the_first() -> None:
    metrics = metrics_of(np.eye(4)[TEST.labels], TEST.labels)
    warm_up = [
        {"stage": stage, "epoch": epoch, "validation_loss": loss, "is_best": epoch == 2}
        for stage, epoch, loss in (("common", 1, -0.5), ("common", 2, -1.25), ("heads", 1, None))
    ]
    run = metrics["training"]["emodal"]
    run |= {"warm_up": warm_up, "other_members": [{"history": run["history"]}]}
    text = render(metrics, [])
    assert "H-score of validation pairs from 0.50 to 1.25; best epoch 2" in text
    assert "validation cross-entropy of member 2 from 1.20 to 1.20" in text
    assert "warm-up on unlabelled clips: H-score of validation pairs" in text
    assert Page(text).open == []


def test_repeats_are_dots_around_their_mean_within_its_interval() -> None:
    spread = {"accuracy": [0.5, None, 0.7], "mean": 0.6, "sd": 0.1, "interval": [0.55, 0.65]}
    unknown = {"accuracy": [None] * 3, "mean": None, "sd": None, "interval": None}
    chart = str(spread_chart([("<audio>", spread), ("image", unknown)], "seed"))
    dots = [float(x) for x in re.findall(r'<circle cx="([\d.]+)"', chart)]
    bars = [tuple(map(float, pair)) for pair in re.findall(r'x1="([\d.]+)" x2="([\d.]+)"', chart)]
    (start, end), (mean, _) = bars
    assert mean == pytest.approx(np.mean(dots), abs=0.1)
    assert dots[0] < start < mean < end < dots[1]
    assert end - mean == pytest.approx((dots[1] - mean) / 2, abs=0.2)
    assert "Mean accuracy over seeds: &lt;audio&gt; 60.0 %" in chart and "image" not in chart
    assert str(spread_chart([("image", unknown)], "seed")) == ""


def test_the_page_shows_repeats_if_there_are_some() -> None:
    metrics = metrics_of(np.eye(4)[TEST.labels], TEST.labels)
    assert "seeds</h2>" not in render(metrics, [])
    spread = {
        "accuracy": [0.5, 0.7],
        "mean": 0.6,
        "sd": 0.1,
        "interval": [0.3, 0.9],
        "p_against_emodal": 0.04,
    }
    metrics["repeats"] = {"by": "seed", "keys": [0, 1], "networks": {"emodal": spread}}
    text = render(metrics, [])
    assert "Over 2 seeds</h2>" in text and "<td>30.0 to 90.0</td>" in text and "<td>0.040</td>" in text
    assert Page(text).open == []


def test_honest_confidence_lies_on_the_diagonal() -> None:
    chart = str(reliability_diagram([{"confidence": 0.5, "accuracy": 0.5, "n": 7}], "audio"))
    x0, y0, x1, y1 = map(
        float, re.search(r'points="([\d.]+),([\d.]+) ([\d.]+),([\d.]+)" .*?dash', chart).groups()
    )
    cx, cy = map(float, re.search(r'cx="([\d.]+)" cy="([\d.]+)"', chart).groups())
    assert (cx, cy) == (pytest.approx((x0 + x1) / 2, abs=0.1), pytest.approx((y0 + y1) / 2, abs=0.1))
    assert "confidence 50 %: accuracy 50 %" in chart


def test_codes_that_live_in_a_plane_keep_their_distances_in_it() -> None:
    draw = np.random.default_rng(2)
    flat = draw.standard_normal((30, 2))
    axes = np.linalg.qr(draw.standard_normal((10, 2)))[0]
    code = 5 + flat @ axes.T
    audio, image, shares = code_plane(code, 3 * code)
    assert sum(shares) == pytest.approx(1)
    np.testing.assert_allclose(audio, image, atol=1e-12)  # each side is centred and scaled by itself
    seen = np.linalg.norm(audio[0] - audio[1:], axis=1)
    true = np.linalg.norm(flat[0] - flat[1:], axis=1)
    np.testing.assert_allclose(seen / seen[0], true / true[0])


def test_a_scatter_of_thousands_of_clips_stays_small() -> None:
    draw = np.random.default_rng(0)
    chart = str(
        code_scatter(
            draw.standard_normal((5000, 10)), draw.standard_normal((5000, 10)), np.arange(5000) % 4, LABELS
        )
    )
    assert chart.count("<circle") == chart.count("<path") == 800
    same = np.ones((3, 10))
    assert "nan" not in str(code_scatter(same, same, np.array([0, 1, 2]), LABELS))
