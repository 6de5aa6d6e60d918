"""Sample films as a whole: the files written, their truth, and the same bytes for the same seed."""

import csv
import hashlib
from collections import Counter
from pathlib import Path

import av
import numpy as np
import pytest
from av.video.frame import PictureType

from emodal_data.core.errors import InputError
from emodal_data.sample_films import make_sample_films
from emodal_data.sample_films.films import frame_on_screen

#: Of the fixture sample_films.
FILMS, CLIPS = 4, 6


def rows(path: Path) -> list[dict[str, str]]:
    with path.open(newline="") as file:
        return list(csv.DictReader(file))


def test_there_is_one_film_per_number_in_both_containers(sample_films: Path) -> None:
    assert [p.name for p in sorted((sample_films / "films").iterdir())] == [
        "film_000.mp4",
        "film_001.mp4",
        "film_002.mkv",
        "film_003.mp4",
    ]


def test_annotations_and_truth_tell_of_the_same_spans(sample_films: Path) -> None:
    annotations, truth = rows(sample_films / "annotations.csv"), rows(sample_films / "truth.csv")
    assert list(annotations[0]) == ["film", "start", "end", "label", "speaker"]
    assert len(truth) == FILMS * CLIPS
    assert annotations == [{key: row[key] for key in annotations[0]} for row in truth]


def test_every_label_is_the_emotion_or_empty(sample_films: Path) -> None:
    for row in rows(sample_films / "truth.csv"):
        assert row["label"] in (row["emotion"], "")


def test_no_speaker_is_in_two_films(sample_films: Path) -> None:
    films_of_speaker = Counter(
        speaker for _, speaker in {(r["film"], r["speaker"]) for r in rows(sample_films / "truth.csv")}
    )
    assert len(films_of_speaker) > FILMS
    assert set(films_of_speaker.values()) == {1}


def test_films_are_h264_with_b_frames_and_long_gops_and_48_khz_aac(sample_films: Path) -> None:
    for path in sorted((sample_films / "films").iterdir()):
        with av.open(str(path)) as film:
            video, sound = film.streams.video[0], film.streams.audio[0]
            assert (video.codec_context.name, video.width, video.height) == ("h264", 1280, 720)
            assert video.average_rate == 25
            assert (sound.codec_context.name, sound.sample_rate) == ("aac", 48000)
            frames = [(frame.pict_type, frame.key_frame) for frame in film.decode(video)]
        kinds = Counter(kind for kind, _ in frames)
        assert kinds[PictureType.B] > kinds[PictureType.P] > kinds[PictureType.I]
        assert len(frames) / sum(is_key for _, is_key in frames) > 25


def test_the_middle_frame_of_the_truth_is_on_screen_at_the_middle_of_the_span(sample_films: Path) -> None:
    for row in rows(sample_films / "truth.csv"):
        middle_s = (float(row["start"]) + float(row["end"])) / 2
        behind_s = middle_s - float(row["middle_pts_s"])
        assert -0.1 < behind_s < 0.1
        assert int(row["middle_frame"]) == pytest.approx(float(row["middle_pts_s"]) * 25, abs=1.0)


def test_a_middle_that_is_a_frames_very_stamp_is_that_frame() -> None:
    frames_s = np.arange(3000) / 25
    middles_s = [(round(n / 25 - 0.935, 3) + round(n / 25 + 0.935, 3)) / 2 for n in range(25, 2975)]
    assert any(middle_s < n / 25 for n, middle_s in enumerate(middles_s, 25))  # as floats, some fall short
    assert [frame_on_screen(middle_s, frames_s) for middle_s in middles_s] == list(range(25, 2975))


def test_spans_lie_inside_their_film_in_order(sample_films: Path) -> None:
    by_film: dict[str, list[dict[str, str]]] = {}
    for row in rows(sample_films / "truth.csv"):
        by_film.setdefault(row["film"], []).append(row)
    for name, spans in by_film.items():
        times = np.array([(float(r["start"]), float(r["end"])) for r in spans])
        assert (np.diff(times.ravel()) > 0).all()
        with av.open(str(sample_films / "films" / name)) as film:
            assert film.duration is not None
            assert times.max() < film.duration / av.time_base


def test_the_same_seed_gives_the_same_bytes_and_another_seed_others_and_progress_counts_films(
    tmp_path: Path,
) -> None:
    def digests(name: str, seed: int, films: int = 2) -> list[str]:
        progress: list[tuple[int, int]] = []
        make_sample_films(tmp_path / name, films, 1, seed, lambda done, films: progress.append((done, films)))
        assert progress == [(number, films) for number in range(1, films + 1)]
        files = sorted(p for p in (tmp_path / name).rglob("*") if p.is_file())
        return [hashlib.sha256(p.read_bytes()).hexdigest() for p in files]

    once = digests("once", 5)
    assert digests("again", 5) == once
    assert not set(digests("other", 6, films=1)) & set(once)


@pytest.mark.parametrize(("films", "clips", "seed"), [(0, 1, 0), (1, 0, 0), (1, 1, -1)])
def test_numbers_that_make_no_film_are_refused(tmp_path: Path, films: int, clips: int, seed: int) -> None:
    with pytest.raises(InputError, match="films >= 1"):
        make_sample_films(tmp_path, films, clips, seed)
