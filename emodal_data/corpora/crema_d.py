"""CREMA-D: acted sentences with the votes of crowd workers who saw, heard, or did both."""

from collections.abc import Iterator

from emodal_data.corpora.corpus import Choices, Corpus, Facts, Row
from emodal_data.corpora.folder import CorpusFolder

#: Columns of the table, and what a vote in them is for.
_VOTES = {"A": "angry", "D": "disgust", "F": "fear", "H": "happy", "N": "neutral", "S": "sad"}
_INTENDED = {"ANG": "angry", "DIS": "disgust", "FEA": "fear", "HAP": "happy", "NEU": "neutral", "SAD": "sad"}
#: First digit of the first column: what the voters were shown.
_SHOWN = {"audio": "1", "image": "2", "both": "3"}
_FOLDERS = {"audio": "AudioWAV", "image": "VideoFlash", "both": "VideoFlash"}


def _read(folder: CorpusFolder, choices: Choices) -> Iterator[Row]:
    modality = choices["modality"]
    table = folder.table(r"tabulatedVotes\.csv", "tabulatedVotes.csv (folder processedResults)")
    sexes = {
        row["ActorID"]: row["Sex"].lower()
        for name, _ in folder.matching(r"VideoDemographics\.csv")
        for row in folder.rows(name, "ActorID", "Sex")
    }
    for row in folder.rows(table, "", "fileName", *_VOTES):
        if not row[""].startswith(_SHOWN[modality]):
            continue
        clip = row["fileName"]
        actor, sentence, intended, intensity = (*clip.split("_"), "", "", "")[:4]
        more = {
            "intended": _INTENDED.get(intended, intended),
            "intensity": intensity,
            "sentence": sentence,
            "sex": sexes.get(actor, ""),
        }
        for column, label in _VOTES.items():
            for _ in range(int(float(row[column]))):
                yield Row((f"{_FOLDERS[modality]}/{clip}", clip), label, speaker=actor, more=more)


CORPUS = Corpus(
    name="crema_d",
    title="CREMA-D",
    summary="91 actors, 12 sentences, six emotions; 7,442 clips with about ten votes each.",
    facts=Facts(
        licence="Open Database License 1.0, and Database Contents License for the contents.",
        access="git clone the repository CheyneyComputerScience/CREMA-D with git-lfs installed.",
        citation="Cao, Cooper, Keutmann, Gur, Nenkova and Verma (2014): CREMA-D: Crowd-sourced Emotional Multimodal "
        "Actors Dataset. IEEE Transactions on Affective Computing 5(4), 377-390.",
        files="processedResults/tabulatedVotes.csv, VideoFlash/*.flv, AudioWAV/*.wav, VideoDemographics.csv.",
        faults=(
            "Labels are what people saw and heard, which is often not what the actor meant (column intended).",
            "Votes depend on what was shown: the option modality takes the votes for voice, face, or both.",
            "Six-way ties are common; a tie gives no label.",
            "Without git-lfs the films are pointers of some bytes: they are counted when the table is written.",
            "Some .mp3 and .flv files were reported blank (issue 13 of the repository); the .wav files are whole.",
        ),
        verified=(
            "The first 82 rows and all column names of the repository's tabulatedVotes.csv, its VideoDemographics.csv, "
            "the README, and the names in its folders.",
        ),
        unverified=("The .flv films were not opened.",),
    ),
    read=_read,
    classes=("angry", "disgust", "fear", "happy", "neutral", "sad"),
    modalities=("both", "audio", "image"),
    group_by="speaker",
    also_called=("cremad",),
)
