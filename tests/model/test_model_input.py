"""The picture that networks take (model.input): a view in colour is trained on, exported and predicted from."""

from pathlib import Path

import cv2
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from emodal_model import load
from emodal_model.core.config import ModelConfig
from emodal_model.core.errors import ModelInputError
from emodal_model.data.synthetic import draw_samples
from emodal_model.evaluation.evaluate import evaluate
from emodal_model.training.train import train
from tests.model.conftest import write_dataset

#: A colour for each class, all with the same gray (76 of 255).
HUES = np.array([[254, 0, 0], [0, 129, 0], [80, 40, 250], [76, 76, 76]], np.uint8)


def views(labels: np.ndarray, side: int) -> np.ndarray:
    """(n, side, side, 3) pictures whose class only their colour tells."""
    return np.broadcast_to(HUES[labels][:, None, None], (len(labels), side, side, 3))


@pytest.fixture(scope="module")
def coloured(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A dataset with the view rgb, of 160 pixels, whose gray images say nothing."""
    splits = {name: draw_samples(n, seed=n) for name, n in (("train", 64), ("test", 40))}
    for samples in splits.values():
        samples.images[:] = samples.images[0]
    folder = write_dataset(tmp_path_factory.mktemp("coloured"), **splits)
    for path in (folder / "data").glob("*.parquet"):
        table = pq.read_table(path)
        pictures = views(table["label"].to_numpy(), 160)[..., ::-1]
        files = [{"bytes": cv2.imencode(".jpeg", one)[1].tobytes(), "path": None} for one in pictures]
        kind = pa.struct([("bytes", pa.binary()), ("path", pa.string())])
        pq.write_table(table.append_column("image_rgb", pa.array(files, kind)), path)
    return folder


def test_colour_is_learned_from_the_view_rgb_and_not_from_the_image(
    coloured: Path, tiny: ModelConfig, tmp_path: Path
) -> None:
    more = {"name": "image", "epochs": 12, "min_steps": 1, "filters": (4, 4, 8), "vary_pictures": False}
    config = tiny.model_copy(update=more | {"dropout": 0.0, "learning_rate": 1e-2})
    reached = {}
    for picture in ("image", "rgb"):
        one = config.model_copy(update={"input": picture})
        metrics = train(coloured, tmp_path / picture, one)
        reached[picture] = metrics["networks"]["image"]["accuracy"]
    assert reached["image"] < 0.45 and reached["rgb"] == 1.0
    network = load(tmp_path / "rgb")
    assert network.picture == "rgb"
    answers = network.predict(views(np.arange(4), 160))  # of another size than the network's
    assert answers.argmax(axis=1).tolist() == [0, 1, 2, 3]
    assert network.predict_each([views(np.array([2]), 128)[0], None], [None, None])[1].used is None
    with pytest.raises(
        ModelInputError, match=r"images must be \(n, 128, 128, 3\) uint8, not \(1, 128, 128\)"
    ):
        network.predict(np.zeros((1, 128, 128), np.uint8))
    card = (tmp_path / "rgb" / "README.md").read_text()
    assert "a face in colour (the view rgb, resized to 128x128)" in card and "--set input=rgb" in card
    assert evaluate(tmp_path / "rgb", coloured).networks["image"]["accuracy"] == 1.0
    plain = write_dataset(tmp_path / "plain", test=draw_samples(8, seed=3))
    missing = r'has no column image_rgb, which model.input=rgb needs; .*face.views=\["rgb"\]'
    with pytest.raises(ModelInputError, match=missing):
        evaluate(tmp_path / "rgb", plain)


def test_a_dataset_without_the_view_is_refused(coloured: Path, tiny: ModelConfig, tmp_path: Path) -> None:
    gray = tiny.model_copy(update={"name": "image", "input": "gray"})
    with pytest.raises(
        ModelInputError, match=r'has no column image_gray, .* --set \'face.views=\["gray"\]\''
    ):
        train(coloured, tmp_path / "model", gray)
