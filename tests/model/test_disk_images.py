"""Images on disk are read like images in memory, and leave no file behind."""

from pathlib import Path

import numpy as np
import pytest

from emodal_model.core.config import ModelConfig
from emodal_model.core.errors import ModelWorkError
from emodal_model.data.disk_images import DiskImages, on_disk
from emodal_model.data.samples import images_mb, join, read_samples
from emodal_model.data.synthetic import draw_samples
from emodal_model.inference.predictor import load
from emodal_model.training.train import train
from tests.model.conftest import write_dataset

RNG = np.random.default_rng(0)
PARTS = [RNG.integers(0, 256, (n, 4, 4), np.uint8) for n in (3, 0, 5)]
WHOLE = np.concatenate(PARTS)


@pytest.mark.parametrize(
    "chosen", [2, -1, slice(1, 7, 2), np.array([7, 0, 0, 3]), np.arange(8) % 2 == 1, np.array([], int)]
)
def test_they_read_like_one_array(chosen: object) -> None:
    np.testing.assert_array_equal(DiskImages(PARTS)[chosen], WHOLE[chosen])


def test_taking_and_joining_is_that_of_arrays() -> None:
    order, mask = np.array([7, 2, 2, 5, 0]), np.array([True, False, True, True, False])
    taken = DiskImages(PARTS).take(order).take(mask)
    np.testing.assert_array_equal(taken[:], WHOLE[order][mask])
    together = DiskImages.join([taken, DiskImages(PARTS).take(np.array([6]))])
    np.testing.assert_array_equal(together[:], np.concatenate([WHOLE[order][mask], WHOLE[[6]]]))
    assert together.shape == (4, 4, 4)
    np.testing.assert_array_equal(np.stack(list(together)), together[:])


def test_the_file_has_no_name(tmp_path: Path) -> None:
    array = on_disk((2, 3, 3), tmp_path)
    array[:] = 7
    assert list(tmp_path.iterdir()) == []
    assert (array == 7).all()
    with pytest.raises(ModelWorkError, match=r"raise model.memory_mb"):
        on_disk((2, 3, 3), tmp_path / "absent")


def test_samples_on_disk_are_the_samples_in_memory(tmp_path: Path) -> None:
    dataset = write_dataset(tmp_path / "d", train=draw_samples(25, seed=1), test=draw_samples(7, seed=2))
    assert images_mb(dataset) == 32 * 128 * 128 / 2**20
    there, here = (
        join([read_samples(dataset, s, spill) for s in ("train", "test")]) for spill in (tmp_path, None)
    )
    assert isinstance(there.images, DiskImages)
    for name, column in vars(here).items():
        if column is None:
            continue
        np.testing.assert_array_equal(getattr(there, name)[:], column, err_msg=name)


def test_a_training_beyond_its_memory_gives_the_same_network(tmp_path: Path, tiny: ModelConfig) -> None:
    dataset = write_dataset(tmp_path / "d", train=draw_samples(24, seed=1), test=draw_samples(8, seed=2))
    config = tiny.model_copy(update={"name": "image", "epochs": 1})
    for out, memory_mb in (("a", 4096.0), ("b", 0.25)):
        train(dataset, tmp_path / out, config.model_copy(update={"memory_mb": memory_mb}))
    one, other = (load(tmp_path / out).network.get_weights() for out in "ab")
    for a, b in zip(one, other, strict=True):
        np.testing.assert_array_equal(a, b)
    assert {p.name for p in (tmp_path / "a").iterdir()} == {p.name for p in (tmp_path / "b").iterdir()}
