"""Views of the face: columns where they were asked for, changed by augmentation as the image of the same sample."""

import io
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest
from PIL import Image

from emodal_data.clips.plan import ingest_key
from emodal_data.core.config import DatasetConfig
from emodal_data.dataset.augment.clip import augment_view
from emodal_data.dataset.augment.face import FaceChange
from emodal_data.dataset.compare import compare_datasets
from emodal_data.dataset.read import read_split
from emodal_data.dataset.verify import verify_dataset
from tests.published import written


def asked(**face: object) -> DatasetConfig:
    return DatasetConfig.model_validate({"face": {"views": ["rgb", "gray"]} | face})


def test_views_are_columns_of_their_own_and_change_nothing_else(tmp_path: Path) -> None:
    plain = written(tmp_path / "plain", "dataset")
    views = written(tmp_path / "views", "dataset", asked(view_format="png"))
    shard = "data/train-00000-of-00001.parquet"
    names, more = (pq.read_schema(folder / shard).names for folder in (plain, views))
    assert [name for name in more if name not in names] == ["image_rgb", "image_gray"]
    assert pq.read_table(views / shard, columns=names).equals(pq.read_table(plain / shard))
    assert verify_dataset(views) == []
    assert (
        "- `image_rgb`: the face in colour, upright and scaled, not turned to the front (224x224 pixels"
        in ((views / "README.md").read_text())
    )
    assert "image_rgb" not in (plain / "README.md").read_text()
    shown = [max((f / "report/data").glob("clips-*.js")).read_text() for f in (plain, views)]
    assert [text.count('"views":["data:image/jpeg;base64,') for text in shown] == [0, 18]
    differences = compare_datasets(plain, views)
    assert differences["settings"]["face.views"] == [[], ["rgb", "gray"]]
    kept = [span for span in differences["spans"]["changed"] if span["changed"].get("contents")]
    assert {tuple(span["changed"]["contents"]) for span in kept} >= {("views",)}


def test_every_view_of_a_sample_is_changed_as_its_image(tmp_path: Path) -> None:
    # The view gray of these clips has the pixels of the image.
    rows = read_split(written(tmp_path, "dataset", asked(view_format="png")), "train").to_pylist()
    changed = [row for row in rows if row["augmentation"] != "none"]
    noisy = ["pixelnoise" in row["augmentation"] for row in changed]
    assert 0 < sum(noisy) < len(changed) - 10
    for row, has_noise in zip(changed, noisy, strict=True):
        same = row["image_gray"]["bytes"] == row["image"]["bytes"]
        assert same != has_noise, row["augmentation"]  # each view has noise of its own
        image, view = (
            np.asarray(Image.open(io.BytesIO(row[name]["bytes"]))) for name in ("image", "image_gray")
        )
        assert has_noise or np.array_equal(image, view)


def test_the_frames_of_a_sample_are_changed_alike_and_unclear_ones_are_left_out(tmp_path: Path) -> None:
    # The last of the three frames of these clips is blurred; the others are equal to the image.
    config = asked(views=["gray"], view_format="png", frames=3, measures=True)
    folder = written(tmp_path / "drop", "dataset", config)
    assert verify_dataset(folder) == []
    for row in read_split(folder, "train").to_pylist():
        assert row["frame_times_s"] == pytest.approx([row["start_s"], row["start_s"] + 0.1])
        assert row["eye_left_frames"] == [0.25, 0.25] and row["yaw_deg_frames"] == [3.0, 3.0]
        has_noise = "pixelnoise" in row["augmentation"]
        for name in ("image_frames", "image_gray_frames"):
            assert [frame == row["image"] for frame in row[name]] == [not has_noise] * 2
    every = written(tmp_path / "score", "dataset", asked(frames=3, gate="score"))
    row = read_split(every, "test").to_pylist()[0]
    lists = {name: len(row[name]) for name in row if name.endswith("_frames")}
    assert lists == {"image_frames": 3, "image_rgb_frames": 3, "image_gray_frames": 3}


def test_a_larger_view_is_changed_in_proportion() -> None:
    change = FaceChange(True, 5.0, 1.0, (4, -2), 1.0, 0, 1.0, 3.0, (32, 64, 16, 8))
    wide = change.at_size(256, 512)
    assert wide.shift_px == (round(4 * 8**0.5), round(-2 * 8**0.5))
    assert wide.erased_px == (128, 128, 64, 16)
    assert wide.blur_px == pytest.approx(8**0.5)
    assert (wide.is_mirrored, wide.rotate_deg, wide.noise) == (True, 5.0, 3.0)
    colour = np.random.default_rng(0).integers(0, 256, (60, 90, 3), dtype=np.uint8)
    one, two = (augment_view(colour, name, "clip", 3, 0) for name in ("image_rgb", "image_rgb"))
    assert one.shape == (60, 90, 3) and np.array_equal(one, two)


def test_only_the_settings_of_views_that_are_built_read_films_again() -> None:
    def key(**face: object) -> str:
        config = DatasetConfig.model_validate({"face": face})
        return ingest_key(config.clips, config.face)

    assert key() == key(view_size_px=112, context_faces="boxed")
    assert key(views=["rgb"]) != key()
    assert key(views=["rgb"]) == key(views=["rgb"], context_faces="boxed")
    assert key(views=["rgb"]) != key(views=["rgb"], view_size_px=112)
    assert key(views=["context"]) != key(views=["context"], context_faces="boxed")
    assert key(frames=4) not in (key(), key(frames=8), key(frame="clearest"), key(frames=4, every_nth=2))
    assert key(frame_search_s=1) == key(frame_search_s=1, view_size_px=112)
