"""Colours of classes can be told apart, and seen on a light and a dark page."""

from emodal_data.core.label_words import DEFAULT_CLASSES
from emodal_data.presentation.report.colours import class_colours, luminance

NEAR_BLACK = luminance("#16181d")


def test_sixty_four_classes_have_colours_of_their_own_with_contrast_on_white_and_near_black() -> None:
    labels = [*DEFAULT_CLASSES, *(f"class {n}" for n in range(60))]
    colours = class_colours(labels)
    assert list(colours) == [*labels, "unlabelled"]
    assert len(set(colours.values())) == 65
    for colour in colours.values():
        assert 1.05 / (luminance(colour) + 0.05) >= 3
        assert (luminance(colour) + 0.05) / (NEAR_BLACK + 0.05) >= 3


def test_the_four_classes_keep_their_colours_in_any_case_and_company() -> None:
    four = class_colours(DEFAULT_CLASSES)
    assert four == {
        "angry": "#c8505a",
        "happy": "#b07d12",
        "neutral": "#6f7f8c",
        "sad": "#3d7ea6",
        "unlabelled": "#8f6bb3",
    }
    assert class_colours(["Sad", "pride"])["Sad"] == four["sad"]
