"""eNTERFACE'05: people who react to short stories; label and person are folders."""

from collections.abc import Iterator

from emodal_data.corpora.corpus import Choices, Corpus, Facts, Row
from emodal_data.corpora.folder import CorpusFolder

_LETTERS = {
    **{"an": "anger", "di": "disgust", "fe": "fear"},
    **{"ha": "happiness", "sa": "sadness", "su": "surprise"},
}
_PATH = (
    r"(?i:subject)[ _-]?(?P<subject>\d+)/(?P<label>(?i:anger|disgust|fear|happiness|sadness|surprise))/"
    r"(?:(?i:sentence)[ _-]?(?P<sentence>\d+)/)?(?P<name>[^/]+)"
)


def _read(folder: CorpusFolder, choices: Choices) -> Iterator[Row]:
    for path, match in folder.matching(_PATH, folder.media()):
        label = match["label"].lower()
        letters = {word for part in match["name"].lower().split("_") if (word := _LETTERS.get(part))}
        if letters and letters != {label}:
            folder.notes.append(
                f"{path}: the folder says {label}, the name {' and '.join(sorted(letters))}; the folder is taken"
            )
        sentence = match["sentence"]
        if sentence is None:
            folder.notes.append(f"{path}: in no folder of a sentence; it may hold several sentences")
        yield Row(path, label, speaker=f"subject_{int(match['subject'])}", more={"sentence": sentence or ""})


CORPUS = Corpus(
    name="enterface05",
    title="eNTERFACE'05",
    summary="42 people of 14 nations who react to short stories in English, in six emotions; one clip a file.",
    facts=Facts(
        licence="Free for research; no commercial use.",
        access="enterface.net, workshop of 2005, project emotion database.",
        citation="Martin, Kotsia, Macq and Pitas (2006): The eNTERFACE'05 Audio-Visual Emotion Database. 22nd "
        "International Conference on Data Engineering Workshops.",
        files="subject 1/anger/sentence 1/s1_an_1.avi; the folder says the emotion.",
        faults=(
            "Distributed copies have 44 people and 1,293 films, where the paper has 42 and 1,166.",
            "Some names are spelt otherwise (s_3_an_1, s16_su_3avi): person and emotion are taken from the folders.",
            "One person's films are not cut into sentences: films outside a folder of a sentence are reported.",
            "There is no neutral class.",
        ),
        verified=("Folders, letters and counts against three published descriptions.",),
        unverified=("No file of the corpus was opened; clips under its names were made for the tests.",),
    ),
    read=_read,
    classes=("angry", "disgust", "fear", "happy", "sad", "surprise"),
    map={"anger": "angry", "happiness": "happy", "sadness": "sad"},
    group_by="speaker",
    also_called=("enterface",),
)
