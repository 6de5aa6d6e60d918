"""CMU-MOSEI: sentences of YouTube monologues with sentiment and intensities of emotions."""

from collections.abc import Iterator

from emodal_data.core.text import counted
from emodal_data.corpora.corpus import Choices, Corpus, Facts, Row
from emodal_data.corpora.folder import CorpusFolder

_SPLITS = {"0": "train", "1": "validation", "2": "test"}
_STRONGEST = {"0": "happy", "1": "sad", "2": "angry", "3": "surprise", "4": "disgust", "5": "fear"}
#: Columns of intensities from 0 to 3, in tables that have them.
_INTENSITIES = ("happy", "sad", "anger", "surprise", "disgust", "fear")


def _read(folder: CorpusFolder, choices: Choices) -> Iterator[Row]:
    table = folder.table(r"CMU_MOSEI_Labels\.csv", "CMU_MOSEI_Labels.csv")
    whole = "WAV_16000" if choices["modality"] == "audio" else "Combined"
    unused = 0
    for row in folder.rows(table, "file", "index", "start", "end", "label7", "split"):
        if row["split"] not in _SPLITS:
            unused += 1
            continue
        sentiment = float(row.get("sentiment") or row["label7"])
        yield Row(
            (f"Full/{whole}/{row['file']}", row["file"]),
            "negative" if sentiment < 0 else "positive" if sentiment > 0 else "neutral",
            row["start"],
            row["end"],
            split=_SPLITS[row["split"]],
            more={
                "sentiment": f"{sentiment:g}",
                **{name: row[name] for name in _INTENSITIES if name in row},
                "strongest_emotion": _STRONGEST.get(row.get("label6", ""), ""),
                "segment": f"{row['file']}_{row['index']}",
            },
        )
    if unused:
        folder.notes.append(
            counted(unused, "row of the table is", "rows of the table are")
            + " in none of the three splits, and left out"
        )


CORPUS = Corpus(
    name="mosei",
    title="CMU-MOSEI",
    summary="about 23,000 sentences of 3,228 YouTube monologues with sentiment; official split by video.",
    facts=Facts(
        licence="For research; the videos are YouTube's users'.",
        access="immortal.multicomp.cs.cmu.edu (CMU_MOSEI.zip); CMU_MOSEI_Labels.csv of the s3prl toolkit, folder "
        "downstream/mosei, which was made of the official labels.",
        citation="Bagher Zadeh, Liang, Poria, Cambria and Morency (2018): Multimodal Language Analysis in the Wild: "
        "CMU-MOSEI Dataset and Interpretable Dynamic Fusion Graph. ACL, 2236-2246.",
        files="CMU_MOSEI_Labels.csv; Videos/Full/Combined/ID.mp4, or Audio/Full/WAV_16000/ID.wav.",
        faults=(
            "239 starts lie up to 0.49 s before the film; they are taken as its beginning (table.clamp_s).",
            "The label is the sign of the sentiment. label6 names the strongest of six emotions, and happiness where "
            "there is none at all: it is kept as strongest_emotion, and is no label.",
            "399 segments belong to no split and are left out.",
            "The speaker of a video is not named; one person may be in several videos and splits.",
            "About 2,900 cut films of the archive are damaged (issue 165 of the SDK): the whole films are read.",
        ),
        verified=(
            "Columns, numbers of the splits and counts of the classes against four programs that read the table.",
        ),
        unverified=(
            "The table itself, and columns with intensities of emotions, which only some copies have.",
        ),
    ),
    read=_read,
    classes=("negative", "neutral", "positive"),
    targets=("sentiment", *_INTENSITIES),
    modalities=("both", "audio", "image"),
    also_called=("cmu_mosei",),
)
