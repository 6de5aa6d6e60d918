"""studyforrest: portrayed emotions in the film Forrest Gump, by character; you provide the film."""

from collections.abc import Iterator
from decimal import Decimal

from emodal_data.core.errors import InputError
from emodal_data.corpora.corpus import Choices, Corpus, Facts, Option, Row
from emodal_data.corpora.folder import CorpusFolder

#: Observers who saw the film with its sound; the table has shares of them.
_OBSERVERS = 9
_TARGETS = ("arousal", "valence_positive", "valence_negative")


def _read(folder: CorpusFolder, choices: Choices) -> Iterator[Row]:
    table = folder.table(r"emotions_av_1s_events\.tsv", "emotions_av_1s_events.tsv (folder researchcut)")
    film = _film(folder, choices["film"])
    for row in folder.rows(table, "onset", "duration", "character"):
        shares = {
            _word(name): float(cell.replace("n/a", "") or 0)
            for name, cell in row.items()
            if name.startswith("e_")
        }
        votes = [label for label, share in shares.items() for _ in range(round(share * _OBSERVERS))]
        for label in votes or [""]:
            yield Row(
                film,
                label,
                row["onset"],
                str(Decimal(row["onset"]) + Decimal(row["duration"])),
                speaker=row["character"],
                more={name: row.get(name, "") for name in _TARGETS},
            )


def _film(folder: CorpusFolder, wanted: str) -> str:
    films = folder.find(wanted) if wanted else folder.media()
    if len(films) != 1:
        found = f"{len(films)} films, such as {films[0]}" if films else "no such film"
        raise InputError(f"{folder.root}: {found}; put the film there, and name it with --option film=NAME")
    return films[0]


def _word(column: str) -> str:
    """The emotion of a column, without a second word for it: "e_anger/rage" -> "anger"."""
    return column.removeprefix("e_").split("/")[0]


CORPUS = Corpus(
    name="studyforrest",
    title="studyforrest",
    summary="emotions of the characters of Forrest Gump as nine observers saw them; you provide the film.",
    facts=Facts(
        licence="CC BY-SA 4.0 for the annotations. The film is not part of them.",
        access="github.com/psychoinformatics-de/studyforrest-data-annotations; the film of your own, in the cut that "
        "the study showed.",
        citation="Labs et al. (2015): Portrayed emotions in the movie 'Forrest Gump'. F1000Research 4, 92.",
        files="researchcut/emotions_av_1s_events.tsv and the only film of the folder.",
        faults=(
            "Times are those of the study's own cut of the film. In another edition every span is wrong.",
            "The table has shares of nine observers: a vote is written for each of them. Emotions do not exclude each "
            "other, so one observer may have voted for several.",
            "Two characters in one span are two clips (26 such groups); the face of a clip is the largest of the "
            "frame, which may be another character's.",
            "FORRESTVO is the narrator, who is not in the picture.",
            "Many episodes have no emotion that anybody named; they are unlabelled.",
            "It is one film: a split by film is impossible, and one by character has the same scenes in both splits.",
        ),
        verified=("Header and first 130 rows of the repository's table, and the program that writes it.",),
        unverified=("The film was not opened.",),
    ),
    read=_read,
    classes=(
        *(
            "admiration",
            "angry",
            "contempt",
            "disappointment",
            "fear",
            "fears_confirmed",
            "gloating",
            "gratification",
        ),
        *(
            "gratitude",
            "happy",
            "happy-for",
            "hate",
            "hope",
            "love",
            "pity",
            "pride",
            "relief",
            "remorse",
            "resent",
        ),
        *("sad", "satisfaction", "shame"),
    ),
    map={"anger": "angry", "happiness": "happy", "sadness": "sad"},
    targets=_TARGETS,
    options=(Option("film", "name of the film, if the folder has several", ""),),
    group_by="speaker",
    settings={"split": {"allow_imbalance": True}},
)
