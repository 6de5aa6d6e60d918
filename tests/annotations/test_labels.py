"""Votes for words outside the classes count; the words survive; two speakers in one span are two clips."""

import csv
import json
from pathlib import Path

import pandas as pd
import pytest

from emodal_data.annotations import count_votes, read_annotations
from emodal_data.annotations.agreement import agreement
from emodal_data.annotations.cells import plain_name
from emodal_data.core.config import LabelsConfig
from emodal_data.core.labels import LabelScheme
from tests.flows.commands import emodal
from tests.media.films import Recipe, make_film

HEADER = "film,start,end,label,annotator,speaker\n"
#: Votes of CREMA-D by letter: two clips that are printed in its table, and what becomes of them with four classes.
CREMA_D = [
    ("1001_IEO_NEU_XX", {"H": 1, "N": 10}),
    ("1006_IEO_DIS_HI", {"D": 9, "N": 1}),
    ("1001_IEO_DIS_HI", {"A": 1, "D": 6, "N": 2}),
    ("1002_IEO_DIS_HI", {"A": 4, "D": 4, "F": 1, "H": 1}),
]
WORDS = {"A": "anger", "D": "disgust", "F": "fear", "H": "happy", "N": "neutral", "S": "sad"}
CORPORA = Path(__file__).parents[2].parent / "shared" / "corpora"


def rows_of(folder: Path, text: str, **labels: object) -> pd.DataFrame:
    path = folder / "spans.csv"
    path.write_text(HEADER + text, encoding="utf-8")
    return read_annotations(path, labels=LabelsConfig.model_validate(labels))


def crema_d_lines(clips: list[tuple[str, dict[str, int]]], film: str | None = None) -> str:
    return "".join(
        f"{film or name},{second},{second + 0.5},{WORDS[letter]},,\n"
        for second, (name, votes) in enumerate(clips)
        for letter, count in votes.items()
        for _ in range(count)
    )


def voted(rows: pd.DataFrame, labels: LabelsConfig | None = None) -> pd.DataFrame:
    """The outcome of each span of rows, which become clips as a plan makes them."""
    named = rows.assign(clip_id=rows["film"] + rows["start_s"].map(" {:g}".format))
    clips = count_votes(named, (labels or LabelsConfig()).classes).clips.astype(object)
    return clips.where(clips.notna(), None)


def test_votes_outside_the_classes_count_in_the_total_the_majority_and_ties(tmp_path: Path) -> None:
    outcome = voted(rows_of(tmp_path, crema_d_lines(CREMA_D)))
    told = outcome[["label", "outside", "label_confidence", "votes", "tied"]].to_numpy().tolist()
    assert told[0] == ["neutral", None, 10 / 11, 11, False]
    assert told[1] == [None, "disgust", 0.9, 10, False]
    assert told[2] == [None, "disgust", 6 / 9, 9, False]
    assert told[3][:2] + told[3][3:] == [None, None, 10, True]
    assert outcome.loc["1006_IEO_DIS_HI 1", [f"votes_{code}" for code in range(4)]].tolist() == [0, 0, 1, 0]


def test_the_multimodal_votes_of_crema_d_give_what_its_own_table_says(tmp_path: Path) -> None:
    table = CORPORA / "crema_d" / "tabulatedVotes.csv"
    if not table.is_file():
        pytest.skip(f"no tables of corpora at {CORPORA}")
    printed = list(csv.DictReader(table.open(encoding="utf-8")))
    clips = [(row["fileName"], {letter: int(row[letter]) for letter in WORDS}) for row in printed]
    outcome = voted(rows_of(tmp_path, crema_d_lines(clips)))
    for (name, _), row, (_, clip) in zip(clips, printed, outcome.iterrows(), strict=True):
        winners = row["emoVote"].split(":")
        assert clip["votes"] == int(row["numResponses"]), name
        assert clip["tied"] == (len(winners) > 1), name
        if len(winners) == 1:
            assert round(clip["label_confidence"], 3) == float(row["agreement"]), name
            word = clip["label"] or clip["outside"]
            assert word[0].upper() == winners[0], name
            assert (clip["outside"] is not None) == (winners[0] in "DF"), name
    assert outcome["label"].isna().sum() == 4
    assert outcome["outside"].tolist() == [None, "disgust", "disgust", None, None, "fear", None, None]


def test_alpha_counts_votes_outside_the_classes_as_values(tmp_path: Path) -> None:
    rows = rows_of(
        tmp_path,
        "f,0,1,sad,x,\nf,0,1,sad,y,\nf,1,2,disgust,x,\nf,1,2,disgust,y,\nf,2,3,sad,x,\nf,2,3,awe,y,\n",
    )
    measured = agreement(rows.assign(clip_id=rows["start_s"].map(str)), LabelsConfig().classes)
    assert (measured["spans"], measured["votes"]) == (3, 6)
    assert measured["alpha"] == pytest.approx(1 - 5 * 2 / (36 - 9 - 4 - 1))
    assert measured["per_class"]["sad"] == pytest.approx(1 - 5 * 2 / (36 - 9 - 9))
    assert measured["per_class"]["happy"] is None


@pytest.mark.parametrize(
    ("one", "other"), [("Zo\u00e9", "Zoe\u0301"), ("Ann Lee", "Ann  Lee"), ("7", "7.0"), ("7", "7.00")]
)
def test_a_person_in_two_spellings_is_one(tmp_path: Path, one: str, other: str) -> None:
    rows = rows_of(tmp_path, f"f,0,1,sad,{one},{one}\nf,0,1,angry,{other},{other}\n")
    assert rows["speaker"].tolist() == [one] * 2
    assert rows["annotator"].tolist() == [one] * 2


def test_names_that_hardly_differ_are_two_people_and_reported(tmp_path: Path) -> None:
    names = ["Anna", "anna", "Actor_01", "actor 1", "1.1", "11", "x-1", "x1", "Zo\u200be", "Zoe", "\uff21nna"]
    text = "film,start,end,label,speaker\n" + "".join(f"a,{n},{n + 1},sad,{s}\n" for n, s in enumerate(names))
    (tmp_path / "t.csv").write_text(text)
    rows = read_annotations(tmp_path / "t.csv")
    assert rows["speaker"].tolist() == names
    assert rows.attrs["warnings"] == (
        "column 'speaker': 'Anna' and 'anna', 'Actor_01' and 'actor 1', 'Zo\\u200be' and 'Zoe' and 1 more are "
        "different names; write one of them if they are the same",
    )


def test_other_names_stay_as_they_are() -> None:
    names = ["7.5", "07", "v1.0", "", "Ann"]
    assert [plain_name(name) for name in names] == names


def test_the_word_survives_beside_what_it_votes_for(tmp_path: Path) -> None:
    rows = rows_of(
        tmp_path,
        "f,0,1, JOY ,,\nf,1,2,Disgust,,\nf,2,3,xxx,,\nf,3,4,,,\nf,4,5,a/s,,\n",
        map={"xxx": "unlabelled", "a": "angry", "s": "sad"},
    )
    table = rows[["label", "label_as_written", "label_mapped_to"]].astype(object)
    assert table.where(table.notna(), None).to_numpy().tolist() == [
        ["happy", "JOY", "happy"],
        [None, "Disgust", "disgust"],
        [None, "xxx", None],
        [None, "", None],
        [None, "a/s", "a / s"],
    ]


def test_two_speakers_in_a_span_are_two_clips_through_the_command(tmp_path: Path) -> None:
    make_film(tmp_path, Recipe(frames=150), "film")
    spans = tmp_path / "spans.csv"
    spans.write_text(
        HEADER
        + "film.mp4,0,1,happy,x,ONE\nfilm.mp4,0,1,sad,x,TWO\nfilm.mp4,0,1,sad,y,TWO\n"
        + "film.mp4,2,3,happy,x,ONE\nfilm.mp4,2,3,sad,y,\n"
        + crema_d_lines(CREMA_D[1:2], "film.mp4").replace(",0,0.5,", ",4,4.5,"),
    )
    run = emodal(*("plan", "--films", tmp_path, "--annotations", spans, "--out", tmp_path / "out", "--json"))
    assert run.returncode == 0, run.stderr
    told = json.loads(run.stdout)
    assert told["clips"] == 3
    assert told["label_ties"] == 1
    wrong = [row for row in told["wrong_rows"] if row["reason"] == "label_outside_scheme"]
    assert [row["row"] for row in wrong] == list(range(7, 17))
    assert wrong[0]["detail"] == (
        "'disgust' has 90% of 10 votes and is none of angry, happy, neutral, sad: "
        "map it with labels.map, or add it to labels.classes"
    )
    assert told["warnings"][0] == (
        "labels outside the classes: 'disgust' x 9; they count as votes; give each a class in labels.map, or \"drop\""
    )


def test_a_scheme_knows_words_in_any_case_and_spelling() -> None:
    scheme = LabelScheme.of(LabelsConfig(classes=("Angry", "caf\u00e9"), map={"X1": "angry"}))
    assert scheme.words_of("ANGER") == ("Angry",)
    assert scheme.words_of("cafe\u0301") == ("caf\u00e9",)
    assert scheme.words_of("x1") == ("Angry",)
    assert scheme.words_of("Happy") == ("happy",)
