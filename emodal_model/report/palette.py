"""One colour a class, the same in every picture: Okabe and Ito's, told apart by people who see no red or no green."""

from emodal_model.data.contract import LABELS

COLOURS: dict[str, str] = dict(zip(LABELS, ("#d55e00", "#e69f00", "#8c959f", "#0072b2"), strict=True))
