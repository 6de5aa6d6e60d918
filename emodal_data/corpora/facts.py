"""The page of facts of a corpus as text."""

import textwrap
from collections.abc import Iterator
from dataclasses import asdict
from typing import Any

from emodal_data.corpora.corpus import Corpus

_WIDTH = 110


def facts_text(corpus: Corpus) -> str:
    """Licence, access, citation, files, label scheme, options, known faults, and what was verified."""
    return "\n".join(_lines(corpus))


def facts_dict(corpus: Corpus) -> dict[str, Any]:
    """The same for programs."""
    return {
        "name": corpus.name,
        "title": corpus.title,
        "summary": corpus.summary,
        **asdict(corpus.facts),
        "classes": list(corpus.classes),
        "map": dict(corpus.map),
        "targets": list(corpus.targets),
        "options": [asdict(option) for option in corpus.all_options],
    }


def _lines(corpus: Corpus) -> Iterator[str]:
    facts = corpus.facts
    yield from textwrap.wrap(f"{corpus.title}: {corpus.summary}", _WIDTH)
    yield ""
    yield from _wrapped("licence", facts.licence)
    yield from _wrapped("get it", facts.access)
    yield from _wrapped("cite", facts.citation)
    yield from _wrapped("files", facts.files)
    if corpus.classes:
        yield from _wrapped("classes", ", ".join(corpus.classes))
    if corpus.map:
        yield from _wrapped("words", ", ".join(f"{word} = {meant}" for word, meant in corpus.map.items()))
    if corpus.targets:
        yield from _wrapped("targets", ", ".join(corpus.targets))
    for option in corpus.all_options:
        values = f" ({', '.join(option.values)}; default {option.default})" if option.values else ""
        yield from _wrapped("option", f"{option.name}: {option.meaning}{values}")
    for name, sentences in (
        ("fault", facts.faults),
        ("verified", facts.verified),
        ("unverified", facts.unverified),
    ):
        for sentence in sentences:
            yield from _wrapped(name, sentence)


def _wrapped(name: str, text: str) -> list[str]:
    return textwrap.wrap(
        text, _WIDTH, initial_indent=f"{name:<12}", subsequent_indent=" " * 12, break_long_words=False
    )
