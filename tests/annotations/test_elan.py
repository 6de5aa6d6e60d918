"""ELAN files: label tiers, annotators and speakers, and untrustworthy XML."""

from pathlib import Path

import pytest

from emodal_data.annotations import read_annotations
from emodal_data.core.errors import InputError
from tests.annotations.rows import rows_of, spans_of

MEDIA = '<MEDIA_DESCRIPTOR MEDIA_URL="file:///C:/my%20films/heat.mp4" MIME_TYPE="video/mp4"{more}/>'
SOUND = '<MEDIA_DESCRIPTOR MEDIA_URL="file:///C:/my%20films/heat.wav" MIME_TYPE="audio/x-wav"/>'


def annotation(name: str, first: str, last: str, value: str) -> str:
    return _element("ALIGNABLE_ANNOTATION", name, f'TIME_SLOT_REF1="{first}" TIME_SLOT_REF2="{last}"', value)


def reference(name: str, parent: str, value: str) -> str:
    return _element("REF_ANNOTATION", name, f'ANNOTATION_REF="{parent}"', value)


def _element(kind: str, name: str, more: str, value: str) -> str:
    inner = f"<ANNOTATION_VALUE>{value}</ANNOTATION_VALUE>"
    return f'<ANNOTATION><{kind} ANNOTATION_ID="{name}" {more}>{inner}</{kind}></ANNOTATION>'


def document(*tiers: str, media: str = MEDIA.format(more=""), units: str = "milliseconds") -> str:
    """One line for the head, then one for each tier, so tiers start at line 2. ts1..ts4: 1, 2.5, 3 s, unaligned."""
    slots = "".join(
        f'<TIME_SLOT TIME_SLOT_ID="ts{n}" TIME_VALUE="{ms}"/>' for n, ms in ((1, 1000), (2, 2500), (3, 3000))
    )
    head = f'<ANNOTATION_DOCUMENT><HEADER TIME_UNITS="{units}">{media}</HEADER>'
    order = f'<TIME_ORDER>{slots}<TIME_SLOT TIME_SLOT_ID="ts4"/></TIME_ORDER>'
    return "\n".join([head + order, *tiers, "</ANNOTATION_DOCUMENT>"])


def tier(name: str, *annotations: str, more: str = 'LINGUISTIC_TYPE_REF="default-lt"') -> str:
    return f'<TIER TIER_ID="{name}" {more}>{"".join(annotations)}</TIER>'


def test_annotations_have_the_times_of_their_slots_and_the_film_of_the_medium(tmp_path: Path) -> None:
    text = document(
        tier("words", annotation("a1", "ts1", "ts2", "angry"), annotation("a2", "ts2", "ts3", ""))
    )
    assert spans_of(rows_of(tmp_path, "x.eaf", text)) == [
        (2, "heat.mp4", 1.0, 2.5, "angry", None),
        (2, "heat.mp4", 2.5, 3.0, None, None),
    ]


def test_the_video_is_the_film_even_when_its_sound_is_linked_first(tmp_path: Path) -> None:
    one = tier("t", annotation("a1", "ts1", "ts2", "sad"))
    names = {}
    for media in (SOUND + MEDIA.format(more=""), SOUND, ""):
        names[media] = rows_of(tmp_path, "heat two.eaf", document(one, media=media))["film"][0]
    assert list(names.values()) == ["heat.mp4", "heat.wav", "heat two"]


def test_the_time_origin_of_the_medium_is_added(tmp_path: Path) -> None:
    text = document(
        tier("t", annotation("a1", "ts1", "ts2", "sad")), media=MEDIA.format(more=' TIME_ORIGIN="500"')
    )
    assert [row[2:4] for row in spans_of(rows_of(tmp_path, "x.eaf", text))] == [(1.5, 3.0)]


@pytest.mark.parametrize(
    ("name", "more"),
    [("Emotion-anna", ""), ("LABELS", ""), ("anna", 'LINGUISTIC_TYPE_REF="emotion class"')],
)
def test_the_tier_that_says_so_holds_the_labels(tmp_path: Path, name: str, more: str) -> None:
    speech = tier("speech", annotation("a1", "ts1", "ts2", "hello"))
    emotions = tier(name, annotation("a2", "ts2", "ts3", "happy"), more=more)
    rows = rows_of(tmp_path, "x.eaf", document(speech, emotions))
    assert spans_of(rows) == [(3, "heat.mp4", 2.5, 3.0, "happy", None)]
    assert rows["tier"].tolist() == [name]


def test_each_label_tier_brings_its_annotator_and_its_speaker(tmp_path: Path) -> None:
    tiers = [
        tier(
            f"emotion {n}",
            annotation(f"a{n}", "ts1", "ts2", "sad"),
            more=f'ANNOTATOR="{a}" PARTICIPANT="{p}"',
        )
        for n, a, p in ((1, "anna", "neil"), (2, "ben", "neil"))
    ]
    rows = rows_of(tmp_path, "x.eaf", document(*tiers))
    assert rows["annotator"].tolist() == ["anna", "ben"]
    assert rows["speaker"].tolist() == ["neil", "neil"]


def test_the_only_tier_in_use_needs_no_name_and_several_are_asked_about(tmp_path: Path) -> None:
    used = tier("speech", annotation("a1", "ts1", "ts2", "sad"))
    assert len(rows_of(tmp_path, "x.eaf", document(tier("default"), used))) == 1
    with pytest.raises(InputError, match=r"x\.eaf: which tier holds the labels: speech, gesture\? Put"):
        rows_of(tmp_path, "x.eaf", document(used, tier("gesture", annotation("a2", "ts1", "ts2", "nod"))))


def test_a_dependent_annotation_has_the_times_of_the_one_it_refers_to(tmp_path: Path) -> None:
    text = document(
        tier("speech", annotation("a1", "ts2", "ts3", "hello")),
        tier("turn", reference("a2", "a1", "t1")),
        tier(
            "emotion",
            reference("a3", "a2", "happy"),
            reference("a4", "lost", "sad"),
            reference("a5", "a5", "sad"),
        ),
    )
    assert [row[2:] for row in spans_of(rows_of(tmp_path, "x.eaf", text))] == [
        (2.5, 3.0, "happy", None),
        (None, None, "sad", "bad_time"),
        (None, None, "sad", "bad_time"),
    ]


def test_times_that_are_not_aligned_become_reasons(tmp_path: Path) -> None:
    text = document(tier("t", annotation("a1", "ts1", "ts4", "sad"), annotation("a2", "ts1", "ts9", "sad")))
    rows = rows_of(tmp_path, "x.eaf", text)
    assert [row[2:] for row in spans_of(rows)] == [(1.0, None, "sad", "bad_time")] * 2
    assert "column end: 'time slot ts4, not aligned' is no time" in rows["detail"][0]


BOMB = '<!DOCTYPE x [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;&a;">]><ANNOTATION_DOCUMENT>&b;</ANNOTATION_DOCUMENT>'
OUTSIDE = (
    '<!DOCTYPE x [<!ENTITY a SYSTEM "file:///etc/hostname">]><ANNOTATION_DOCUMENT>&a;</ANNOTATION_DOCUMENT>'
)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (BOMB, "has a DOCTYPE"),
        (OUTSIDE, "has a DOCTYPE"),
        ("<ANNOTATION_DOCUMENT>\n<TIER>", "not an ELAN file: no element found: line 2"),
        ("", "not an ELAN file"),
        ("<?xml version='1.0' encoding='klingon'?><a/>", "not an ELAN file"),
        ("<html/>", "its root is html"),
        (document(units="PAL-frames"), "its times are in PAL-frames"),
        (document(media=MEDIA.format(more=' TIME_ORIGIN="1 s"')), "TIME_ORIGIN"),
        (document(tier("t")), "no rows"),
    ],
)
def test_a_file_that_is_not_from_elan_is_refused_in_one_line(tmp_path: Path, text: str, message: str) -> None:
    with pytest.raises(InputError, match=message) as error:
        rows_of(tmp_path, "x.eaf", text)
    assert "\n" not in str(error.value)


def test_files_of_pympi_are_read_as_they_were_meant(tmp_path: Path) -> None:
    elan = pytest.importorskip("pympi.Elan", reason="pympi-ling writes the ELAN file")
    file = elan.Eaf(author="x")
    file.add_linked_file("file:///films/heat.mkv", relpath="./heat.mkv", mimetype="video/x-matroska")
    file.add_linguistic_type("association", "Symbolic_Association")
    file.add_tier("speech")
    file.add_tier("emotion", ling="association", parent="speech", part="neil", ann="anna")
    for start_ms, end_ms, label in ((0, 1, "angry"), (1250, 3500, "happy"), (7199999, 7200001, "sad")):
        file.add_annotation("speech", start_ms, end_ms, "hello")
        file.add_ref_annotation("emotion", "speech", start_ms, label)
    file.to_file(str(tmp_path / "x.eaf"))
    rows = read_annotations(tmp_path / "x.eaf")
    assert [row[1:] for row in spans_of(rows)] == [
        ("heat.mkv", 0.0, 0.001, "angry", None),
        ("heat.mkv", 1.25, 3.5, "happy", None),
        ("heat.mkv", 7199.999, 7200.001, "sad", None),
    ]
    assert set(rows["annotator"]) == {"anna"}
    assert set(rows["speaker"]) == {"neil"}
