"""Corpora of conversations: IEMOCAP, MELD, EmoryNLP, M3ED and CMU-MOSEI."""

import json
from pathlib import Path

import pytest

from tests.corpora.layouts import Corpus, put_media, put_text, shared_copy

DIALOGUE = """\
% [START_TIME - END_TIME] TURN_NAME EMOTION [V, A, D]

[6.2901 - 8.2357]\tSes01M_impro01_F000\tneu\t[2.5000, 2.0000, 2.7500]
C-E2:\tNeutral;\t()
C-E3:\tNeutral state; Sadness;\t(tired)
C-F1:\tAnger;\t()
A-E3:\tval 3; act 2; dom  2;\t()

[10.0100 - 11.3925]\tSes01M_impro01_M000\txxx\t[1.5000, 4.0000, 4.5000]
C-E1:\tFrustration;\t()
C-E2:\tOther;\t(bored)

[12.0000 - 13.0000]\tSes01M_impro01_MXX0\tfru*\t[2.0000, 2.0000, 2.0000]
[14.0000 - 15.0000]\tSes01M_impro01_F001\texc\t[4.0000, NaN, nan]
"""
MELD_HEADER = (
    "Sr No.,Utterance,Speaker,Emotion,Sentiment,Dialogue_ID,Utterance_ID,Season,Episode,StartTime,EndTime\n"
)
EMORY_HEADER = "Utterance,Speaker,Emotion,Scene_ID,Utterance_ID,Season,Episode,Start_Time,End_Time\n"


@pytest.fixture
def iemocap(folder: Path) -> Path:
    put_text(folder, "Session1/dialog/EmoEvaluation/Ses01M_impro01.txt", DIALOGUE)
    put_text(folder, "Session1/dialog/EmoEvaluation/Categorical/Ses01M_impro01_e2_cat.txt", "not this one")
    return put_media(folder, "Session1/dialog/avi/DivX/Ses01M_impro01.avi", seconds=20)


def test_a_turn_of_iemocap_has_a_vote_for_each_evaluator_and_the_speakers_half_of_the_frame(
    iemocap: Path, corpus: Corpus
) -> None:
    table = corpus.table("IEMOCAP", iemocap)
    columns = (
        "start",
        "end",
        "label",
        "annotator",
        "speaker",
        "face_side",
        "valence",
        "activation",
        "dominance_rating",
    )
    # The man wears the markers, and is on the left: the woman is on the right.
    woman, man = ("Ses01_F", "right"), ("Ses01_M", "left")
    assert table.cells(*columns) == [
        ("6.2901", "8.2357", "Neutral", "E2", *woman, "2.5000", "2.0000", "2.7500"),
        ("6.2901", "8.2357", "Neutral state; Sadness", "E3", *woman, "2.5000", "2.0000", "2.7500"),
        ("10.0100", "11.3925", "Frustration", "E1", *man, "1.5000", "4.0000", "4.5000"),
        ("10.0100", "11.3925", "Other", "E2", *man, "1.5000", "4.0000", "4.5000"),
        ("12.0000", "13.0000", "xxx", "consensus", *man, "2.0000", "2.0000", "2.0000"),
        ("14.0000", "15.0000", "exc", "consensus", *woman, "4.0000", "", ""),
    ]
    assert set(table.cells("film", "series", "fold", "style")) == {
        ("Session1/dialog/avi/DivX/Ses01M_impro01.avi", "Session1", "1", "impro")
    }
    assert [cells[0] for cells in table.cells("consensus")] == ["neu", "neu", "xxx", "xxx", "fru*", "exc"]
    labels = table.settings["labels"]
    assert labels["targets"] == ["valence", "activation", "dominance_rating"]
    assert labels["several"] == "each"
    meanings = {word: labels["map"][word] for word in ("excited", "exc", "other", "xxx", "neutral state")}
    assert meanings == {
        **{"excited": "happy", "exc": "happy", "other": "drop"},
        **{"xxx": "unlabelled", "neutral state": "neutral"},
    }
    assert table.settings["split"] == {"group_by": "series", "fold_column": "fold"}


def test_the_side_and_the_kind_of_label_of_iemocap_can_be_chosen(iemocap: Path, corpus: Corpus) -> None:
    table = corpus.table("iemocap", iemocap, "marked_actor=right", "labels=consensus")
    assert table.cells("start", "label", "annotator", "face_side") == [
        ("6.2901", "neu", "consensus", "left"),
        ("10.0100", "xxx", "consensus", "right"),
        ("12.0000", "xxx", "consensus", "right"),
        ("14.0000", "exc", "consensus", "left"),
    ]


def test_the_sound_of_iemocap_is_that_of_the_turns_if_it_is_there(iemocap: Path, corpus: Corpus) -> None:
    put_media(iemocap, "Session1/dialog/wav/Ses01M_impro01.wav", seconds=20)
    put_media(iemocap, "Session1/sentences/wav/Ses01M_impro01/Ses01M_impro01_F000.wav")
    table = corpus.table("iemocap", iemocap, "modality=audio", "labels=consensus")
    assert table.cells("film", "start", "end", "speaker", "face_side")[:2] == [
        ("Session1/sentences/wav/Ses01M_impro01/Ses01M_impro01_F000.wav", "", "", "Ses01_F", ""),
        ("Session1/dialog/wav/Ses01M_impro01.wav", "10.0100", "11.3925", "Ses01_M", ""),
    ]
    assert table.settings["clips"] == {"modalities": "audio"}


def test_a_line_of_iemocap_that_is_no_turn_is_refused_with_its_row(iemocap: Path, corpus: Corpus) -> None:
    put_text(iemocap, "Session1/dialog/EmoEvaluation/Ses01F_impro02.txt", "\n[1.0 - 2.0] broken\n")
    assert "Ses01F_impro02.txt: row 2 is no turn: '[1.0 - 2.0] broken'" in corpus.refusal("iemocap", iemocap)


def test_the_shared_dialogue_of_iemocap(folder: Path, corpus: Corpus) -> None:
    shared = shared_copy("iemocap", folder / "iemocap")
    film = "Session5/dialog/avi/DivX/Ses05F_impro03.avi"
    put_media(shared, film, seconds=12)
    table = corpus.table("iemocap", shared)
    columns = (
        "film",
        "start",
        "end",
        "label",
        "annotator",
        "speaker",
        "face_side",
        "series",
        "fold",
        "valence",
    )
    assert table.cells(*columns) == [
        (film, "1.4200", "3.1600", "Happiness", "E1", "Ses05_F", "left", "Session5", "5", "4.0000"),
        (film, "1.4200", "3.1600", "Excited", "E2", "Ses05_F", "left", "Session5", "5", "4.0000"),
        (film, "3.2000", "5.0000", "Excited; Happiness", "E1", "Ses05_M", "right", "Session5", "5", "4.5000"),
        (film, "5.1000", "6.9000", "xxx", "consensus", "Ses05_F", "left", "Session5", "5", "3.0000"),
        (film, "7.0000", "8.1000", "neu", "consensus", "Ses05_M", "right", "Session5", "5", "3.0000"),
        (film, "8.2000", "9.9000", "fru", "consensus", "Ses05_F", "left", "Session5", "5", "2.0000"),
    ]


def test_each_table_of_meld_is_read_with_its_own_folder(folder: Path, corpus: Corpus) -> None:
    line = '1,"A, b",Anna,{},positive,0,0,8,21,"00:16:16,059","00:16:21,731"\n'
    for part, emotion in (("train", "joy"), ("dev", "sadness"), ("test", "anger")):
        put_text(folder, f"{part}_sent_emo.csv", MELD_HEADER + line.format(emotion))
    put_text(
        folder,
        "train_sent_emo.csv",
        MELD_HEADER + line.format("joy") + "2,C,Ben,fear,negative,3,7,9,2,0:0:1,0:0:2\n",
    )
    put_media(
        folder,
        *("train_splits/dia0_utt0.mp4", "dev_splits_complete/dia0_utt0.mp4"),
        *(
            "output_repeated_splits_test/dia0_utt0.mp4",
            "output_repeated_splits_test/final_videos_testdia0_utt0.mp4",
        ),
    )
    table = corpus.table("MELD", folder)
    assert table.cells(
        "film", "start", "end", "label", "speaker", "split", "dialogue", "episode", "text"
    ) == [
        (
            "dev_splits_complete/dia0_utt0.mp4",
            "",
            "",
            "sadness",
            "Anna",
            "validation",
            "dev_dia0",
            "S08E21",
            "A, b",
        ),
        (
            "output_repeated_splits_test/dia0_utt0.mp4",
            "",
            "",
            "anger",
            "Anna",
            "test",
            "test_dia0",
            "S08E21",
            "A, b",
        ),
        ("train_splits/dia0_utt0.mp4", "", "", "joy", "Anna", "train", "train_dia0", "S08E21", "A, b"),
    ]
    assert table.settings["labels"]["map"] == {"anger": "angry", "joy": "happy", "sadness": "sad"}
    assert table.settings["split"] == {"column": "split", "check_columns": ["episode"]}
    assert (
        "1 file of the corpus is not in the folder (train 1), such as train_splits/dia3_utt7"
        in table.reported
    )
    assert (
        "1 file is in no row, such as output_repeated_splits_test/final_videos_testdia0_utt0.mp4"
        in table.reported
    )


def test_an_old_table_in_cp1252_is_read_and_noted(folder: Path, corpus: Corpus) -> None:
    row = "1,It\u2019s caf\u00e9,Zo\u00e9,joy,positive,0,0,8,21,0:0:1,0:0:2\n"
    (folder / "train_sent_emo.csv").write_bytes((MELD_HEADER + row).encode("cp1252"))
    put_media(folder, "train_splits/dia0_utt0.mp4")
    table = corpus.table("meld", folder)
    assert table.cells("speaker", "text") == [("Zoé", "It’s café")]
    assert table.reported.count("train_sent_emo.csv: is not UTF-8; read as cp1252") == 1


def test_a_second_copy_of_a_table_and_a_cell_that_is_no_number_are_refused(
    folder: Path, corpus: Corpus
) -> None:
    put_text(folder, "train_sent_emo.csv", MELD_HEADER + "1,A,Anna,joy,positive,0,0,,21,0:0:1,0:0:2\n")
    said = corpus.refusal("meld", folder)
    assert "train_sent_emo.csv: row 2: invalid literal for int() with base 10: ''" in said
    put_text(folder, "copy/train_sent_emo.csv", MELD_HEADER)
    said = corpus.refusal("meld", folder)
    assert "copy/train_sent_emo.csv and train_sent_emo.csv are the same part of the corpus: keep one" in said


def test_a_clip_of_meld_is_never_taken_from_another_folder(folder: Path, corpus: Corpus) -> None:
    put_text(folder, "train_sent_emo.csv", MELD_HEADER + "1,A,Anna,joy,positive,0,0,8,21,0:0:1,0:0:2\n")
    put_media(folder, "dev_splits_complete/dia0_utt0.mp4")
    said = corpus.refusal("meld", folder)
    assert "no file of MELD to make a row of" in said
    assert "such as train_splits/dia0_utt0: 1 row left out" in said


def test_the_shared_tables_of_meld(folder: Path, corpus: Corpus) -> None:
    shared = shared_copy("meld", folder / "meld")
    train = [
        f"train_splits/dia{name}.mp4" for name in ("0_utt0", "0_utt1", "0_utt2", "1_utt0", "1_utt1", "1_utt3")
    ]
    dev = ["dev_splits_complete/dia0_utt0.mp4", "dev_splits_complete/dia0_utt1.mp4"]
    strays = [
        "output_repeated_splits_test/dia0_utt0.mp4",
        "output_repeated_splits_test/final_videos_testdia0_utt0.mp4",
    ]
    put_media(shared, *train, *dev, *strays)
    table = corpus.table("meld", shared)
    assert table.cells("film", "label", "speaker", "split") == [
        (dev[0], "sadness", "Carl", "validation"),
        (dev[1], "joy", "Dora", "validation"),
        (train[0], "neutral", "Anna", "train"),
        (train[1], "joy", "The Host", "train"),
        (train[2], "surprise", "Anna", "train"),
        (train[3], "sadness", "Ben", "train"),
        (train[4], "anger", "Ben", "train"),
        (train[5], "fear", "All", "train"),
    ]
    assert table.cells("text")[3] == ("It’s another — with a dash…",)
    assert (
        "1 file of the corpus is not in the folder (train 1), such as train_splits/dia1_utt2"
        in table.reported
    )
    assert "2 files are in no row" in table.reported


def test_utterances_of_emorynlp_are_spans_of_the_episodes(folder: Path, corpus: Corpus) -> None:
    one = "\"One, two.\",['Anna A'],Joyful,1,1,1,2,00:00:02.877,00:00:07.548\n"
    two = "Two.,\"['Anna A', 'Ben B']\",Mad,3,4,4,20,00:00:03.500,00:00:04.000\n"
    three = "Three.,['Carl'],Powerful,1,1,9,9,00:00:01.000,00:00:02.000\n"
    put_text(folder, "emorynlp_train_final.csv", EMORY_HEADER + one)
    put_text(folder, "emorynlp_dev_final.csv", EMORY_HEADER + two)
    put_text(folder, "emorynlp_test_final.csv", EMORY_HEADER + one.replace("Joyful", "Scared") + three)
    put_media(folder, "season1/Friends.S01E02.1080p.mkv", "Friends - 4x20 - x264.mkv", seconds=10)
    table = corpus.table("EmoryNLP", folder)
    columns = ("film", "start", "end", "label", "speaker", "split", "scene", "text")
    second = ("Friends - 4x20 - x264.mkv", "00:00:03.500", "00:00:04.000")
    first = ("season1/Friends.S01E02.1080p.mkv", "00:00:02.877", "00:00:07.548")
    assert table.cells(*columns) == [
        (*second, "Mad", "Anna A & Ben B", "validation", "S04E20_3", "Two."),
        (*first, "Scared", "Anna A", "test", "S01E02_1", "One, two."),
        (*first, "Joyful", "Anna A", "train", "S01E02_1", "One, two."),
    ]
    assert table.settings["labels"]["classes"] == [
        *("joyful", "mad", "neutral", "peaceful", "powerful", "sad", "scared")
    ]
    assert table.settings["split"] == {"column": "split", "check_columns": ["episode"]}
    assert (
        "1 file of the corpus is not in the folder (test 1), such as S09E09.mkv: 1 row left out"
        in table.reported
    )


def test_the_shared_table_of_emorynlp(folder: Path, corpus: Corpus) -> None:
    shared = shared_copy("emorynlp", folder / "emorynlp")
    put_media(shared, "s01e02.mkv", seconds=80)
    table = corpus.table("emorynlp", shared)
    assert table.cells("start", "end", "label", "speaker") == [
        ("00:00:02.877", "00:00:07.548", "Joyful", "Anna A"),
        ("00:00:04.504", "00:00:07.548", "Neutral", "Anna A & Ben B"),
        ("00:00:09.000", "00:00:11.250", "Mad", "Ben B"),
        ("00:00:12.000", "00:00:13.000", "Scared", "Ben B"),
        ("00:01:12.000", "00:01:13.500", "Peaceful", "Carl"),
        ("00:01:14.000", "00:01:15.500", "Powerful", "Carl"),
        ("00:01:16.000", "00:01:17.500", "Sad", "Carl"),
    ]
    assert "split" not in table.rows[0]
    assert "all rows are in the split train of the corpus: they are divided anew" in table.reported
    assert table.settings["split"] == {"group_by": "speaker", "check_columns": ["episode"]}


def m3ed_dialogue(start: str, end: str, main: str, several: str) -> dict[str, object]:
    emotions = {
        "EmoAnnotator1": several,
        "EmoAnnotator2": main,
        "final_main_emo": main,
        "final_mul_emo": several,
    }
    said = {"StartTime": start, "EndTime": end, "Text": "t", "Speaker": "B", "EmoAnnotation": emotions}
    return {"SpeakerInfo": {}, "Dialog": {"x_1_1": said}}


def test_times_of_m3ed_are_frames_of_40_ms_and_its_split_is_by_series(folder: Path, corpus: Corpus) -> None:
    shows = {
        "anjia": {"anjia_1": m3ed_dialogue("00:00:01:04", "00:00:02:25", "Anger", "Anger,Disgust")},
        "fendou": {"fendou_7": m3ed_dialogue("00:01:00:00", "00:01:01:24", "Happy", "Happy")},
        "kelian": {"kelian_2": m3ed_dialogue("00:00:00:00", "00:00:01:00", "Sad", "Sad")},
    }
    put_text(folder, "annotation.json", json.dumps(shows))
    put_text(folder, "splitInfo/movie_list_train.txt", "anjia\n")
    put_text(folder, "splitInfo/movie_list_val.txt", "fendou\nother")
    put_text(folder, "splitInfo/movie_list_test.txt", "kelian")
    put_media(
        folder, "films/anjia_1.mp4", "films/anjia.mp4", "films/fendou.mp4", "films/kelian_2.mp4", seconds=70
    )
    table = corpus.table("M3ED", folder)
    columns = ("film", "start", "end", "label", "speaker", "series", "split", "all_emotions")
    assert table.cells(*columns) == [
        ("films/anjia_1.mp4", "1.160", "3.000", "Anger", "anjia_1_B", "anjia", "train", "Anger,Disgust"),
        ("films/fendou.mp4", "60.000", "61.960", "Happy", "fendou_7_B", "fendou", "validation", "Happy"),
        ("films/kelian_2.mp4", "0.000", "1.000", "Sad", "kelian_2_B", "kelian", "test", "Sad"),
    ]
    assert table.settings["labels"]["map"] == {"anger": "angry"}
    assert table.settings["split"] == {"column": "split"}
    votes = corpus.table("m3ed", folder, "labels=votes")
    assert votes.cells("label", "annotator")[:2] == [
        ("Anger,Disgust", "EmoAnnotator1"),
        ("Anger", "EmoAnnotator2"),
    ]


def test_another_json_file_is_no_m3ed(folder: Path, corpus: Corpus) -> None:
    put_text(folder, "annotation.json", '{"a": {"b": {"c": 1}}}')
    assert "annotation.json: is not built like M3ED's annotations: KeyError('Dialog')" in corpus.refusal(
        "m3ed", folder
    )
    put_text(folder, "annotation.json", "{")
    assert "annotation.json: not valid JSON" in corpus.refusal("m3ed", folder)


def test_the_shared_annotation_of_m3ed(folder: Path, corpus: Corpus) -> None:
    shared = shared_copy("m3ed", folder / "m3ed")
    put_media(shared, "a_show_01.mp4", seconds=1440)
    assert corpus.table("m3ed", shared).cells(
        "film", "start", "end", "label", "speaker", "series", "all_emotions"
    ) == [("a_show_01.mp4", "1428.160", "1430.480", "Happy", "a_show_01_1_A", "a_show_01", "Happy,Surprise")]


MOSEI = """\
,file,index,start,end,label2a,label2b,label6,label7,split
0,AbC,0,23.199,30.325,1,1,0,1,1
1,aBc,0,-0.4575963718820862,7.5,1,1,0,0,0
2,aBc,1,7.5,12.25,0,0,1,-1,2
3,xYz,0,1,2,0,0,2,-2,3
"""


def test_sentences_of_mosei_have_the_sign_of_the_sentiment_and_its_value(
    folder: Path, corpus: Corpus
) -> None:
    put_text(folder, "CMU_MOSEI_Labels.csv", MOSEI)
    put_media(folder, "Videos/Full/Combined/AbC.mp4", "Videos/Full/Combined/aBc.mp4", seconds=40)
    put_media(folder, "Videos/Segmented/Combined/AbC_0.mp4")
    table = corpus.table("CMU-MOSEI", folder)
    columns = ("film", "start", "end", "label", "sentiment", "strongest_emotion", "split", "segment")
    assert table.cells(*columns) == [
        ("Videos/Full/Combined/AbC.mp4", "23.199", "30.325", "positive", "1", "happy", "validation", "AbC_0"),
        (
            "Videos/Full/Combined/aBc.mp4",
            "-0.4575963718820862",
            "7.5",
            "neutral",
            "0",
            "happy",
            "train",
            "aBc_0",
        ),
        ("Videos/Full/Combined/aBc.mp4", "7.5", "12.25", "negative", "-1", "sad", "test", "aBc_1"),
    ]
    assert table.settings["labels"] == {
        "classes": ["negative", "neutral", "positive"],
        "targets": ["sentiment"],
    }
    assert table.settings["split"] == {"column": "split"}
    assert "1 row of the table is in none of the three splits, and left out" in table.reported


def test_intensities_of_mosei_are_targets_where_the_table_has_them(folder: Path, corpus: Corpus) -> None:
    rows = MOSEI.splitlines()
    extra = [
        f"{rows[0]},sentiment,happy,sad,anger,surprise,disgust,fear",
        f"{rows[1]},-0.33,0.66,0,0,0,1.5,0",
    ]
    put_text(folder, "CMU_MOSEI_Labels.csv", "\n".join(extra))
    put_media(folder, "Audio/Full/WAV_16000/AbC.wav", seconds=40)
    table = corpus.table("mosei", folder, "modality=audio")
    assert table.cells("film", "label", "sentiment", "happy", "disgust") == [
        ("Audio/Full/WAV_16000/AbC.wav", "negative", "-0.33", "0.66", "1.5")
    ]
    assert table.settings["labels"]["targets"] == [
        *("sentiment", "happy", "sad", "anger", "surprise", "disgust", "fear")
    ]


def test_the_shared_table_of_mosei(folder: Path, corpus: Corpus) -> None:
    shared = shared_copy("mosei", folder / "mosei")
    put_media(shared, "Full/Combined/AbCdEfGhIj0.mp4", "Full/Combined/aBcDeFgHiJ1.mp4", seconds=40)
    assert corpus.table("mosei", shared).cells("film", "start", "end", "label", "sentiment", "split") == [
        ("Full/Combined/AbCdEfGhIj0.mp4", "23.199", "30.325", "positive", "1", "validation"),
        ("Full/Combined/aBcDeFgHiJ1.mp4", "-0.4575963718820862", "7.5", "positive", "1", "train"),
        ("Full/Combined/aBcDeFgHiJ1.mp4", "7.5", "12.25", "negative", "-1", "test"),
        ("Full/Combined/AbCdEfGhIj0.mp4", "30.5", "33.0", "negative", "-2", "validation"),
    ]
