"""MELD: utterances of the series Friends, cut into files whose names repeat between the three folders."""

from collections.abc import Iterator

from emodal_data.corpora.corpus import Choices, Corpus, Facts, Row
from emodal_data.corpora.folder import CorpusFolder

_FOLDERS = {"train": "train_splits", "dev": "dev_splits_complete", "test": "output_repeated_splits_test"}
_SPLITS = {"train": "train", "dev": "validation", "test": "test"}
_NEEDED = ("Utterance", "Speaker", "Emotion", "Sentiment", "Dialogue_ID", "Utterance_ID", "Season", "Episode")


def _read(folder: CorpusFolder, choices: Choices) -> Iterator[Row]:
    for name, match in folder.parts(r"(?P<part>train|dev|test)_sent_emo\.csv", "train_sent_emo.csv"):
        part = match["part"]
        for row in folder.rows(name, *_NEEDED):
            yield Row(
                # StartTime and EndTime are those of the episode: each file is one whole utterance.
                f"{_FOLDERS[part]}/dia{row['Dialogue_ID']}_utt{row['Utterance_ID']}",
                row["Emotion"],
                speaker=row["Speaker"],
                split=_SPLITS[part],
                more={
                    "dialogue": f"{part}_dia{row['Dialogue_ID']}",
                    "utterance": row["Utterance_ID"],
                    "episode": f"S{int(row['Season']):02}E{int(row['Episode']):02}",
                    "sentiment": row["Sentiment"],
                    "text": row["Utterance"],
                },
            )


CORPUS = Corpus(
    name="meld",
    title="MELD",
    summary="13,708 utterances of the series Friends in seven emotions; one clip a file, official split.",
    facts=Facts(
        licence="Annotations: GPL 3.0. The clips are of a TV series, whose rights the authors do not give.",
        access="affective-meld.github.io: MELD.Raw.tar.gz, which holds three more archives; unpack all of them.",
        citation="Poria, Hazarika, Majumder, Naik, Cambria and Mihalcea (2019): MELD: A Multimodal Multi-Party Dataset "
        "for Emotion Recognition in Conversations. ACL, 527-536.",
        files="train_sent_emo.csv, dev_sent_emo.csv, test_sent_emo.csv; train_splits/, dev_splits_complete/, "
        "output_repeated_splits_test/.",
        faults=(
            "The same names are in all three folders and mean other clips: each table is read with its own folder.",
            "train_splits/dia125_utt3.mp4 is damaged, dev's dia110_utt7.mp4 is in no copy (issues 39 and 27 of the "
            "repository).",
            "test's dia38_utt4 and dia220_utt0 are minutes long (issue 20): spans above clips.max_clip_s are dropped.",
            "There are files without a row, such as final_videos_testdia0_utt0.mp4; they are counted and left out.",
            "The main characters and many episodes are in all three splits: the leakage check counts them.",
            "The clips have a laugh track, and the face in the middle of a clip is often not the speaker's.",
        ),
        verified=(
            "Header and last rows of the repository's test_sent_emo.csv; issues 9, 20, 22, 27, 39 and 52.",
        ),
        unverified=("No clip was opened; clips under the names were made for the tests.",),
    ),
    read=_read,
    classes=("angry", "disgust", "fear", "happy", "neutral", "sad", "surprise"),
    map={"anger": "angry", "joy": "happy", "sadness": "sad"},
    group_by="speaker",
    settings={"split": {"check_columns": ["episode"]}},
)
