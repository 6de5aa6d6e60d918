"""Embeddings of faces: near for one person, far for two."""

from pathlib import Path

import cv2
import numpy as np
import pytest

from emodal_data.core.config import ClipsConfig
from emodal_data.core.errors import InputError
from emodal_data.face import create_backend, embedding
from emodal_data.face.embedding import create_embedder
from emodal_data.media import open_film


@pytest.fixture(scope="module", autouse=True)
def dlib() -> None:
    pytest.importorskip("dlib", reason="the extra people is not installed")


def test_talkers_of_two_moments_are_one_person_and_of_two_films_two(media: Path) -> None:
    backend, embed = create_backend("embedded"), create_embedder("dlib")
    vectors, talkers = [], []
    for path in sorted((media / "grid").glob("*.mpg"))[:4]:
        with open_film(path, root=path.parent, config=ClipsConfig()) as film:
            for t_s in (0.5, 2.5):
                rgb = film.frame_at(t_s).rgb
                vectors.append(embed(rgb, backend.faces(rgb)[0].landmarks68))
                talkers.append(path.name)
    apart = np.linalg.norm(np.array(vectors)[:, None] - vectors, axis=2)
    same = np.array(talkers)[:, None] == talkers
    assert apart[same].max() < 0.4
    assert apart[~same].min() > 0.55


def test_an_embedding_does_not_depend_on_the_size_of_the_picture() -> None:
    data = pytest.importorskip("skimage.data")
    backend, embed = create_backend("embedded"), create_embedder("dlib")
    whole = data.astronaut()
    half = cv2.resize(whole, (256, 256), interpolation=cv2.INTER_AREA)
    one, two = (embed(rgb, backend.faces(rgb)[0].landmarks68) for rgb in (whole, half))
    assert one.shape == (128,)
    assert np.linalg.norm(one - two) < 0.25


def test_missing_packages_and_unknown_embedders_say_what_to_do(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(InputError, match="no such embedder; use dlib"):
        create_embedder("arcface")
    monkeypatch.setattr(embedding, "find_spec", lambda name: None)
    with pytest.raises(InputError, match=r"pip install 'emodal\[people\]'"):
        embedding.DlibEmbedder()
