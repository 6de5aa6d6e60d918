"""Perceptual hashes: the same picture in another encoding is near, another picture is not."""

import cv2
import numpy as np
import pytest

from emodal_data.dataset.split.near_duplicates import NEAR_BITS, near_any
from emodal_data.face.perceptual_hash import face_hash


def picture(seed: int) -> np.ndarray:
    """Smooth blobs with some grain, as varied as faces are."""
    draw = np.random.default_rng(seed)
    blobs = cv2.GaussianBlur(draw.normal(size=(128, 128)), (0, 0), 6)
    blobs = (blobs - blobs.min()) / np.ptp(blobs)
    return np.clip(40 + 160 * blobs + draw.normal(0, 3, (128, 128)), 0, 255).astype(np.uint8)


@pytest.mark.parametrize("seed", range(5))
def test_a_picture_encoded_again_smaller_or_brighter_is_the_same(seed: int) -> None:
    original = picture(seed)
    small = cv2.resize(cv2.resize(original, (64, 64), interpolation=cv2.INTER_AREA), (128, 128))
    again = cv2.imdecode(
        cv2.imencode(".jpg", original, [cv2.IMWRITE_JPEG_QUALITY, 40])[1], cv2.IMREAD_GRAYSCALE
    )
    brighter = np.clip(original * 1.1 + 5, 0, 255).astype(np.uint8)
    copies = [face_hash(small), face_hash(again), face_hash(brighter)]
    assert near_any(copies, [face_hash(original)], NEAR_BITS).all()


def test_different_pictures_are_not_near() -> None:
    hashes = [face_hash(picture(seed)) for seed in range(40)]
    assert not any(
        near_any([one], hashes[:i] + hashes[i + 1 :], NEAR_BITS)[0] for i, one in enumerate(hashes)
    )
