"""IEMOCAP: dialogues of two actors in one frame, with the votes of evaluators for every turn."""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field

from emodal_data.core.errors import InputError
from emodal_data.core.file_types import SOUND_SUFFIXES
from emodal_data.corpora.corpus import Choices, Corpus, Facts, Option, Row
from emodal_data.corpora.folder import CorpusFolder

_FILE = r"(?:dialog/)?EmoEvaluation/(?P<dialog>Ses0(?P<session>\d)(?P<marked>[FM])_(?P<style>impro|script)[^/]*)\.txt"
_NUMBER = r"-?\d+(?:\.\d+)?"
_MEAN = rf"{_NUMBER}|nan|NaN"
_TURN = re.compile(
    rf"\[(?P<start>{_NUMBER}) - (?P<end>{_NUMBER})\]\s+(?P<turn>\S+)\s+(?P<category>\S+)\s+"
    rf"\[(?P<valence>{_MEAN}), (?P<activation>{_MEAN}), (?P<dominance>{_MEAN})\]"
)
#: A category that a person from outside chose. Those of the actors themselves (C-F1, C-M1) are no votes.
_VOTE = re.compile(r"C-(?P<annotator>E\d+):\s*(?P<words>[^(]*)")
#: Means of the evaluators by their name in the line of a turn. A column `dominance` is in the ledger already.
_MEANS = {"valence": "valence", "activation": "activation", "dominance": "dominance_rating"}
_TURN_OF_ONE = re.compile(r".*_(?P<who>[FM])[^_]*\d+")


@dataclass
class _Turn:
    match: re.Match[str]
    votes: list[tuple[str, str]] = field(default_factory=list)


def _read(folder: CorpusFolder, choices: Choices) -> Iterator[Row]:
    files = list(folder.matching(_FILE))
    if not files:
        raise InputError(
            f"{folder.root}: no EmoEvaluation/Ses*.txt here or below: is this IEMOCAP_full_release?"
        )
    for name, match in files:
        for turn in _turns(folder, name):
            yield from _rows(folder, match, turn, choices)


def _turns(folder: CorpusFolder, name: str) -> Iterator[_Turn]:
    turn = None
    for number, line in enumerate(folder.text(name).splitlines(), start=1):
        if line.startswith("["):
            if turn:
                yield turn
            if not (match := _TURN.fullmatch(line.strip())):
                raise InputError(f"{folder.root / name}: row {number} is no turn: {line.strip()!r}")
            turn = _Turn(match)
        elif turn and (vote := _VOTE.match(line)):
            words = [word.strip() for word in vote["words"].split(";") if word.strip()]
            turn.votes.append((vote["annotator"], "; ".join(words)))
    if turn:
        yield turn


def _rows(folder: CorpusFolder, file: re.Match[str], turn: _Turn, choices: Choices) -> Iterator[Row]:
    name, category = turn.match["turn"], turn.match["category"]
    speaking = _TURN_OF_ONE.fullmatch(name)
    if not speaking:
        folder.notes.append(f"{name}: the name of the turn has no letter for who speaks; left out")
        return
    dialog, session, who = file["dialog"], file["session"], speaking["who"]
    film: tuple[str, ...] = (f"dialog/avi/DivX/{dialog}", dialog)
    start, end, side = turn.match["start"], turn.match["end"], ""
    if choices["modality"] == "audio":
        film = (f"dialog/wav/{dialog}", dialog)
        if folder.find(f"{dialog}/{name}", SOUND_SUFFIXES):
            film, start, end = (f"{dialog}/{name}",), "", ""
    else:
        is_left = (who == file["marked"]) == (choices["marked_actor"] == "left")
        side = "left" if is_left else "right"
    # A mark after a category is no agreement.
    votes = [("consensus", category if "*" not in category else "xxx")]
    if choices["labels"] == "votes" and turn.votes:
        votes = turn.votes
    for annotator, label in votes:
        yield Row(
            film,
            label,
            start,
            end,
            annotator=annotator,
            speaker=f"Ses0{session}_{who}",
            series=f"Session{session}",
            fold=session,
            face_side=side,
            more={
                **{column: turn.match[name].lower().replace("nan", "") for name, column in _MEANS.items()},
                "turn": name,
                "consensus": category,
                "style": file["style"],
            },
        )


CORPUS = Corpus(
    name="iemocap",
    title="IEMOCAP",
    summary="ten actors in five sessions of two; about 10,000 turns with the votes of three evaluators or more.",
    facts=Facts(
        licence="For research and internal use, by the release form of the University of Southern California.",
        access="sail.usc.edu/iemocap: send the release form; unpack IEMOCAP_full_release.",
        citation="Busso, Bulut, Lee, Kazemzadeh, Mower, Kim, Chang, Lee and Narayanan (2008): IEMOCAP: interactive "
        "emotional dyadic motion capture database. Language Resources and Evaluation 42(4), 335-359.",
        files="Session1/dialog/EmoEvaluation/Ses01F_impro01.txt, Session1/dialog/avi/DivX/Ses01F_impro01.avi; for the "
        "sound alone Session1/sentences/wav/Ses01F_impro01/Ses01F_impro01_F000.wav.",
        faults=(
            "Both actors are in every frame, side by side; column face_side says which half is the speaker's. The "
            "actor with the markers (the letter in the dialogue's name) is taken to be on the left: look at one film, "
            "and give --option marked_actor=right if that is wrong.",
            "The faces of the actors with markers have the markers on them.",
            "Excited counts as happy, as most papers have it; remove excited from labels.map to change that.",
            "A turn without agreement (xxx) has votes all the same; the majority decides, or the turn has no label.",
            "The actors' judgements of themselves (C-F1, C-M1) are no votes here.",
            "Both actors of a session are in all its films, so the split keeps whole sessions together.",
        ),
        verified=(
            "The format of EmoEvaluation against excerpts of three files in public code, the naming against the "
            "corpus's README.",
        ),
        unverified=(
            "The side of the marked actor: three independent public programs cut the left half for the marked actor; "
            "no film was looked at.",
            "The meaning of a star after a category.",
        ),
    ),
    read=_read,
    classes=("angry", "disgust", "fear", "frustrated", "happy", "neutral", "sad", "surprise"),
    map={
        **{
            "anger": "angry",
            "happiness": "happy",
            "excited": "happy",
            "neutral state": "neutral",
            "sadness": "sad",
        },
        **{"frustration": "frustrated", "other": "drop"},
        **{
            "ang": "angry",
            "dis": "disgust",
            "exc": "happy",
            "fea": "fear",
            "fru": "frustrated",
            "hap": "happy",
        },
        **{"neu": "neutral", "sur": "surprise", "oth": "drop", "xxx": "unlabelled"},
    },
    targets=tuple(_MEANS.values()),
    modalities=("both", "audio", "image"),
    options=(
        Option(
            "labels", "a vote for each evaluator, or the consensus alone", "votes", ("votes", "consensus")
        ),
        Option("marked_actor", "half of the frame of the actor with the markers", "left", ("left", "right")),
    ),
    group_by="series",
    settings={"labels": {"several": "each"}},
)
