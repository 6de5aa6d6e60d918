"""Span checks: who talks twice at once, and whose clock is not the film's, told in plan, build and ledger."""

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from emodal_data.annotations import read_annotations
from emodal_data.clips.films import FilmCatalogue, FilmFacts, inspect_film
from emodal_data.clips.plan import Plan, locate_films, plan_build
from emodal_data.clips.span_checks import clock_notes, own_overlaps_s, parse_rate
from emodal_data.core.config import ClipsConfig, FaceConfig
from emodal_data.dataset.ledger import Ledger
from tests.media.films import Recipe, make_film


def clips(*spans: tuple[str, str | None, float, float]) -> pd.DataFrame:
    """Clips c0, c1, ... of (film, speaker, start_s, end_s)."""
    index = pd.Index([f"c{n}" for n in range(len(spans))], name="clip_id")
    return pd.DataFrame(spans, columns=["film", "speaker", "start_s", "end_s"], index=index)


def test_only_a_speaker_who_overlaps_himself_in_one_film_is_found() -> None:
    found = own_overlaps_s(
        clips(
            ("a", "ann", 0, 9),
            ("a", "ann", 1, 2),  # inside the first
            ("a", "ann", 8.5, 12),  # half a second under the first, although the second has ended
            ("a", "ann", 12, 13),  # one begins where the other ends
            ("a", "ben", 1, 2),
            ("b", "ann", 1, 2),
            ("a", None, 0, 9),
            ("a", None, 1, 2),
        )
    )
    assert found.to_dict() == {"c1": 1.0, "c2": 0.5}


@settings(max_examples=50)
@given(
    st.lists(
        st.tuples(st.sampled_from("ab"), st.sampled_from("xy"), st.integers(0, 20), st.integers(1, 5)),
        max_size=12,
    )
)
def test_overlaps_are_those_of_every_pair(spans: list[tuple[str, str, int, int]]) -> None:
    table = clips(*((film, speaker, float(s), float(s + n)) for film, speaker, s, n in dict.fromkeys(spans)))
    ordered = table.sort_values(["film", "start_s", "end_s"], kind="stable")
    wanted = {}
    for place, (name, clip) in enumerate(ordered.iterrows()):
        earlier = ordered.iloc[:place]
        same = earlier[(earlier["film"] == clip["film"]) & (earlier["speaker"] == clip["speaker"])]
        overlap_s = (np.minimum(same["end_s"], clip["end_s"]) - clip["start_s"]).max()
        if overlap_s > 0:
            wanted[name] = overlap_s
    assert own_overlaps_s(table).to_dict() == wanted


@pytest.mark.parametrize(
    ("text", "rate"),
    [("25", 25), (" 23.976 ", 23.976), ("23,976", 23.976), ("24000/1001", 24000 / 1001)]
    + [
        (text, None)
        for text in ("", "film", "0", "-25", "1/0", "nan", "inf", "1e999", "1e999999999", "1/2/3")
    ],
)
def test_rates_are_read_in_every_way_they_are_written(text: str, rate: float | None) -> None:
    assert parse_rate(text) == (None if rate is None else pytest.approx(rate))


def facts(
    fps: float | None = 24000 / 1001, duration_s: float | None = 1000.0, timecode: str = ""
) -> dict[str, FilmFacts]:
    return {"a.mkv": FilmFacts("a.mkv", 1, 1, "1" * 64, duration_s, fps=fps, timecode=timecode)}


OTHER_FILM = "no copy at another speed is so much longer: is it another cut, or another film?"


def notes(ends_s: list[float], rates: list[str] | None = None, **film: Any) -> list[str]:
    rows = pd.DataFrame({"film": "a.mkv", "start_s": [end_s - 1 for end_s in ends_s], "end_s": ends_s})
    rows = rows if rates is None else rows.assign(fps=rates)
    found = clock_notes(rows, facts(**film))
    return [found.get(row, "") for row in rows.index]


def test_another_frame_rate_than_the_films_is_told_with_what_it_would_cost() -> None:
    one, two, three = notes([100.0, 400.0, 500.0], ["25", "25", "23.98"])
    assert one == two
    assert one == (
        "annotated at 25 frames a second, the film has 23.976: if frames were counted, or the copy had another "
        "speed, true times are 1.04271 times these, +17.1 s at the last span"
    )
    assert three == ""


def test_what_is_no_rate_or_an_unknown_one_says_nothing() -> None:
    assert notes([1.0, 2.0], ["", "PAL"]) == ["", ""]
    assert notes([1.0], ["25"], fps=None) == [""]


def test_a_film_that_is_cut_to_its_span_already_is_told() -> None:
    rows = pd.DataFrame({"film": "a.mkv", "start_s": [17.22], "end_s": [32.86]})
    assert clock_notes(rows, facts(duration_s=15.7)).tolist() == [
        "1 of 1 rows end behind the film's 15.7 s, the last at 32.9 s: the span is as long as the film: if films are "
        'cut to their spans, set start = "=" and end = "="'
    ]


@pytest.mark.parametrize(
    ("last_s", "told"),
    [
        (1000.4, ""),
        (
            1000.9,
            "would fit a copy at another speed (24 against 23.976 frames a second), and then all its spans are off",
        ),
        (
            1041.0,
            "would fit a copy at another speed (25 against 24 frames a second), and then all its spans are off",
        ),
        (
            1042.9,
            "would fit a copy at another speed (25 against 23.976 frames a second), and then all its spans are off",
        ),
        (1100.0, OTHER_FILM),
        (9000.0, f"{OTHER_FILM} Or are the times frames (table.unit and table.frame_rate)?"),
        (900_000.0, f"{OTHER_FILM} Or are the times milliseconds (table.unit)?"),
    ],
)
def test_spans_behind_the_end_are_told_for_all_rows_of_the_film(last_s: float, told: str) -> None:
    inside, beyond = notes([10.0, last_s])
    assert inside == beyond
    if told:
        assert inside == f"1 of 2 rows end behind the film's 1000.0 s, the last at {last_s:.1f} s: {told}"
    else:
        assert inside == ""


@pytest.mark.parametrize(
    ("timecode", "ends_s", "start_s"),
    [
        ("01:00:00:00", [3602.0, 4599.0], 3600.0),
        ("01:00:00;12", [3602.0], 3600.5),
        ("00:00:04:00", [5.0, 7.0], 4.0),  # within the film, and four seconds early all the same
        ("00:00:04:00", [4.5, 7.0], None),  # the first span starts before the first timecode
        ("01:00:00:00", [3602.0, 4601.0], None),  # the last ends after the last
        ("01:00:00:00", [2.0], None),
        ("", [2.0], None),
        ("reel 7", [2.0], None),
    ],
)
def test_a_timecode_that_explains_the_times_is_reported(
    timecode: str, ends_s: list[float], start_s: float | None
) -> None:
    found = notes(ends_s, timecode=timecode, fps=24.0)
    if start_s is None:
        assert not any("timecode" in note for note in found)
    else:
        assert set(found) == {
            f"has a timecode that starts at {timecode}: are these times timecodes? Then the film's own times are "
            f"{start_s:.3f} s less"
        }


def test_a_film_of_unknown_length_says_nothing() -> None:
    assert notes([1e6], duration_s=None) == notes([1e6], duration_s=0.0) == [""]


TABLE = """film,start,end,label,annotator,speaker,fps
film.mp4,0,1.5,sad,ann,neil,30
film.mp4,1,2,sad,ann,neil,25
film.mp4,1,2,sad,ben,neil,25
film.mp4,2,2.5,sad,ann,neil,25
"""


def planned(tmp_path: Path, **clips: object) -> Plan:
    """The plan of one real film of 4 s at 25 frames a second, on which two rows talk at once and one is at 30 fps."""
    films = tmp_path / "films"
    films.mkdir(exist_ok=True)
    if not (films / "film.mp4").exists():
        make_film(films, Recipe())
    (tmp_path / "spans.csv").write_text(TABLE)
    config = ClipsConfig.model_validate(clips)
    rows, files = locate_films(read_annotations(tmp_path / "spans.csv"), films)
    seen = {name: inspect_film(file, films, config) for name, file in files.items()}
    return plan_build(rows, files, seen, tmp_path / "clips", config, FaceConfig())


def test_plan_and_ledger_tell_of_spans_that_stay(tmp_path: Path) -> None:
    plan = planned(tmp_path)
    assert len(plan.clips) == 3
    assert plan.warnings == (
        "film.mp4: annotated at 30 frames a second, the film has 25: if frames were counted, or the copy had another "
        "speed, true times are 1.20000 times these, +0.3 s at the last span",
        "film.mp4: 1 span starts before an earlier span of the same speaker has ended, the first at 1 s",
    )
    clear = plan.clips.assign(reason=None, measured=np.nan, detail=None, split="train")
    ledger = Ledger(plan.rows, clear).table().to_pandas()
    assert ledger["outcome"].tolist() == ["kept"] * 4
    assert ledger["reason"].isna().all()
    overlap = "starts 0.50 s before an earlier span of the same speaker has ended"
    assert ledger["detail"].iloc[0].startswith("annotated at 30 frames a second, the film has 25:")
    assert ledger["detail"].tolist()[1:3] == [overlap, overlap]
    assert pd.isna(ledger["detail"].iloc[3])
    assert ledger["measured"].isna().all()


def test_overlaps_are_dropped_with_the_seconds_when_asked_for(tmp_path: Path) -> None:
    plan = planned(tmp_path, own_overlap="drop")
    assert plan.clips["start_s"].tolist() == [0.0, 2.0]
    assert [clip.start_s for reel in plan.reels for clip in reel.clips] == [0.0, 2.0]
    dropped = plan.rows[plan.rows["reason"].notna()]
    assert dropped["row"].tolist() == [3, 4]
    assert set(dropped["reason"]) == {"overlaps_same_speaker"}
    assert dropped["measured"].tolist() == [0.5, 0.5]


def test_the_frame_rate_is_part_of_what_is_known_of_a_film(tmp_path: Path) -> None:
    planned(tmp_path)
    _, files = locate_films(read_annotations(tmp_path / "spans.csv"), tmp_path / "films")
    seen = inspect_film(files["film.mp4"], tmp_path / "films", ClipsConfig())
    assert seen.fps == 25.0
    FilmCatalogue(tmp_path / "films.json", seen.limits).keep({"film.mp4": seen})
    assert FilmCatalogue(tmp_path / "films.json", seen.limits).known(files["film.mp4"]) == seen
