"""Which corpora there are: those of this package, and those that installed packages add by entry points."""

import difflib
import importlib
import importlib.metadata
import re

from emodal_data.core.errors import InputError
from emodal_data.corpora.corpus import Corpus

#: Modules of this room with a CORPUS each.
_BUILT_IN = (
    "ravdess",
    "crema_d",
    "savee",
    "enterface05",
    "emodb",
    "iemocap",
    "meld",
    "emorynlp",
    "m3ed",
    "mosei",
    "mer2023",
    "caer",
    "afew",
    "dfew",
    "ferv39k",
    "mafw",
    "liris_accede",
    "studyforrest",
)

#: An entry point of this group names a Corpus: `my_corpus = "my_package.my_module:CORPUS"`.
GROUP = "emodal.corpora"


def corpora() -> dict[str, Corpus]:
    """All corpora by name. Raises InputError if a plug-in cannot be loaded, or takes a name that is taken."""
    found = {}
    for name in _BUILT_IN:
        corpus: Corpus = importlib.import_module(f"emodal_data.corpora.{name}").CORPUS
        found[corpus.name] = corpus
    for point in sorted(importlib.metadata.entry_points(group=GROUP), key=lambda point: point.name):
        corpus = _loaded(point)
        if corpus.name in found:
            raise InputError(
                f"the plug-in {point.value} has the corpus {corpus.name!r}, which exists already: rename it"
            )
        found[corpus.name] = corpus
    return found


def corpus_named(text: str) -> Corpus:
    """The corpus of a name or title in any spelling, such as "CREMA-D". Raises InputError with the nearest names."""
    known = corpora()
    names = {
        _folded(name): corpus
        for corpus in known.values()
        for name in (corpus.name, corpus.title, *corpus.also_called)
    }
    if _folded(text) in names:
        return names[_folded(text)]
    near = difflib.get_close_matches(_folded(text), names, n=1)
    hint = f"; did you mean {names[near[0]].name}?" if near else ""
    raise InputError(f"no corpus {text!r}{hint} (emodal corpus list names {len(known)})")


def _loaded(point: importlib.metadata.EntryPoint) -> Corpus:
    try:
        corpus = point.load()
    except Exception as error:  # a plug-in is other people's code
        raise InputError(
            f"the plug-in {point.value} of the group {GROUP} cannot be loaded: {error}"
        ) from error
    if not isinstance(corpus, Corpus):
        raise InputError(f"the plug-in {point.value} of the group {GROUP} is no emodal_data.corpora.Corpus")
    return corpus


def _folded(name: str) -> str:
    return re.sub(r"[^a-z0-9]", "", name.casefold())
