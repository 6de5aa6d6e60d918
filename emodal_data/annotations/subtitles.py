"""Reads SRT and WebVTT files whose cues are labels: the cue's text is the label, its voice tag the speaker.

No library is used because no cue may be lost: common parsers append a cue with a damaged time to the previous one.
"""

import html
import re
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path

from emodal_data.annotations.columns import Row
from emodal_data.annotations.text import lines

# Tags do not hold the mark that opens one: searching for each mark's end through the whole cue would be quadratic.
_MARKUP = re.compile(r"<[^<>]*>|\{\\[^{}]*\}")
_VOICE = re.compile(r"<v(?:\.[^\s<>]*)?\s+([^\s<>][^<>]*)>")
#: WebVTT blocks that are not cues.
_NO_CUE = re.compile(r"(?:WEBVTT|NOTE|STYLE|REGION)(?:\s|$)")


def read_subtitles(path: Path, film: str, encoding: str = "") -> Iterator[Row]:
    """A row for every cue; row is the line of its times.

    Lines in the place of a cue that have no times make a row of their own with the text as its start, which becomes
    bad_time.
    """
    yield 1, ["film", "start", "end", "label", "speaker"]
    for first, block in _blocks(lines(path, encoding)):
        times = [index for index, line in enumerate(block) if "-->" in line]
        head = block[: times[0]] if times else block
        if path.suffix.lower() == ".vtt" and _NO_CUE.match(block[0]):
            head = []
        elif times:
            head = head[:-1]  # the line before the times is the cue's number or name
        if head:
            yield first, [film, " ".join(head), "", "", ""]
        for here, after in pairwise([*times, len(block)]):
            text = block[here + 1 : after]
            if after < len(block) and text and text[-1].strip().isdigit():
                text = text[:-1]  # without an empty line between two cues, this is the number of the next one
            start, _, rest = block[here].partition("-->")
            end = (rest.split() or [""])[0]  # WebVTT's cue settings may follow
            yield first + here, [film, start, end, *_label_and_speaker(" ".join(text))]


def _blocks(all_lines: list[str]) -> Iterator[tuple[int, list[str]]]:
    """Runs of lines between empty lines, with the number of the first."""
    block: list[str] = []
    for number, line in enumerate([*all_lines, ""], start=1):
        if line.strip():
            block.append(line)
        elif block:
            yield number - len(block), block
            block = []


def _label_and_speaker(text: str) -> tuple[str, str]:
    voice = _VOICE.search(text)
    return html.unescape(_MARKUP.sub("", text)), html.unescape(voice[1]) if voice else ""
