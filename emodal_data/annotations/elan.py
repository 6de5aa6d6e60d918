"""Reads ELAN's .eaf files: the annotations of the tiers that hold labels."""

import re
from collections.abc import Iterator
from pathlib import Path
from xml.etree.ElementTree import Element, TreeBuilder
from xml.parsers import expat

from emodal_data.annotations.columns import Row
from emodal_data.annotations.film_names import file_name
from emodal_data.annotations.label_tiers import label_tiers
from emodal_data.annotations.text import number_text
from emodal_data.core.errors import InputError


class _DoctypeFound(Exception):
    pass


def read_elan(path: Path, film: str) -> Iterator[Row]:
    """A row for every annotation of the label tiers; row is its line in the XML.

    Label tiers are those whose name or linguistic type contains "emotion" or "label"; without such a tier, the only
    one that has annotations. The tier's annotator and participant become annotator and speaker. An annotation that
    refers to another has the times of that one; one whose time slots are not aligned becomes bad_time.
    Raises InputError for other XML, for any DOCTYPE, and if it is not clear which tier holds the labels.
    """
    root = _parse(path)
    if root.tag != "ANNOTATION_DOCUMENT":
        raise InputError(f"{path}: not an ELAN file: its root is {root.tag}")
    film, origin_ms = _film(path, root, film)
    slots = {slot.get("TIME_SLOT_ID", ""): slot.get("TIME_VALUE") for slot in root.iter("TIME_SLOT")}
    annotations = {
        element.get("ANNOTATION_ID", ""): element
        for kind in ("ALIGNABLE_ANNOTATION", "REF_ANNOTATION")
        for element in root.iter(kind)
    }
    timed = _timed(annotations)
    yield 1, ["film", "start", "end", "label", "annotator", "speaker", "tier"]
    for tier in _label_tiers(path, root):
        names = [tier.get(name, "") for name in ("ANNOTATOR", "PARTICIPANT", "TIER_ID")]
        for annotation in (element for outer in tier.iter("ANNOTATION") for element in outer):
            named = timed.get(annotation.get("ANNOTATION_ID", ""), annotation)
            start, end = (
                _time_text(named.get(f"TIME_SLOT_REF{n}", "none"), slots, origin_ms) for n in (1, 2)
            )
            label = annotation.findtext("ANNOTATION_VALUE") or ""
            yield int(annotation.get("line", 0)), [film, start, end, label, *names]


def _parse(path: Path) -> Element:
    """The document's tree; every element has its line in the attribute `line`.

    A DOCTYPE is refused: ELAN never writes one, and only there can a file declare entities that expand or are fetched.
    """
    parser, builder = expat.ParserCreate(), TreeBuilder()

    def refuse(*_: object) -> None:
        raise _DoctypeFound

    def start(tag: str, attributes: dict[str, str]) -> None:
        builder.start(tag, attributes | {"line": str(parser.CurrentLineNumber)})

    parser.StartDoctypeDeclHandler = refuse
    parser.StartElementHandler = start
    parser.EndElementHandler = builder.end
    parser.CharacterDataHandler = builder.data
    try:
        parser.Parse(path.read_bytes(), True)
        return builder.close()
    except _DoctypeFound as error:
        raise InputError(
            f"{path}: has a DOCTYPE, which ELAN does not write: save it with ELAN again"
        ) from error
    except (expat.ExpatError, LookupError, ValueError) as error:
        raise InputError(f"{path}: not an ELAN file: {error}") from error


def _film(path: Path, root: Element, film: str) -> tuple[str, int]:
    """The name of the annotated film, and the time in it at which the annotation's clock starts, in milliseconds."""
    header = root.find("HEADER")
    if header is None:
        return film, 0
    units = header.get("TIME_UNITS", "milliseconds")
    if units != "milliseconds":
        raise InputError(f"{path}: its times are in {units}: save it with times in milliseconds")
    media = header.findall("MEDIA_DESCRIPTOR")
    media.sort(key=lambda descriptor: not descriptor.get("MIME_TYPE", "").startswith("video"))
    if not media:
        return film, 0
    name = file_name(media[0].get("MEDIA_URL", "")) or file_name(media[0].get("RELATIVE_MEDIA_URL", ""))
    origin = media[0].get("TIME_ORIGIN", "0")
    if not re.fullmatch(r"\s*[-+]?\d{1,15}\s*", origin):
        raise InputError(f"{path}: TIME_ORIGIN of its medium is not a whole number")
    return name or film, int(origin)


def _label_tiers(path: Path, root: Element) -> list[Element]:
    tiers = root.findall("TIER")
    described = [
        (
            tier.get("TIER_ID", ""),
            tier.get("TIER_ID", "") + " " + tier.get("LINGUISTIC_TYPE_REF", ""),
            tier.find("ANNOTATION") is not None,
        )
        for tier in tiers
    ]
    return [tiers[index] for index in label_tiers(path, described)]


def _timed(annotations: dict[str, Element]) -> dict[str, Element]:
    """The annotation that has the times of each, by ID: itself, or the end of its chain of references."""
    timed: dict[str, Element] = {}
    for name in annotations:
        chain: dict[str, None] = {}  # in order
        while name not in timed and name not in chain:
            chain[name] = None
            parent = annotations[name].get("ANNOTATION_REF", "")
            if parent not in annotations:
                break
            name = parent
        timed |= dict.fromkeys(chain, timed.get(name, annotations[name]))
    return timed


def _time_text(slot: str, slots: dict[str, str | None], origin_ms: int) -> str:
    value = slots.get(slot)
    if value is None:
        return f"time slot {slot}, not aligned"
    if not re.fullmatch(r"\d{1,15}", value):
        return f"time slot {slot}, {value}"
    return number_text((int(value) + origin_ms) / 1000)
