"""The colour of each class in every chart: Okabe and Ito's palette for readers with colour vision deficiency."""

from collections.abc import Mapping
from typing import Final

from emodal_model.data.contract import LABELS

COLOURS: Final[Mapping[str, str]] = dict(
    zip(LABELS, ("#d55e00", "#e69f00", "#8c959f", "#0072b2"), strict=True)
)
