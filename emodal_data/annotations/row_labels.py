"""What the label cell of each annotation row votes for."""

import pandas as pd

from emodal_data.annotations.columns import map_repeated
from emodal_data.core.labels import BETWEEN_WORDS, LabelScheme


def label_rows(rows: pd.DataFrame, scheme: LabelScheme) -> pd.DataFrame:
    """The rows with the columns label, label_as_written and label_mapped_to of the ledger.

    rows: label as text. label becomes the class of a row that votes for one class, else null.
    """
    written = rows["label"]
    mapped = map_repeated(written, lambda cell: BETWEEN_WORDS.join(scheme.words_of(cell)) or None)
    label = mapped.where(mapped.isin(scheme.classes), None)
    rows = rows.assign(label=label, label_as_written=written, label_mapped_to=mapped)
    first = rows.columns.tolist().index("detail") + 1
    names = rows.columns.tolist()
    return rows[[*names[:first], *names[-2:], *names[first:-2]]]


def words_outside(rows: pd.DataFrame, scheme: LabelScheme) -> dict[str, int]:
    """Words outside the classes for which rows vote, without those that the configuration drops, commonest first."""
    votes = rows["label_mapped_to"].dropna()
    words = votes[~votes.isin(scheme.classes)].str.split(BETWEEN_WORDS, regex=False).explode()
    words = words[~words.isin([*scheme.classes, *scheme.dropped])]
    return {str(word): int(count) for word, count in words.value_counts().items()}
