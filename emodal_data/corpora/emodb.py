"""EmoDB: German sentences spoken by ten actors; sound only."""

from collections.abc import Iterator

from emodal_data.core.file_types import SOUND_SUFFIXES
from emodal_data.corpora.corpus import Choices, Corpus, Facts, Row
from emodal_data.corpora.folder import CorpusFolder

_LETTERS = {
    **{"W": "anger", "L": "boredom", "E": "disgust", "A": "fear"},
    **{"F": "happiness", "T": "sadness", "N": "neutral"},
}
_NAME = r"(?P<stem>(?P<speaker>\d\d)(?P<sentence>[ab]\d\d)(?P<letter>[WLEAFTN])(?P<version>[a-z]))\.\w+"


def _read(folder: CorpusFolder, choices: Choices) -> Iterator[Row]:
    matches = {match["stem"]: match for _, match in folder.matching(_NAME, folder.media(SOUND_SUFFIXES))}
    for stem, match in matches.items():
        more = {"sentence": match["sentence"], "version": match["version"]}
        yield Row((f"wav/{stem}", stem), _LETTERS[match["letter"]], speaker=match["speaker"], more=more)


CORPUS = Corpus(
    name="emodb",
    title="EmoDB",
    summary="ten German actors, ten sentences, seven emotions; 535 sound files without a picture.",
    facts=Facts(
        licence="Free to use; the releases of recent years state CC0 1.0.",
        access="emodb.bilderbar.info, or the package audb.",
        citation="Burkhardt, Paeschke, Rolfes, Sendlmeier and Weiss (2005): A Database of German Emotional Speech. "
        "Interspeech, 1517-1520.",
        files="wav/03a01Fa.wav: speaker 03, sentence a01, emotion F (German Freude), version a.",
        faults=(
            "The letters are those of the German words: W anger, L boredom, E disgust, A fear, F happiness, T sadness.",
            "All speak the same ten sentences, so a voice leaks unless the split keeps speakers apart.",
            "Sound only: the dataset has no faces.",
        ),
        verified=("The letters against published descriptions of them.",),
        unverified=(
            "No file of the corpus was opened; sound under its names was made for the tests.",
            "The licence, which differs between copies.",
        ),
    ),
    read=_read,
    classes=("angry", "boredom", "disgust", "fear", "happy", "neutral", "sad"),
    map={"anger": "angry", "happiness": "happy", "sadness": "sad"},
    modalities=("audio",),
    group_by="speaker",
    also_called=("berlin",),
)
