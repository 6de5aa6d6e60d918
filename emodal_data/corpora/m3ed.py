"""M3ED: dialogues of Chinese TV series with times in hours, minutes, seconds and frames."""

from collections.abc import Iterator
from typing import Any

from emodal_data.core.errors import InputError
from emodal_data.corpora.corpus import Choices, Corpus, Facts, Option, Row
from emodal_data.corpora.folder import CorpusFolder

#: The annotators counted frames of 40 ms, whatever the film's rate.
_FRAME_S = 0.040
_SPLITS = {"train": "train", "val": "validation", "test": "test"}


def _read(folder: CorpusFolder, choices: Choices) -> Iterator[Row]:
    splits = {
        show.strip(): _SPLITS[match["part"]]
        for name, match in folder.matching(r"movie_list_(?P<part>train|val|test)\.txt")
        for show in folder.text(name).split()
    }
    name = folder.table(r"annotation\.json", "annotation.json")
    try:
        for show, dialogues in folder.json(name).items():
            for dialogue, content in dialogues.items():
                for turn, said in content["Dialog"].items():
                    yield from _rows(show, dialogue, turn, said, splits.get(show, ""), choices)
    except (AttributeError, KeyError, TypeError) as error:
        raise InputError(f"{folder.root / name}: is not built like M3ED's annotations: {error!r}") from error


def _rows(
    show: str,
    dialogue: str,
    turn: str,
    said: dict[str, Any],
    split: str,
    choices: Choices,
) -> Iterator[Row]:
    emotions = said["EmoAnnotation"]
    votes = [("", str(emotions["final_main_emo"]))]
    if choices["labels"] == "votes":
        votes = [(name, str(label)) for name, label in emotions.items() if name.startswith("EmoAnnotator")]
    for annotator, label in votes:
        yield Row(
            (dialogue, show),
            label,
            _seconds(str(said["StartTime"])),
            _seconds(str(said["EndTime"])),
            annotator=annotator,
            speaker=f"{dialogue}_{said['Speaker']}",
            series=show,
            split=split,
            more={"turn": turn, "all_emotions": str(emotions["final_mul_emo"]), "text": str(said["Text"])},
        )


def _seconds(text: str) -> str:
    """Seconds of HH:MM:SS:FF; a text of another form stays as it is, and is then reported as no time."""
    parts = text.split(":")
    if len(parts) != 4 or not all(part.isdigit() for part in parts):
        return text
    hours, minutes, seconds, frames = map(int, parts)
    return f"{hours * 3600 + minutes * 60 + seconds + frames * _FRAME_S:.3f}"


CORPUS = Corpus(
    name="m3ed",
    title="M3ED",
    summary="990 dialogues of 56 Chinese TV series, 24,449 utterances in seven emotions; official split by series.",
    facts=Facts(
        licence="For research, by agreement with the authors.",
        access="github.com/AIM3-RUC/RUCM3ED: annotation.json and splitInfo; the films are given on request.",
        citation="Zhao, Zhang, Hu, Liu, Jin and Li (2022): M3ED: Multi-modal Multi-scene Multi-label Emotional "
        "Dialogue Database. ACL, 5699-5710.",
        files="annotation.json; splitInfo/movie_list_train.txt, _val, _test; a film of each dialogue (anjia_1.mp4), or "
        "else of the whole (anjia.mp4).",
        faults=(
            "Times are HH:MM:SS:FF with frames of 40 ms whatever the film's rate; frame 25 is a whole second.",
            "Times are those of the dialogue's own film; without it, the film of the series' name is taken, and spans "
            "may then lie elsewhere.",
            "Speakers are letters within a dialogue, so one actor has many names; the split keeps series together.",
        ),
        verified=(
            "Names in splitInfo of the repository; times and frames against the authors' own programs for cutting.",
        ),
        unverified=("annotation.json was seen in excerpts only; no film was opened.",),
    ),
    read=_read,
    classes=("angry", "disgust", "fear", "happy", "neutral", "sad", "surprise"),
    map={"anger": "angry"},
    options=(
        Option("labels", "the final main emotion, or a vote for each annotator", "final", ("final", "votes")),
    ),
    group_by="series",
    settings={"labels": {"several": "first"}},
)
