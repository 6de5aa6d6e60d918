"""Public corpora of the field: from their own files to a table of spans, an emodal.toml and a page of facts.

A plug-in describes a corpus of its own as a Corpus and names it in the entry point group `emodal.corpora`.
"""

from emodal_data.corpora.corpus import Choices, Corpus, Facts, Option, Row
from emodal_data.corpora.folder import CorpusFolder
from emodal_data.corpora.registry import corpora, corpus_named
from emodal_data.corpora.table import CorpusTable, read_corpus, write_corpus

__all__ = [
    "Choices",
    "Corpus",
    "CorpusFolder",
    "CorpusTable",
    "Facts",
    "Option",
    "Row",
    "corpora",
    "corpus_named",
    "read_corpus",
    "write_corpus",
]
