"""Rows that say which face of the frame they are about: a box, or a side of the picture."""

from pathlib import Path

import av
import cv2
import numpy as np
import pytest

from emodal_data.annotations import read_annotations
from emodal_data.clips.films import inspect_film
from emodal_data.clips.ingest import read_reel
from emodal_data.clips.plan import clip_id_of, locate_films, places_in_store, plan_build
from emodal_data.clips.read_settings import ReadSettings
from emodal_data.clips.store import read_measures
from emodal_data.core.config import AudioConfig, ClipsConfig, FaceConfig
from emodal_data.core.region import Region, parse_region, region_text

data = pytest.importorskip(
    "skimage.data", reason="needs scikit-image's photos: pip install 'emodal[samples]'"
)

NAME = "Session5/dialog/avi/DivX/Ses05F_impro03.avi"


@pytest.mark.parametrize(
    ("text", "region", "same"),
    [
        ("LEFT", Region((0, 0, 0.5, 1), True), "left"),
        ("right", Region((0.5, 0, 1, 1), True), "right"),
        ("0, 0, .5, 1.0", Region((0, 0, 0.5, 1), True), "left"),
        ("[10 20 300.50 400]", Region((10, 20, 300.5, 400), False), "10, 20, 300.5, 400"),
        ("0.1;0.2;0.5;0.9", Region((0.1, 0.2, 0.5, 0.9), True), "0.1, 0.2, 0.5, 0.9"),
    ],
)
def test_a_region_has_one_spelling(text: str, region: Region, same: str) -> None:
    assert parse_region(text) == region
    assert region_text(region) == same
    assert parse_region(same) == region


@pytest.mark.parametrize("text", ["", "middle", "1,2,3", "5,5,5,9", "0,9,5,1", "-1,0,5,5", "a,b,c,d"])
def test_anything_else_is_no_region(text: str) -> None:
    assert parse_region(text) is None


def test_a_region_that_is_none_and_two_regions_of_a_row_are_reported(tmp_path: Path) -> None:
    (tmp_path / "t.csv").write_text(
        'film,start,end,label,face_side,face_box\na,1,2,sad,middle,\na,1,2,sad,left,"0,0,9,9"\na,1,2,sad,Left,\na,1,2,sad,,\n'
    )
    rows = read_annotations(tmp_path / "t.csv")
    assert rows["reason"].fillna("").tolist() == ["bad_region", "bad_region", "", ""]
    assert rows["face_region"].fillna("").tolist() == ["", "", "left", ""]
    assert rows["detail"][0] == (
        "face_box and face_side: 'middle': write face_box as x0, y0, x1, y1 in pixels or shares, or face_side as left "
        "or right; not both"
    )


def dialogue(folder: Path) -> Path:
    """A film of 8 s, 720x480, as IEMOCAP's: a large face to the left and a smaller one to the right; noise as sound."""
    path = folder / NAME
    path.parent.mkdir(parents=True)
    frame = np.full((480, 720, 3), 90, np.uint8)
    photo = np.asarray(data.astronaut())[0:300, 80:380]
    frame[90:450, 0:360] = cv2.resize(photo, (360, 360), interpolation=cv2.INTER_AREA)
    frame[150:430, 420:700] = cv2.resize(photo, (280, 280), interpolation=cv2.INTER_AREA)
    noise = (np.random.default_rng(0).normal(0, 3000, 8 * 16000)).astype(np.int16)
    with av.open(str(path), "w") as out:
        video = out.add_stream("mpeg4", rate=10, width=720, height=480, pix_fmt="yuv420p", bit_rate=8_000_000)
        audio = out.add_stream("pcm_s16le", rate=16000, layout="mono")
        for _ in range(80):
            out.mux(video.encode(av.VideoFrame.from_ndarray(frame, format="rgb24")))
        out.mux(video.encode(None))
        sound = av.AudioFrame.from_ndarray(noise[None], format="s16", layout="mono")
        sound.sample_rate = 16000
        out.mux(audio.encode(sound))
        out.mux(audio.encode(None))
    return folder


def test_of_two_actors_in_a_frame_the_one_whose_turn_it_is_gets_the_clip(tmp_path: Path) -> None:
    films = dialogue(tmp_path / "films")
    (tmp_path / "spans.csv").write_text(
        "film,start,end,label,speaker,face_side,face_box\n"
        f"{NAME},1.42,3.16,happy,F,left,\n"
        f"{NAME},1.42,3.16,happy,M,right,\n"
        f'{NAME},3.2,5.0,sad,M,,"360, 0, 720, 480"\n'
        f"{NAME},5.1,6.9,sad,,,\n"
        f'{NAME},5.1,6.9,sad,,,"0.4,0,0.6,1"\n'
    )
    rows, files = locate_films(read_annotations(tmp_path / "spans.csv"), films)
    facts = {name: inspect_film(file, films, ClipsConfig()) for name, file in files.items()}
    places = (tmp_path / "store", ClipsConfig(), FaceConfig())
    plan = plan_build(rows, files, facts, *places)
    assert len(plan.clips) == 5
    sha256 = facts[NAME].sha256
    assert plan.rows["clip_id"][3] == clip_id_of(sha256, 5.1, 6.9)
    assert plan.rows["clip_id"][4] == clip_id_of(sha256, 5.1, 6.9, face_region="0.4, 0, 0.6, 1")
    for reel in plan.reels:
        read_reel(reel, ReadSettings(ClipsConfig(), FaceConfig(), AudioConfig(), films))
    measures = read_measures(places_in_store(plan, plan.clips)).loc[plan.rows["clip_id"]]
    middles = ((measures["x0"] + measures["x1"]) / 2).tolist()
    assert [np.isnan(middle) or middle > 360 for middle in middles] == [False, True, True, False, True]
    assert measures["reason"].fillna("").tolist() == ["", "", "", "", "no_face"]
    assert (
        measures["detail"].iloc[4]
        == "no face in a frame of 720x480 pixels within 0.4, 0, 0.6, 1: it has 2 elsewhere"
    )
    assert measures["faces_in_frame"].iloc[:4].tolist() == [2, 2, 2, 2]
