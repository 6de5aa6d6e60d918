"""RAVDESS: actors who speak and sing two sentences; everything is in the file names."""

from collections.abc import Iterator

from emodal_data.core.file_types import FILM_SUFFIXES, SOUND_SUFFIXES
from emodal_data.corpora.corpus import Choices, Corpus, Facts, Option, Row
from emodal_data.corpora.folder import CorpusFolder

_MODALITIES = {"both": "01", "image": "02", "audio": "03"}
_CHANNELS = {"01": "speech", "02": "song"}
_EMOTIONS = {
    **{"01": "neutral", "02": "calm", "03": "happy", "04": "sad"},
    **{"05": "angry", "06": "fearful", "07": "disgust", "08": "surprised"},
}
_INTENSITIES = {"01": "normal", "02": "strong"}
_NAME = (
    r"(?P<stem>(?P<modality>0[1-3])-(?P<channel>0[12])-(?P<emotion>0[1-8])-(?P<intensity>0[12])-(?P<statement>0[12])-"
    r"(?P<repetition>0[12])-(?P<actor>\d\d))\.\w+"
)


def _read(folder: CorpusFolder, choices: Choices) -> Iterator[Row]:
    suffixes = SOUND_SUFFIXES if choices["modality"] == "audio" else FILM_SUFFIXES
    matches = {match["stem"]: match for _, match in folder.matching(_NAME, folder.media(suffixes))}
    for stem, match in matches.items():
        channel = _CHANNELS[match["channel"]]
        if match["modality"] != _MODALITIES[choices["modality"]] or choices["channel"] not in (
            "all",
            channel,
        ):
            continue
        yield Row(
            film=stem,
            label=_EMOTIONS[match["emotion"]],
            speaker=f"Actor_{match['actor']}",
            more={
                "channel": channel,
                "intensity": _INTENSITIES[match["intensity"]],
                "statement": match["statement"],
                "repetition": match["repetition"],
                "sex": "male" if int(match["actor"]) % 2 else "female",
            },
        )


CORPUS = Corpus(
    name="ravdess",
    title="RAVDESS",
    summary="24 actors who speak and sing two sentences in eight emotions; one clip a file.",
    facts=Facts(
        licence="CC BY-NC-SA 4.0; commercial licences are sold.",
        access="Zenodo, record 1188976: Video_Speech_Actor_*.zip and Video_Song_Actor_*.zip (or the Audio_ archives).",
        citation="Livingstone and Russo (2018): The Ryerson Audio-Visual Database of Emotional Speech and Song. "
        "PLoS ONE 13(5), e0196391.",
        files="Actor_01/01-01-03-02-01-02-01.mp4 and so on, in any folder below the one that is named.",
        faults=(
            "Files 01 and 02 are the same recording with and without sound: a table has only one of them.",
            "One of the widely shared copies holds every sound file twice: such rows are left out and counted.",
            "Actor 18 has no songs, and songs have neither disgust nor surprise.",
            "All speak the same two sentences, so a voice leaks unless the split keeps speakers apart.",
        ),
        verified=("The fields of the names against two published descriptions of them.",),
        unverified=("No file of the corpus was opened; clips under its names were made for the tests.",),
    ),
    read=_read,
    classes=("angry", "calm", "disgust", "fear", "happy", "neutral", "sad", "surprise"),
    map={"fearful": "fear", "surprised": "surprise"},
    modalities=("both", "audio", "image"),
    options=(Option("channel", "speech, song, or all", "all", ("all", "speech", "song")),),
    group_by="speaker",
)
