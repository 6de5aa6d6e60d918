"""The face_alignment backend: FAN of the real package, and its weight files."""

import hashlib
import os
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from emodal_data.core.errors import Dropped, InputError
from emodal_data.core.reasons import Reason
from emodal_data.face import Detection, create_backend, weights

# The package compiles two small loops with numba at its first face: ten seconds that these tests need not spend.
os.environ.setdefault("NUMBA_DISABLE_JIT", "1")

REAL = weights.FAN


@pytest.fixture(scope="module", autouse=True)
def torch() -> Any:
    """Imported for these tests only: every test process collects this file, and one runs it."""
    for package in ("torch", "face_alignment"):
        pytest.importorskip(package, reason="needs the fan extra: pip install 'emodal[fan]'")
    return sys.modules["torch"]


@pytest.fixture(scope="module")
def drawn(torch, tmp_path_factory) -> Path:
    """Weights of the real network's shapes, drawn at random, under a name that carries their checksum."""
    from face_alignment.models import FAN

    torch.manual_seed(0)
    folder = tmp_path_factory.mktemp("weights")
    torch.save(FAN(4).state_dict(), folder / "drawn")
    digits = hashlib.sha256((folder / "drawn").read_bytes()).hexdigest()[:10]
    return (folder / "drawn").rename(folder / f"2DFAN4-{digits}.pth.tar")


@pytest.fixture(scope="module")
def fan(drawn):
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(weights, "FAN", drawn.name)
        yield create_backend("face_alignment", drawn.parent)


@pytest.fixture
def offline(torch, monkeypatch, tmp_path):
    """An empty cache and no network."""

    def refuse(*_args, **_kwargs):
        raise OSError("no network")

    monkeypatch.setattr(torch.hub, "download_url_to_file", refuse)
    monkeypatch.setattr(torch.hub, "get_dir", lambda: str(tmp_path / "hub"))
    return tmp_path / "hub" / "checkpoints"


def test_the_networks_points_and_scores_are_passed_on(fan, photo, photo_face):
    import face_alignment

    (face,) = fan.faces(photo)
    assert face.box_xyxy == photo_face.box_xyxy and face.score == photo_face.score
    assert face.landmarks68.shape == (68, 2) and face.landmarks68.dtype == np.float64
    # The package itself, given the same network and the box it was trained on: tight around the 68 points.
    plain = face_alignment.FaceAlignment.__new__(face_alignment.FaceAlignment)
    plain.__dict__.update(fan._aligner.__dict__)
    points68 = photo_face.landmarks68
    box = [*points68.min(axis=0), *points68.max(axis=0), photo_face.score]
    points, scores, _ = plain.get_landmarks(photo, detected_faces=[box], return_landmark_score=True)
    assert np.array_equal(face.landmarks68, points[0])
    assert face.landmark_score == pytest.approx(float(scores[0].mean()))
    assert face.landmarks468 is None


def test_a_face_cut_by_the_border_still_gives_68_points(fan, photo):
    (face,) = fan.faces(photo[:, 180:])
    assert face.box_xyxy[0] < 10
    assert np.isfinite(face.landmarks68).all()


def test_a_box_that_cannot_be_cut_out_is_dropped(fan, monkeypatch, photo):
    monkeypatch.setattr(fan, "_sfd", True)
    with pytest.raises(Dropped) as caught:
        fan.landmarks(photo, Detection((10.0, 10.0, 10.0, 10.0), 0.9))
    assert caught.value.reason is Reason.NO_FACE


def test_the_packages_own_detector_can_give_the_boxes(torch, drawn, monkeypatch, photo):
    from face_alignment.detection.sfd.net_s3fd import s3fd

    torch.manual_seed(0)
    torch.save(s3fd().state_dict(), drawn.parent / "sfd")
    digits = hashlib.sha256((drawn.parent / "sfd").read_bytes()).hexdigest()[:10]
    (drawn.parent / "sfd").rename(drawn.parent / f"s3fd-{digits}.pth")
    monkeypatch.setattr(weights, "FAN", drawn.name)
    monkeypatch.setattr(weights, "SFD", f"s3fd-{digits}.pth")
    backend = create_backend("face_alignment", drawn.parent, detector="sfd")
    rows = [[5.0, 6.0, 25.0, 30.0, 0.7], [40.0, 8.0, 90.0, 70.0, 0.9]]
    assert isinstance(backend.detect(photo[:64, :64]), list)  # the network runs; what it sees is drawn by lot
    monkeypatch.setattr(backend._aligner.face_detector, "detect_from_image", lambda _image: rows)
    largest, smaller = backend.detect(photo)
    assert largest.box_xyxy == (40.0, 8.0, 90.0, 70.0) and largest.score == 0.9 and smaller.score == 0.7
    face = backend.landmarks(photo, largest)
    points, _, _ = backend._aligner.get_landmarks(photo, detected_faces=[rows[1]], return_landmark_score=True)
    assert np.array_equal(face.landmarks68, points[0])


def test_missing_weights_say_which_file_to_put_where(offline, tmp_path):
    with pytest.raises(InputError) as caught:
        create_backend("face_alignment")
    assert weights.FAN in str(caught.value) and str(offline) in str(caught.value)
    with pytest.raises(InputError) as caught:
        create_backend("face_alignment", tmp_path / "mine", detector="sfd")
    message = str(caught.value)
    assert weights.FAN in message and weights.SFD in message and str(tmp_path / "mine") in message
    assert "\n" not in message


def test_a_folder_of_the_user_is_never_downloaded_into(torch, monkeypatch, tmp_path):
    monkeypatch.setattr(torch.hub, "download_url_to_file", lambda *_a, **_k: pytest.fail("downloaded"))
    with pytest.raises(InputError, match="missing"):
        create_backend("face_alignment", tmp_path)


def test_what_the_cache_lacks_is_downloaded_with_its_checksum(torch, offline, monkeypatch, drawn):
    asked = []

    def serve(url, path, digits, progress):
        asked.append((url.rpartition("/")[2], digits))
        Path(path).write_bytes(drawn.read_bytes())

    monkeypatch.setattr(torch.hub, "download_url_to_file", serve)
    found = weights.find_weights([drawn.name], None, offline)
    assert found == [offline / drawn.name]
    assert asked == [(drawn.name, drawn.name[7:17])]


def test_damaged_weights_are_refused(tmp_path):
    (tmp_path / weights.FAN).write_bytes(b"half a download")
    with pytest.raises(InputError, match="damaged"):
        create_backend("face_alignment", tmp_path)


def test_weights_of_another_network_are_refused(torch, tmp_path, monkeypatch):
    torch.save({"conv": torch.zeros(1)}, tmp_path / "other")
    name = f"other-{hashlib.sha256((tmp_path / 'other').read_bytes()).hexdigest()[:10]}.pth"
    (tmp_path / "other").rename(tmp_path / name)
    monkeypatch.setattr(weights, "FAN", name)
    with pytest.raises(InputError, match="another network"):
        create_backend("face_alignment", tmp_path)


def test_the_real_weights_put_the_points_where_the_embedded_ones_are(torch, photo, photo_face, monkeypatch):
    cached = Path(torch.hub.get_dir()) / "checkpoints" / REAL
    if not cached.is_file():
        pytest.skip(f"no real FAN weights here: put {REAL} into {cached.parent} to run this")
    monkeypatch.setattr(weights, "FAN", REAL)
    (face,) = create_backend("face_alignment").faces(photo)
    eyes = photo_face.landmarks68[[36, 45]]
    between = np.linalg.norm(eyes[0] - eyes[1])
    error = np.linalg.norm(face.landmarks68 - photo_face.landmarks68, axis=1)[17:]
    assert error.mean() < 0.08 * between
    assert face.landmark_score > 0.5
