"""What a network is asked about is what a build would have stored; a missing modality costs only itself."""

import csv
import io
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pyarrow.parquet as pq
import pytest

from emodal_data.audio_features import clip_features
from emodal_data.clips.extract import (
    SpanFeatures,
    extract_features,
    extract_features_isolated,
)
from emodal_data.clips.ingest import read_reel
from emodal_data.clips.plan import Clip, Reel
from emodal_data.clips.read_settings import ReadSettings
from emodal_data.clips.store import read_payload
from emodal_data.core.config import AudioConfig, ClipsConfig, FaceConfig
from emodal_data.core.reasons import Reason
from emodal_data.core.span import Span
from emodal_data.core.worker_pool import WorkerFailed
from emodal_data.media.encoders import decode_image
from tests.media.films import Recipe, make_film

SETTINGS = ReadSettings(ClipsConfig(), FaceConfig(), AudioConfig())


def good_spans(samples: Path, kind: str = "good") -> list[tuple[str, Span]]:
    truth = csv.DictReader(io.StringIO((samples / "truth.csv").read_text()))
    return [
        (row["film"], Span(float(row["start"]), float(row["end"]))) for row in truth if row["kind"] == kind
    ]


def test_face_and_features_are_those_that_a_build_stores(sample_films: Path, tmp_path: Path) -> None:
    film = good_spans(sample_films)[0][0]
    spans = [span for name, span in good_spans(sample_films) if name == film][:3]
    clips = tuple(Clip(f"c{i}", span.start_s, span.end_s) for i, span in enumerate(spans))
    films = sample_films / "films"
    read_reel(Reel(film, films / film, clips, tmp_path / "k-r.parquet"), replace(SETTINGS, films=films))
    stored = read_payload(tmp_path / "k-r.parquet", list(range(len(spans))))
    for seen, row in zip(extract_features(films / film, spans, SETTINGS), stored, strict=True):
        assert seen.face_reason is None and seen.sound_reason is None
        np.testing.assert_array_equal(
            seen.image, cv2.imdecode(np.frombuffer(row["image"], np.uint8), cv2.IMREAD_GRAYSCALE)
        )
        np.testing.assert_array_equal(
            seen.audio_features, clip_features(np.frombuffer(row["audio"], "<i2")).astype(np.float32)
        )


def test_several_frames_of_a_span_are_of_one_face_and_those_that_a_build_stores(
    sample_films: Path, tmp_path: Path
) -> None:
    (film, span), films = good_spans(sample_films)[0], sample_films / "films"
    face = FaceConfig(frames=4, frame="clearest", views=("rgb",))
    settings = replace(SETTINGS, films=films, face=face)
    file = tmp_path / "k-r.parquet"
    read_reel(Reel(film, films / film, (Clip("c", span.start_s, span.end_s),), file), settings)
    (stored,) = pq.read_table(file).to_pylist()
    frames = stored["frames"]
    wanted_s = [span.start_s + (n + 0.5) * span.length_s / 4 for n in range(4)]
    assert [frame["time_s"] for frame in frames] == pytest.approx(wanted_s, abs=0.05)
    assert len({frame["image"] for frame in frames}) == 4
    centres = [(frame["x0"] + frame["x1"]) / 2 for frame in frames]
    assert max(centres) - min(centres) < frames[0]["x1"] - frames[0]["x0"]
    best = max(one["view_score"] / (1 + one["blur_px"]) for one in frames)
    assert stored["view_score"] / (1 + stored["blur_px"]) >= best  # chosen among these and more
    assert cv2.imdecode(np.frombuffer(frames[0]["image_rgb"], np.uint8), 1).shape == (224, 224, 3)
    (seen,) = extract_features(films / film, [span], settings)
    decoded = [cv2.imdecode(np.frombuffer(frame["image"], np.uint8), 0) for frame in frames]
    np.testing.assert_array_equal(seen.frames, decoded)
    assert seen.frame_s == stored["frame_s"]
    (coloured,) = extract_features(films / film, [span], replace(settings, picture="rgb"))
    views = [decode_image(data) for data in (stored["image_rgb"], frames[0]["image_rgb"])]
    np.testing.assert_array_equal([coloured.image, coloured.frames[0]], views)


def test_a_film_without_faces_keeps_its_sound_and_one_without_sound_track_says_so(tmp_path: Path) -> None:
    with_sound = make_film(tmp_path, Recipe(), "loud")
    silent = make_film(tmp_path, Recipe(audio=None), "mute")
    (seen,) = extract_features(with_sound, [Span(1.0, 2.5)], SETTINGS)
    assert seen.image is None and seen.face_reason is Reason.NO_FACE
    assert seen.audio_features is not None and seen.audio_features.shape == (68,)
    assert seen.sound_reason is None
    assert seen.frame_s == pytest.approx(1.72)
    assert seen.short_term is None
    framed = ReadSettings(SETTINGS.clips, SETTINGS.face, AudioConfig(short_term=True))
    (again,) = extract_features(with_sound, [Span(1.0, 2.5)], framed)
    np.testing.assert_array_equal(again.audio_features, seen.audio_features)
    assert again.short_term is not None and again.short_term.shape == (59, 68)  # 1 + (1.5 - 0.05) / 0.025
    np.testing.assert_allclose(again.short_term[:, :34].mean(axis=0), seen.audio_features[:34], rtol=1e-5)
    (mute,) = extract_features(silent, [Span(1.0, 2.5)], SETTINGS)
    assert (mute.image, mute.audio_features) == (None, None)
    assert mute.sound_reason is Reason.NO_AUDIO


def test_a_face_that_the_gate_would_drop_is_not_shown_to_the_network(sample_films: Path) -> None:
    name, span = good_spans(sample_films)[0]
    strict = ReadSettings(SETTINGS.clips, FaceConfig(min_width_px=100_000), SETTINGS.audio)
    (seen,) = extract_features(sample_films / "films" / name, [span], strict)
    assert seen.image is None and seen.face_reason is Reason.FACE_TOO_SMALL
    assert seen.audio_features is not None


def test_a_span_beyond_the_film_has_neither(tmp_path: Path) -> None:
    (seen,) = extract_features(make_film(tmp_path, Recipe()), [Span(60.0, 61.0)], SETTINGS)
    assert seen.face_reason is Reason.SPAN_OUTSIDE_FILM and seen.sound_reason is Reason.SPAN_OUTSIDE_FILM
    assert seen.frame_s is None


def test_what_is_no_film_is_a_reason_for_every_span(tmp_path: Path) -> None:
    (tmp_path / "a.mp4").write_bytes(b"no film")
    seen = extract_features(tmp_path / "a.mp4", [Span(0, 1), Span(1, 2)], SETTINGS)
    assert [s.face_reason for s in seen] == [s.sound_reason for s in seen] == [Reason.FILM_UNREADABLE] * 2


def test_a_span_that_kills_its_worker_costs_only_itself() -> None:
    class Pool:
        """Dies on any work that holds the span at 1 s."""

        def run(self, timeout_s: float, function: object, path: Path, spans: list[Span], _: object) -> object:
            if any(span.start_s == 1 for span in spans):
                raise WorkerFailed(Reason.DECODER_CRASHED, "gone")
            return [SpanFeatures(span, frame_s=span.start_s) for span in spans]

    seen = extract_features_isolated(Path("f"), [Span(0, 1), Span(1, 2), Span(2, 3)], SETTINGS, Pool())  # type: ignore[arg-type]
    assert [s.face_reason for s in seen] == [None, Reason.DECODER_CRASHED, None]
    assert [s.frame_s for s in seen] == [0, None, 2]
