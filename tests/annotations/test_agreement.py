"""Agreement: Krippendorff's own examples give his values, and the manifest and card have them."""

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from emodal_data.annotations.agreement import agreement, nominal_alpha
from emodal_data.clips.gates import apply_gates
from emodal_data.core.config import DatasetConfig
from emodal_data.core.label_words import DEFAULT_CLASSES as LABELS
from emodal_data.dataset.plan import plan_dataset
from flows.config.load import load_config
from flows.operations.forget import forget
from flows.operations.plan import plan_result
from flows.progress.summary import plan_summary
from tests.media.films import Recipe, make_film
from tests.published import fake_clips, publish, with_votes_for_labels, written


def vote_counts(*raters: str) -> np.ndarray:
    """How often each unit was given each value. raters: a letter or digit for each unit, "." where they gave none."""
    values = sorted({value for rater in raters for value in rater} - {"."})
    return np.array([[unit.count(value) for value in values] for unit in zip(*raters, strict=True)])


# Examples A, B and C of Krippendorff, Computing Krippendorff's Alpha-Reliability (2011).
PUBLISHED = {
    "two observers, two values": (("0100000010", "1110010000"), 0.095),
    "two observers, five values": (("aabbdcccedda", "babbbccceddd"), 0.692),
    "four observers, gaps": (("123321412...", "1233224125.3", ".3332342251.", "12332441251."), 0.743),
}


@pytest.mark.parametrize(("raters", "alpha"), PUBLISHED.values(), ids=PUBLISHED.keys())
def test_published_examples_come_out_as_printed(raters: tuple[str, ...], alpha: float) -> None:
    measured = nominal_alpha(vote_counts(*raters))
    assert measured is not None
    assert round(measured, 3) == alpha


@pytest.mark.parametrize(
    ("counts", "alpha"),
    [
        ([[2, 0], [0, 2]], 1.0),
        ([[1, 1], [1, 1]], -0.5),  # always unlike: worse than chance
        ([[2, 0], [0, 2], [1, 0]], 1.0),  # a single vote says nothing of agreement
        ([[2, 0], [3, 0]], None),  # nobody could have told two values apart
        ([[1, 0], [0, 1]], None),
        (np.zeros((0, 4), dtype=np.int64), None),
    ],
)
def test_alpha_is_one_for_agreement_and_null_where_it_is_not_defined(
    counts: object, alpha: float | None
) -> None:
    assert nominal_alpha(np.asarray(counts)) == (None if alpha is None else pytest.approx(alpha))


@given(st.lists(st.lists(st.integers(0, 4), min_size=3, max_size=3), min_size=1, max_size=12))
def test_alpha_is_observed_over_expected_disagreement_of_all_pairs(counts: list[list[int]]) -> None:
    units = [[value for value, count in enumerate(unit) for _ in range(count)] for unit in counts]
    units = [unit for unit in units if len(unit) > 1]
    everything = [value for unit in units for value in unit]
    n = len(everything)
    expected = sum(a != b for a in everything for b in everything) / max(n * (n - 1), 1)
    observed = sum(sum(a != b for a in unit for b in unit) / (len(unit) - 1) for unit in units) / max(n, 1)
    alpha = nominal_alpha(np.array(counts))
    assert alpha is None if expected == 0 else alpha == pytest.approx(1 - observed / expected)


def ledger(*rows: tuple[str, str, str, str | None, str | None]) -> pd.DataFrame:
    """Rows of (film, clip_id, annotator, label, reason)."""
    return pd.DataFrame(rows, columns=["film", "clip_id", "annotator", "label", "reason"])


def test_every_counted_vote_of_a_span_counts_and_no_other() -> None:
    measured = agreement(
        ledger(
            ("f", "c1", "ann", "sad", None),
            ("f", "c1", "ben", "sad", "no_face"),  # a span without a face was labelled all the same
            ("f", "c1", "ann", "angry", "duplicate_vote"),
            ("f", "c2", "ann", "angry", "label_tie"),
            ("f", "c2", "ben", "happy", "label_tie"),
            ("g", "c3", "", "happy", None),  # rows without a name are different people
            ("g", "c3", "", "happy", None),
            ("g", "c4", "cat", "happy", None),
            ("g", "c5", "ann", None, None),
            ("g", "c5", "ben", None, None),
        ),
        LABELS,
    )
    assert measured["annotators"] == 3
    assert (measured["spans"], measured["votes"]) == (3, 6)
    assert measured["alpha"] == pytest.approx(1 - 5 * 2 / (36 - 4 - 1 - 9))
    assert measured["per_film"] == {
        "f": {"spans": 2, "votes": 4, "alpha": pytest.approx(1 - 3 * 2 / (16 - 4 - 1 - 1))},
        "g": {"spans": 1, "votes": 2, "alpha": None},
    }
    assert measured["per_class"] == {
        "angry": pytest.approx(1 - 5 * 2 / (36 - 25 - 1)),
        "happy": pytest.approx(1 - 5 * 2 / (36 - 9 - 9)),
        "neutral": None,
        "sad": pytest.approx(1.0),
    }


def voted(folder: Path) -> Path:
    """A dataset of five films in which a second annotator saw all but the first clip of each film as the first did."""
    config = DatasetConfig()
    rows, clips, measures = fake_clips(folder / "store")
    second = rows.assign(annotator="ben", row=rows["row"] + len(rows))
    second.loc[second["start_s"] == 0, "label"] = LABELS[1]
    rows = with_votes_for_labels(pd.concat([rows.assign(annotator="ann"), second], ignore_index=True))
    clear = apply_gates(clips, measures, config.clips, config.face, config.audio)
    return publish(plan_dataset(rows, clear, config), folder / "build" / "dataset", config)


def test_manifest_and_card_tell_agreement_and_the_balance_of_every_film(tmp_path: Path) -> None:
    dataset = voted(tmp_path)
    manifest = json.loads((dataset / "manifest.json").read_bytes())
    told = manifest["agreement"]
    assert told == agreement(pq.read_table(dataset / "ledger.parquet").to_pandas(), LABELS)
    assert (told["annotators"], told["spans"], told["votes"]) == (2, 20, 40)
    assert told["alpha"] == pytest.approx(1 - 39 * 10 / (1600 - 25 - 225 - 100 - 100))
    assert manifest["balance"]["f0.mp4"] == dict.fromkeys(LABELS, 1)
    assert manifest["balance"]["f1.mp4"] == {"angry": 1, "happy": 1, "neutral": 1}  # the fourth has no face
    card = (dataset / "README.md").read_text()
    assert f"Krippendorff's alpha (nominal): **{told['alpha']:.3f}**" in card
    assert (
        "\n| film | angry | happy | neutral | sad |\n|---|---:|---:|---:|---:|\n| f0.mp4 | 1 | 1 | 1 | 1 |\n"
        in card
    )
    assert "| f1.mp4 | 1 | 1 | 1 | 0 |\n" in card
    assert "\n| f0.mp4 | 4 | 8 | 0.696 |\n" in card
    assert f"| sad | {told['per_class']['sad']:.3f} |" in card


def test_a_dataset_of_single_votes_says_that_agreement_is_not_known(tmp_path: Path) -> None:
    dataset = written(tmp_path, "dataset")
    told = json.loads((dataset / "manifest.json").read_bytes())["agreement"]
    assert told["spans"] == 0
    assert told["alpha"] is None
    assert "No span has two votes" in (dataset / "README.md").read_text()


def test_a_forgotten_film_leaves_the_agreement_too(tmp_path: Path) -> None:
    dataset = voted(tmp_path)
    forget(tmp_path / "build", film="f2.mp4")
    manifest = json.loads((dataset / "manifest.json").read_bytes())
    assert "f2.mp4" not in manifest["balance"].keys() | manifest["agreement"]["per_film"].keys()
    assert manifest["agreement"]["spans"] == 16


def test_a_plan_tells_the_agreement_before_any_film_is_read(tmp_path: Path) -> None:
    (tmp_path / "films").mkdir()
    make_film(tmp_path / "films", Recipe(frames=50))
    votes = [(0, "ann", "sad"), (0, "ben", "sad"), (1, "ann", "happy"), (1, "ben", "angry")]
    lines = [f"film.mp4,{start},{start + 0.5},{label},{annotator}\n" for start, annotator, label in votes]
    (tmp_path / "spans.csv").write_text("film,start,end,label,annotator\n" + "".join(lines))
    config = load_config(
        None, [], films=tmp_path / "films", annotations=tmp_path / "spans.csv", out=tmp_path / "out"
    )
    result = plan_result(config)
    assert result["agreement"]["alpha"] == pytest.approx(1 - 3 * 2 / (16 - 4 - 1 - 1))
    assert "2 spans have two votes or more; Krippendorff's alpha 0.400" in plan_summary(result).splitlines()
