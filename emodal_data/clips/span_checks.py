"""Checks of spans from the table and the films' headers, without reading a film.

They find overlapping spans of one speaker, and annotations with another clock than the film's.
"""

import math
import re
from collections.abc import Mapping

import numpy as np
import pandas as pd

from emodal_data.clips.films import FilmFacts
from emodal_data.core.config import ClipsConfig
from emodal_data.core.reasons import Reason

#: Frame rates that differ by less are one: 23.976 and 24 differ by 1 in 1000, 23.98 is a way to write 23.976.
_SAME_RATE = 0.0005
#: A span may end this much after the film, because headers round its length.
_END_SLACK_S = 0.5
#: How much longer a copy at another speed can be: a film of 25 frames a second shown at 24 or 24000/1001, and the
#: difference between the rates of film or video in whole numbers and those of American television.
_LONGER = {"25 against 23.976": 25 * 1001 / 24000, "25 against 24": 25 / 24, "24 against 23.976": 1.001}


def check_spans(
    rows: pd.DataFrame, clips: pd.DataFrame, facts: Mapping[str, FilmFacts], config: ClipsConfig
) -> tuple[pd.DataFrame, tuple[str, ...]]:
    """Note what is odd about spans in the detail of their rows, and drop what the configuration does not allow.

    rows: tables.ROWS, changed in place. clips: tables.PLANNED.
    Returns the clips that remain, and a warning for each film and kind.
    """
    good = rows["reason"].isna()
    notes = clock_notes(rows[good], facts)
    by_film = rows.loc[notes.index, "film"] + ": " + notes
    _add_notes(rows, notes)
    warnings = list(dict.fromkeys(by_film))

    overlaps_s = own_overlaps_s(clips)
    mine = rows.index[good & rows["clip_id"].isin(overlaps_s.index)]
    measured = rows.loc[mine, "clip_id"].map(overlaps_s)
    line = measured.map("starts {:.2f} s before an earlier span of the same speaker has ended".format)
    if config.own_overlap == "drop":
        rows.loc[mine, "reason"] = Reason.OVERLAPS_SAME_SPEAKER.value
        rows.loc[mine, "measured"] = measured
        rows.loc[mine, "detail"] = line
    else:
        _add_notes(rows, line)
    is_late = clips.index.isin(overlaps_s.index)
    for film, of_film in clips[is_late].groupby("film", sort=True):
        what = "spans start" if len(of_film) > 1 else "span starts"
        warnings.append(
            f"{film}: {len(of_film)} {what} before an earlier span of the same speaker has ended, the first at "
            f"{of_film['start_s'].min():g} s"
        )
    if config.own_overlap == "drop":
        clips = clips[~is_late]
    return clips, tuple(warnings)


def _add_notes(rows: pd.DataFrame, notes: pd.Series) -> None:
    """Append notes, indexed as their rows, to the detail of rows, in place."""
    noted = rows.loc[notes.index, "detail"].fillna("").astype(object)
    rows.loc[notes.index, "detail"] = noted.where(noted == "", noted + "; ") + notes


def own_overlaps_s(clips: pd.DataFrame) -> pd.Series:
    """How long each clip overlaps an earlier one of its speaker in its film; only clips that overlap.

    clips: film, speaker (null: unknown, overlaps nothing), start_s and end_s, indexed by clip_id. Of two overlapping
    clips, the one that starts later is listed.
    """
    columns = ["film", "speaker", "start_s", "end_s"]
    named = clips.loc[clips["speaker"].notna().to_numpy(), columns].sort_values(
        ["film", "start_s", "end_s"], kind="stable"
    )
    clip_ids, named = named.index, named.reset_index(drop=True)  # of names, pandas would make a hash table
    talks = named.groupby(["film", "speaker"], sort=False).ngroup()
    ends_s = named["end_s"].astype(float)
    # The latest end of all earlier spans, not of the last one alone: a long span may contain several short ones.
    reached_s = ends_s.groupby(talks, sort=False).cummax().groupby(talks, sort=False).shift()
    overlap_s: pd.Series = np.minimum(reached_s, ends_s) - named["start_s"]
    overlaps = overlap_s > 0
    return overlap_s[overlaps].set_axis(clip_ids[overlaps])


def clock_notes(rows: pd.DataFrame, facts: Mapping[str, FilmFacts]) -> pd.Series:
    """Signs that the times of rows are on another clock: a line for each row concerned, indexed as the rows.

    rows: film, start_s, end_s and, if the annotations say, fps (text): the rate that the annotator's tool assumed.
    facts: of the films. A rate that is not the film's is noted for its own rows. Spans after the film's end are noted
    for all rows of the film, because a clock at another speed is wrong everywhere. Annotations of a shorter copy end
    before the film does; without fps they cannot be detected. Times that a timecode of the film explains are noted too,
    even if they lie within the film.
    """
    notes = pd.Series("", index=rows.index, dtype=object)
    rows = rows[["film", "start_s", "end_s", *(["fps"] if "fps" in rows else [])]]  # each part is copied
    for film, of_film in rows.groupby("film", sort=False):
        fact = facts[str(film)]
        last_s = float(of_film["end_s"].max())
        if "fps" in of_film and fact.fps:
            for text, same in of_film.groupby("fps", sort=False):
                notes[same.index] += _rate_note(str(text), fact.fps, float(same["end_s"].max()))
        first_s = float(of_film["start_s"].min())
        if note := _timecode_note(fact, first_s, last_s):
            notes[of_film.index] += note
        elif fact.duration_s and last_s > fact.duration_s + _END_SLACK_S:
            beyond = int((of_film["end_s"] > fact.duration_s + _END_SLACK_S).sum())
            notes[of_film.index] += _end_note(beyond, len(of_film), first_s, last_s, fact)
    return notes[notes != ""].str.removesuffix("; ")


def parse_rate(text: str) -> float | None:
    """Frames per second of "25", "23,976" or "24000/1001"; None if it is no rate."""
    above, _, below = text.replace(",", ".").partition("/")
    try:
        rate = float(above) / float(below or "1")
    except (ValueError, ZeroDivisionError):
        return None
    return rate if math.isfinite(rate) and rate > 0 else None


def parse_timecode_s(text: str, fps: float | None) -> float:
    """Seconds of "01:00:00:12" (";" or "." before the frames, too); 0 if it is no timecode."""
    try:
        hours, minutes, seconds, frames = (int(part) for part in re.split("[:;.]", text))
    except ValueError:
        return 0.0
    return 3600.0 * hours + 60.0 * minutes + seconds + frames / (fps or 25.0)


def _timecode_note(fact: FilmFacts, first_s: float, last_s: float) -> str:
    """A line if all times of the film lie between its first and last timecode."""
    start_s = parse_timecode_s(fact.timecode, fact.fps)
    if not start_s or not fact.duration_s:
        return ""
    if not start_s <= first_s < last_s <= start_s + fact.duration_s + _END_SLACK_S:
        return ""
    return (
        f"has a timecode that starts at {fact.timecode}: are these times timecodes? Then the film's own times are "
        f"{start_s:.3f} s less; "
    )


def _rate_note(text: str, film_fps: float, last_s: float) -> str:
    fps = parse_rate(text)
    if fps is None or abs(fps / film_fps - 1) < _SAME_RATE:
        return ""
    factor = fps / film_fps
    return (
        f"annotated at {fps:g} frames a second, the film has {film_fps:.5g}: if frames were counted, or the copy had "
        f"another speed, true times are {factor:.5f} times these, {(factor - 1) * last_s:+.1f} s at the last span; "
    )


def _end_note(beyond: int, spans: int, first_s: float, last_s: float, fact: FilmFacts) -> str:
    assert fact.duration_s
    duration_s = fact.duration_s
    ratio = (last_s - _END_SLACK_S) / duration_s
    fitting = [name for name, longer in sorted(_LONGER.items(), key=lambda item: item[1]) if ratio <= longer]
    why = (
        f"would fit a copy at another speed ({fitting[0]} frames a second), and then all its spans are off"
        if fitting
        else "no copy at another speed is so much longer: is it another cut, or another film?"
    )
    units = {"milliseconds": 1000.0, "frames": fact.fps or math.inf}
    counted = [name for name, of_second in units.items() if 0.1 < ratio / of_second <= 1]
    if first_s > 0 and abs(last_s - first_s - duration_s) <= _END_SLACK_S:
        why = (
            'the span is as long as the film: if films are cut to their spans, set start = "=" and end = "="'
        )
    elif counted and not fitting:
        settings = "table.unit and table.frame_rate" if "frames" in counted else "table.unit"
        why += f" Or are the times {' or '.join(counted)} ({settings})?"
    return f"{beyond} of {spans} rows end behind the film's {duration_s:.1f} s, the last at {last_s:.1f} s: {why}; "
