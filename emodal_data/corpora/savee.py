"""SAVEE: four men who speak sentences in seven emotions; the file names have letters for them."""

from collections.abc import Iterator

from emodal_data.core.file_types import FILM_SUFFIXES, SOUND_SUFFIXES
from emodal_data.corpora.corpus import Choices, Corpus, Facts, Row
from emodal_data.corpora.folder import CorpusFolder

_LETTERS = {
    **{"a": "anger", "d": "disgust", "f": "fear", "h": "happiness"},
    **{"n": "neutral", "sa": "sadness", "su": "surprise"},
}
_NAME = r"(?P<clip>(?P<speaker>DC|JE|JK|KL)[/_](?P<letters>sa|su|[adfhn])(?P<sentence>\d\d))\.\w+"


def _read(folder: CorpusFolder, choices: Choices) -> Iterator[Row]:
    is_sound = choices["modality"] == "audio"
    inside = "AudioData" if is_sound else "AudioVisualClip"
    media = folder.media(SOUND_SUFFIXES if is_sound else FILM_SUFFIXES)
    matches = {match["clip"]: match for _, match in folder.matching(_NAME, media)}
    for clip, match in matches.items():
        yield Row(
            (f"{inside}/{clip}", clip),
            _LETTERS[match["letters"]],
            speaker=match["speaker"],
            more={"sentence": match["letters"] + match["sentence"]},
        )


CORPUS = Corpus(
    name="savee",
    title="SAVEE",
    summary="four English men, 480 acted sentences in seven emotions; one clip a file.",
    facts=Facts(
        licence="For research, after registration; no commercial use.",
        access="Register at kahlan.eps.surrey.ac.uk/savee, and unpack AudioVisualClip.zip (or AudioData.zip).",
        citation="Haq and Jackson (2010): Multimodal Emotion Recognition. In Wang (ed.): Machine Audition: Principles, "
        "Algorithms and Systems, IGI Global, 398-423.",
        files="AudioVisualClip/DC/a01.avi; AudioData/DC/a01.wav; shared copies name them DC_a01.wav.",
        faults=(
            "The faces have blue markers.",
            "With four speakers, a test split of whole speakers is a quarter of the clips.",
            "The same 15 sentences are spoken by all.",
        ),
        verified=("The letters against published descriptions of them.",),
        unverified=("No file of the corpus was opened; clips under its names were made for the tests.",),
    ),
    read=_read,
    classes=("angry", "disgust", "fear", "happy", "neutral", "sad", "surprise"),
    map={"anger": "angry", "happiness": "happy", "sadness": "sad"},
    modalities=("both", "audio", "image"),
    group_by="speaker",
)
