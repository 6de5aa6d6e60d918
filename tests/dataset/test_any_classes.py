"""Classes of the user's own, targets and columns of the table: they are in every file that a build writes."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from emodal_data import read_split
from emodal_data.clips.gates import apply_gates
from emodal_data.core.config import DatasetConfig, LabelsConfig
from emodal_data.core.errors import InputError, WorkError
from emodal_data.core.label_words import PRESETS, SYNONYMS
from emodal_data.core.labels import LabelScheme
from emodal_data.core.schema import vote_columns
from emodal_data.core.versions import package_versions
from emodal_data.corpora.registry import corpora
from emodal_data.dataset.compare import compare_datasets, format_differences
from emodal_data.dataset.plan import PlannedShards, plan_dataset
from emodal_data.dataset.read import read_samples
from emodal_data.dataset.shards import ShardSettings, shard_key
from emodal_data.dataset.verify import verify_dataset
from emodal_data.presentation.contact_sheet import contact_sheet
from flows.config.load import load_config
from flows.operations.forget import forget
from tests.published import fake_clips, publish, with_votes_for_labels

SEVEN = ("joy", "pride", "relief", 'awe "and" <b>', "boredom", "shame", "calm/quiet")


def settings(**more: Any) -> DatasetConfig:
    labels = {"classes": SEVEN, "targets": ["valence", "arousal"]}
    shards = {"columns": ["text", "take", "is_close", "code"], "soft_labels": True, **more}
    return DatasetConfig.model_validate({"labels": labels, "shards": shards})


def seven_classes(folder: Path, config: DatasetConfig, text: str = "line") -> Path:
    """A dataset of seven classes: ten films of seven clips, and columns of every type."""
    rows, clips, measures = fake_clips(folder / "clips", films=10, per_film=7)
    number = rows["start_s"].astype(int)
    label = number.map(dict(enumerate(SEVEN)))
    rows = with_votes_for_labels(rows.assign(label=label)).assign(
        valence=number.map("{}.5".format),
        arousal=["" if n == 3 else f"-0,{n}" for n in number],
        text=[f"{text} {n}" for n in number],
        take=number.map(str),
        is_close=["TRUE" if n % 2 else "false" for n in number],
        code=[f"0{n}" for n in number],
    )
    second = rows[rows["start_s"] == 1].assign(annotator="ben", valence="3.5", text="another")
    rows = pd.concat([rows, second], ignore_index=True)
    clips["label"] = clips["start_s"].astype(int).map(dict(enumerate(SEVEN)))
    votes = {name: (clips["start_s"] == n).astype(int) for n, name in enumerate(vote_columns(7))}
    clips = clips.drop(columns=vote_columns(4)).assign(**votes)
    clear = apply_gates(clips, measures, config.clips, config.face, config.audio)
    return publish(plan_dataset(rows, clear, config), folder / "build" / "dataset", config)


@pytest.fixture(scope="module")
def seven(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return seven_classes(tmp_path_factory.mktemp("seven"), settings())


def test_classes_are_in_shards_manifest_card_croissant_and_report(seven: Path) -> None:
    table = read_split(seven, "train")
    features = json.loads(table.schema.metadata[b"huggingface"])["info"]["features"]
    assert features["label"] == {"names": list(SEVEN), "_type": "ClassLabel"}
    assert features["label_votes"]["length"] == 7
    for row in table.select(["start_s", "label", "label_votes"]).to_pylist():
        assert row["label"] == int(row["start_s"])
        assert row["label_votes"] == np.eye(7)[row["label"]].tolist()
    manifest = json.loads((seven / "manifest.json").read_bytes())
    assert manifest["labels"] == list(SEVEN)
    assert list(manifest["split"]["per_class"]) == list(SEVEN)
    croissant = json.loads((seven / "croissant.json").read_bytes())
    assert [row["labels/name"] for row in croissant["recordSet"][0]["data"]] == list(SEVEN)
    assert (
        "| class | training clips | test clips |\n|---|---:|---:|\n| joy | "
        in (seven / "README.md").read_text()
    )
    script = (seven / "report" / "data" / "table.js").read_text()
    table_of_page = json.loads(script.removeprefix('emodal.receive("table",').rsplit(",null);", 1)[0])
    assert table_of_page["labels"] == list(SEVEN)
    assert list(table_of_page["colours"]) == [*SEVEN, "unlabelled"]
    assert set(read_samples(seven, [])["label"]) == set(SEVEN)
    assert contact_sheet(seven)[:2] == b"\xff\xd8"
    assert verify_dataset(seven) == []


def test_targets_and_columns_are_typed_values_of_every_sample(seven: Path) -> None:
    table = read_split(seven, "train")
    kinds = {name: str(table.schema.field(name).type) for name in table.schema.names[-6:]}
    assert kinds == {
        "valence": "float",
        "arousal": "float",
        "text": "string",
        "take": "int64",
        "is_close": "bool",
        "code": "string",
    }
    for row in table.to_pylist():
        n = int(row["start_s"])
        # Two annotators gave the second clip 1.5 and 3.5; of a text, the first row counts.
        assert row["valence"] == (2.5 if n == 1 else n + 0.5)
        assert row["arousal"] == (None if n == 3 else np.float32(-n / 10))
        assert (row["text"], row["take"], row["is_close"], row["code"]) == (
            f"line {n}",
            n,
            n % 2 == 1,
            f"0{n}",
        )
    about = table.schema.field("valence").metadata[b"description"].decode()
    assert about == "valence as annotated: the mean over the rows of the clip"


def test_manifest_card_and_report_show_how_columns_are_distributed(seven: Path) -> None:
    manifest = json.loads((seven / "manifest.json").read_bytes())
    originals = read_samples(seven, ["valence", "take"]).query("augmentation_index == 0")
    valence = manifest["columns"]["valence"]
    assert (valence["type"], valence["clips"]) == ("float", len(originals))
    assert valence["mean"] == pytest.approx(originals["valence"].mean(), rel=1e-5)
    assert sum(part["clips"] for part in valence["bins"]) == len(originals)
    take = manifest["columns"]["take"]
    assert (take["min"], take["max"]) == (0, 6)
    text = manifest["columns"]["text"]
    assert text["distinct"] == 7
    assert sum(text["most_frequent"].values()) == len(originals)
    assert "\n| text | string | " in (seven / "README.md").read_text()
    page = (seven / "report" / "index.html").read_text()
    assert 'data-figure="column-0"' in page
    assert '"column-5"' in (seven / "report" / "data" / "figures.js").read_text()


def test_two_builds_that_differ_in_a_carried_column_are_not_equal(seven: Path, tmp_path: Path) -> None:
    other = seven_classes(tmp_path, settings(), text="cue")
    told = format_differences(compare_datasets(seven, other))
    assert "other columns of the annotations" in told


def test_another_name_of_a_class_is_another_shard(tmp_path: Path) -> None:
    rows, clips, measures = fake_clips(tmp_path / "clips")
    keys = []
    for classes in (["angry", "happy", "neutral", "sad"], ["angry", "happy", "calm", "sad"]):
        config = DatasetConfig.model_validate({"labels": {"classes": classes}})
        names = dict(zip(["angry", "happy", "neutral", "sad"], classes, strict=True))
        renamed = clips.assign(label=clips["label"].map(names))
        clear = apply_gates(renamed, measures, config.clips, config.face, config.audio)
        shards = PlannedShards(plan_dataset(rows, clear, config), tmp_path, 2048)
        keys.append({shard_key(shard, ShardSettings.of(config, package_versions())) for shard in shards})
    assert len(keys[0]) == len(keys[1]) == 2
    assert not keys[0] & keys[1]


def test_a_forgotten_film_leaves_the_columns_too(tmp_path: Path) -> None:
    dataset = seven_classes(tmp_path, settings())
    before = json.loads((dataset / "manifest.json").read_bytes())
    forget(tmp_path / "build", film="f2.mp4")
    after = json.loads((dataset / "manifest.json").read_bytes())
    assert after["labels"] == list(SEVEN)
    assert after["columns"].keys() == before["columns"].keys()
    assert after["columns"]["take"]["clips"] == after["counts"]["clips"] < before["counts"]["clips"]


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"labels": {"targets": ["valance"]}}, "labels.targets: the annotations have no column 'valance'"),
        (
            {"shards": {"columns": ["notes"]}},
            "shards.columns: the annotations have no column 'notes'; did you mean 'note'?",
        ),
        ({"shards": {"columns": ["image"]}}, "shards.columns: the shards have a column 'image' of their own"),
    ],
)
def test_a_column_that_cannot_be_carried_is_told(tmp_path: Path, change: dict[str, Any], told: str) -> None:
    config = DatasetConfig.model_validate(change)
    rows, clips, measures = fake_clips(tmp_path / "clips")
    clear = apply_gates(clips, measures, config.clips, config.face, config.audio)
    with pytest.raises(InputError) as error:
        plan_dataset(rows, clear, config)
    assert str(error.value).startswith(told)


def test_targets_without_a_label_are_no_dataset_and_the_error_says_so(tmp_path: Path) -> None:
    config = DatasetConfig.model_validate({"labels": {"targets": ["valence"]}})
    rows, clips, measures = fake_clips(tmp_path / "clips")
    rows, clips = with_votes_for_labels(rows.assign(label=None, valence="0.5")), clips.assign(label=None)
    clear = apply_gates(clips, measures, config.clips, config.face, config.audio)
    with pytest.raises(WorkError, match="no row has a label of labels"):
        plan_dataset(rows, clear, config)


@pytest.mark.parametrize(
    ("setting", "told"),
    [
        ('labels.classes=["sad"]', "one class is nothing to tell apart: give 2 to 64"),
        ("labels.classes=[]", "without classes, targets must name columns of numbers"),
        ('labels.classes=["sad", "Sad"]', "two classes differ in case alone"),
        ('labels.classes=["sad", "a|b"]', "'a|b' is no name of a class"),
        ('labels.classes=["sad", "drop"]', "'drop' cannot be a class"),
        (
            'labels.map={joy="hapy"}',
            "joy = 'hapy' is no class (angry, happy, neutral, sad); did you mean 'happy'?",
        ),
        ('labels.map={sad="happy"}', "'sad' is a class itself"),
        ("labels.preset=posters", "preset is none of poster, ekman7"),
        ("labels.several=all", "'drop', 'first' or 'each'"),
    ],
)
def test_a_scheme_that_makes_no_sense_is_refused(setting: str, told: str) -> None:
    with pytest.raises(InputError) as error:
        load_config(None, [setting], films="f", annotations="a", out="o")
    assert told in str(error.value)


def test_sixty_four_classes_are_allowed_and_sixty_five_are_not() -> None:
    assert len(LabelsConfig(classes=tuple(f"c{n}" for n in range(64))).classes) == 64
    with pytest.raises(ValueError, match="at most 64"):
        LabelsConfig(classes=tuple(f"c{n}" for n in range(65)))


@pytest.mark.parametrize(
    ("several", "words"), [("drop", ("joy / fury",)), ("first", ("happy",)), ("each", ("happy", "fury"))]
)
def test_a_cell_with_several_labels_votes_as_told(several: Any, words: tuple[str, ...]) -> None:
    scheme = LabelScheme.of(LabelsConfig(several=several))
    for cell in ("joy, fury", "Joy;fury", "joy|fury", "joy / fury"):
        assert scheme.words_of(cell) == words
    assert scheme.words_of("joy, happy") == ("happy",)
    assert scheme.words_of("joy;") == ("happy",)
    assert scheme.words_of("['joy']") == ("happy",)
    assert scheme.words_of("[]") == ()


def test_a_word_that_a_cell_has_twice_is_two_votes_if_each_word_is_one() -> None:
    scheme = LabelScheme.of(LabelsConfig(several="each", map={"1": "sad"}))
    assert scheme.words_of('["joy", "joy", "happy", "1.0"]') == ("happy", "happy", "sad")


def test_a_class_with_a_separator_is_one_word() -> None:
    scheme = LabelScheme.of(LabelsConfig(classes=("anger/rage", "calm")))
    assert scheme.words_of("Anger/Rage") == ("anger/rage",)


def test_synonyms_lead_to_the_class_of_their_line_and_can_be_turned_off() -> None:
    default, off = LabelScheme.of(LabelsConfig()), LabelScheme.of(LabelsConfig(synonyms=False))
    assert [default.words_of(word) for word in ("joy", "Joyful", "MAD", "sadness", "fear")] == [
        ("happy",),
        ("happy",),
        ("angry",),
        ("sad",),
        ("fear",),
    ]
    assert off.words_of("joy") == ("joy",)
    assert off.words_of("HAPPY") == ("happy",)
    # Two classes of one line: neither takes the other's words.
    both = LabelScheme.of(LabelsConfig(classes=("joy", "happy")))
    assert both.words_of("joyful") == ("joyful",)


def test_a_preset_gives_classes_and_codes_and_classes_of_ones_own_replace_its() -> None:
    iemocap = LabelsConfig.model_validate({"preset": "iemocap"})
    scheme = LabelScheme.of(iemocap)
    assert scheme.words_of("exc") == ("happy",)
    assert scheme.words_of("xxx") == ()
    assert scheme.words_of("oth") == ("other",)
    four = LabelScheme.of(LabelsConfig.model_validate({"preset": "crema_d", "classes": ["angry", "happy"]}))
    assert [four.words_of(letter) for letter in "AHD"] == [("angry",), ("happy",), ("disgust",)]


def test_every_corpus_with_classes_has_a_preset_of_the_same_classes() -> None:
    of_corpora = {corpus.name: corpus.classes for corpus in corpora().values() if corpus.classes}
    assert {name: set(PRESETS[name].classes) for name in of_corpora} == {
        name: set(classes) for name, classes in of_corpora.items()
    }


def test_the_page_of_labels_shows_every_synonym_and_preset() -> None:
    page = (Path(__file__).parents[2] / "docs" / "labels.md").read_text()
    for line in SYNONYMS:
        assert f"| {line[0]} | {', '.join(line[1:])} |" in page
    for name in PRESETS:
        assert f"`{name}`" in page
