"""LIRIS-ACCEDE, valence and arousal without classes: from the corpus' own files to a model, through the command."""

import csv
import json
from pathlib import Path

import pyarrow.parquet as pq
import pytest

import emodal
from emodal_data import read_split
from emodal_data.core.config import ClipsConfig
from emodal_data.core.errors import InputError
from emodal_data.dataset.verify import verify_dataset
from emodal_data.media.mp4 import export_clip
from emodal_data.presentation.formats.export import export_dataset
from emodal_model.evaluation.compare import compare_trainings
from emodal_model.inference.export import export
from flows.config.load import load_config
from flows.operations.propose import make_proposal
from tests.flows.commands import emodal as command

TARGETS = ("valence", "arousal")
#: A network that is trained in seconds, and knows next to nothing.
TINY = [
    word
    for setting in ("name=emodal", "epochs=1", "members=1", "filters=[2,2,2]")
    for word in ("--set", f"model.{setting}")
]
#: The numbers of a clip in ACCEDEranking.txt, by its number.
VALENCE, AROUSAL = [1 + n / 4 for n in range(12)], [3 - n / 8 for n in range(12)]
#: What ACCEDEsets.txt calls the sets, and what they are.
SETS = {1: "train", 2: "validation", 0: "test"}


def write_corpus(few_films: Path, folder: Path) -> Path:
    """Clips of three films under the names of LIRIS-ACCEDE, and its three tables; each film is a set."""
    with (few_films / "annotations.csv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    films = sorted({row["film"] for row in rows})
    ranking = ["id\tname\tvalenceRank\tarousalRank\tvalenceValue\tarousalValue"]
    sets, described = ["id\tname\tset"], ["<medias>"]
    (folder / "data").mkdir(parents=True)
    for n, row in enumerate(rows):
        name = f"ACCEDE{n:05d}.mp4"
        span = (float(row["start"]), float(row["end"]))
        export_clip(
            few_films / "films" / row["film"],
            *span,
            folder / "data" / name,
            config=ClipsConfig(export="exact"),
        )
        ranking.append(f"{n}\t{name}\t{n * 800}\t{n}\t{VALENCE[n]}\t{AROUSAL[n]}")
        sets.append(f"{n}\t{name}\t{list(SETS)[films.index(row['film'])]}")
        described.append(f"<media><name>{name}</name><movie>{row['film']}</movie></media>")
    (folder / "ACCEDEranking.txt").write_text("\n".join(ranking))
    (folder / "ACCEDEsets.txt").write_text("\n".join(sets))
    (folder / "ACCEDEdescription.xml").write_text("\n".join([*described, "</medias>"]))
    return folder


@pytest.fixture(scope="module")
def built(few_films: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("liris")
    corpus = write_corpus(few_films, folder / "LIRIS-ACCEDE")
    run = command("corpus", "table", "liris-accede", corpus, "--out", folder / "spans.csv")
    assert run.returncode == 0, run.stderr
    run = command("build", "--config", folder / "emodal.toml", "--set", "face.gate=score", *TINY)
    assert run.returncode == 0, run.stderr
    return folder / "build" / "dataset"


def test_the_numbers_and_sets_of_the_corpus_are_those_of_the_shards(built: Path) -> None:
    ledger = pq.read_table(built / "ledger.parquet").to_pylist()
    kept = [row["film"] for row in ledger if row["outcome"] == "kept"]
    assert len(ledger) == 12 and len(kept) >= 10
    assert len({row["series"] for row in ledger}) == 3
    for place, split in enumerate(SETS.values()):
        samples = read_split(built, split).to_pylist()
        found = {sample["film"]: (sample["valence"], sample["arousal"]) for sample in samples}
        names = {f"data/ACCEDE{n:05d}.mp4": n for n in range(4 * place, 4 * place + 4)}
        assert found == {name: (VALENCE[n], AROUSAL[n]) for name, n in names.items() if name in kept}
        assert len(samples) == len(found) * (3 if split == "train" else 1)
    assert json.loads((built / "manifest.json").read_bytes())["labels"] == []
    assert verify_dataset(built) == []


def test_a_network_of_the_numbers_alone_is_trained_and_evaluated(built: Path) -> None:
    model = built.parent / "model"
    metrics = json.loads((model / "metrics.json").read_bytes())
    assert (metrics["networks"], metrics["validation"]["group_by"]) == ({}, "split")
    tested = read_split(built, "test")["valence"].to_pylist()
    for target in TARGETS:
        scores = metrics["targets"][target]["emodal"]
        assert (scores["n"], len(scores["ccc_interval"]), scores["rmse"] > 0) == (len(tested), 2, True)
    assert emodal.evaluate(model, built)["targets"] == metrics["targets"]
    truth = pq.read_table(model / "predictions.parquet")["target.valence"].to_pylist()
    assert sorted(truth) == sorted(tested)
    same = compare_trainings(model, model)["targets"]["valence"]["emodal"]
    assert (same["n"], same["difference"]) == (len(tested), 0.0)


def test_a_prediction_has_a_number_for_each_target_and_no_class(built: Path, tmp_path: Path) -> None:
    film = built.parents[1] / "LIRIS-ACCEDE" / "data" / "ACCEDE00000.mp4"
    (tmp_path / "spans.csv").write_text(f"film,start,end,label\n{film.name},0.1,1.1,\n")
    answer = emodal.predict(built.parent, film, tmp_path / "spans.csv", tmp_path / "out")
    assert (answer["labels"], answer["targets"]) == ([], list(TARGETS))
    (line,) = answer["spans"]
    assert "predicted" not in line
    with (tmp_path / "out" / "predictions.csv").open(encoding="utf-8", newline="") as file:
        (row,) = csv.DictReader(file)
    assert list(row)[:6] == ["film", "start_s", "end_s", *TARGETS, "used"]
    assert [float(row[name]) for name in TARGETS] == [line[name] for name in TARGETS]
    assert (tmp_path / "out" / "timeline.png").stat().st_size > 1000
    config = load_config(None, [], films=film.parent, annotations=film, out=tmp_path / "p")
    with pytest.raises(InputError, match="has no classes, and spans are ranked by their probabilities"):
        make_proposal(config, 1, with_clips=False, model=built.parent)


def test_the_exported_network_has_the_values_of_each_head_alone(built: Path, tmp_path: Path) -> None:
    onnxruntime = pytest.importorskip("onnxruntime", reason="onnxruntime comes with the extra onnx")
    path, difference = export(emodal.load_model(built.parent / "model"), tmp_path, "onnx")
    assert difference < 1e-4
    session = onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
    shapes = {output.name: output.shape[1:] for output in session.get_outputs()}
    assert {name: shape for name, shape in shapes.items() if not name.endswith("_code")} == {
        f"{head}_values": [2] for head in ("both", "audio", "image")
    }


def test_every_export_of_the_dataset_has_the_numbers(built: Path, tmp_path: Path) -> None:
    import datasets
    import tensorflow as tf
    import webdataset

    samples = read_split(built, "train").to_pylist()
    for to in ("huggingface", "webdataset", "tfrecord"):
        export_dataset(built, to, tmp_path / to)
        reading = (tmp_path / to / "README.md").read_text().split("## Reading")[-1].split("## Loading")[-1]
        assert "label" not in reading
    hub = datasets.load_dataset(str(tmp_path / "huggingface"), cache_dir=str(tmp_path / "cache"))["train"]
    assert "label" not in hub.features
    tar = str(tmp_path / "webdataset" / "train-00000-of-00001.tar")
    read = [json.loads(one["json"]) for one in webdataset.WebDataset(tar, shardshuffle=False)]
    file = str(tmp_path / "tfrecord" / "train-00000-of-00001.tfrecord")
    records = [
        tf.train.Example.FromString(one.numpy()).features.feature for one in tf.data.TFRecordDataset(file)
    ]
    for name in TARGETS:
        wanted = [sample[name] for sample in samples]
        assert hub[name][:] == wanted
        assert [one[name] for one in read] == wanted
        assert [one[name].float_list.value[0] for one in records] == pytest.approx(wanted)
