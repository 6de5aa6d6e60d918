"""Corpora of clips from films and shows: MER2023, CAER, AFEW, DFEW, FERV39k, MAFW, LIRIS-ACCEDE and studyforrest."""

from pathlib import Path

from tests.corpora.layouts import Corpus, put_media, put_text, shared_copy


def test_names_of_mer2023_get_their_suffix_and_valence_is_a_target(folder: Path, corpus: Corpus) -> None:
    put_text(
        folder, "train-label.csv", "name,discrete,valence\ns_1,neutral,0.3\ns_2,worried,-1.2\ns_9,sad,-2\n"
    )
    put_text(folder, "test1-label.csv", "name,discrete,valence\nt_1,angry,-2.5\n")
    put_media(folder, "train/s_1.mp4", "train/s_2.avi", "test1/t_1.mp4")
    table = corpus.table("MER2024", folder)
    assert table.cells("film", "start", "label", "valence", "split") == [
        ("test1/t_1.mp4", "", "angry", "-2.5", "test"),
        ("train/s_1.mp4", "", "neutral", "0.3", "train"),
        ("train/s_2.avi", "", "worried", "-1.2", "train"),
    ]
    assert table.settings["labels"] == {
        "classes": ["angry", "happy", "neutral", "sad", "surprise", "worried"],
        "targets": ["valence"],
    }
    assert table.settings["split"] == {"column": "split"}
    assert "1 file of the corpus is not in the folder (train 1), such as train/s_9" in table.reported


def test_the_tables_and_folders_of_later_years_are_read_as_they_are(folder: Path, corpus: Corpus) -> None:
    rows = "name,discrete,valence\ns_1,happy,2\ns_2,worried,-1\n"
    put_text(folder, "2024/label-disdim.csv", rows)
    put_text(folder, "2024/label-transcription.csv", "name,sentence\ns_1,x\n")
    put_media(folder, "2024/video-labeled/s_1.mp4", "2024/video-labeled/s_2.mp4")
    put_text(folder, "2025/track1_train_disdim.csv", rows)
    put_text(folder, "2025/track_all_candidates.csv", "name\ns_3\n")
    put_media(folder, "2025/video/s_1.mp4", "2025/video/s_2.mp4")
    for year, place in (("2024", "video-labeled"), ("2025", "video")):
        assert corpus.table("mer2023", folder / year).cells("film", "label", "valence") == [
            (f"{place}/s_1.mp4", "happy", "2"),
            (f"{place}/s_2.mp4", "worried", "-1"),
        ]


def test_a_clip_of_mer2023_is_never_taken_from_another_part(folder: Path, corpus: Corpus) -> None:
    for part, label in (("train", "happy"), ("test1", "sad"), ("test2", "angry"), ("test3", "worried")):
        put_text(folder, f"{part}-label.csv", f"name,discrete,valence\ns_1,{label},1\n")
    put_media(folder, "train/s_1.mp4", "test1/s_1.mp4", "test2/s_1.mp4")
    table = corpus.table("mer2023", folder)
    assert table.cells("film", "label", "split") == [
        ("test1/s_1.mp4", "sad", "test"),
        ("test2/s_1.mp4", "angry", "test"),
        ("train/s_1.mp4", "happy", "train"),
    ]
    assert "1 file of the corpus is not in the folder (test 1), such as test3/s_1" in table.reported


def test_the_shared_table_of_mer2023(folder: Path, corpus: Corpus) -> None:
    shared = shared_copy("mer2023", folder / "mer2023")
    put_media(shared, *(f"train/sample_0000000{number}.mp4" for number in range(1, 7)))
    table = corpus.table("mer2023", shared)
    assert table.cells("film", "label", "valence") == [
        ("train/sample_00000001.mp4", "neutral", "0.3"),
        ("train/sample_00000002.mp4", "happy", "3.1"),
        ("train/sample_00000003.mp4", "worried", "-1.2"),
        ("train/sample_00000004.mp4", "angry", "-2.5"),
        ("train/sample_00000005.mp4", "sad", "-2.9"),
        ("train/sample_00000006.mp4", "surprise", "1.0"),
    ]
    assert "split" not in table.settings


def test_folders_of_caer_are_label_and_split(folder: Path, corpus: Corpus) -> None:
    names = ("train/Anger/0001", "validation/Anger/0001", "test/Surprise/0001", "test/Happy/0002")
    put_media(folder, *(f"CAER/{name}.avi" for name in names), "CAER/extra/Anger/0001.avi")
    table = corpus.table("CAER", folder)
    assert table.cells("film", "label", "split") == [
        ("CAER/test/Happy/0002.avi", "Happy", "test"),
        ("CAER/test/Surprise/0001.avi", "Surprise", "test"),
        ("CAER/train/Anger/0001.avi", "Anger", "train"),
        ("CAER/validation/Anger/0001.avi", "Anger", "validation"),
    ]
    assert table.settings["labels"]["map"] == {"anger": "angry"}
    assert table.settings["split"] == {"column": "split"}
    assert "1 file is in no row, such as CAER/extra/Anger/0001.avi" in table.reported


def test_the_shared_caer_layout(folder: Path, corpus: Corpus) -> None:
    shared = shared_copy("caer", folder / "caer")
    put_media(shared, *(f"CAER/{split}/Anger/0001.avi" for split in ("train", "validation", "test")))
    assert corpus.table("caer", shared).cells("label", "split") == [
        ("Anger", "test"),
        ("Anger", "train"),
        ("Anger", "validation"),
    ]


def test_folders_of_afew_are_label_and_split(folder: Path, corpus: Corpus) -> None:
    put_media(folder, "Train_AFEW/Angry/000046280.avi", "Val_AFEW/Sad/000123.avi", "Test_AFEW/000001.avi")
    table = corpus.table("AFEW", folder)
    assert table.cells("film", "label", "split") == [
        ("Train_AFEW/Angry/000046280.avi", "Angry", "train"),
        ("Val_AFEW/Sad/000123.avi", "Sad", "validation"),
    ]
    assert table.settings["split"] == {"column": "split"}
    assert "1 file is in no row, such as Test_AFEW/000001.avi" in table.reported


def test_the_shared_afew_layout(folder: Path, corpus: Corpus) -> None:
    shared = shared_copy("afew", folder / "afew")
    labels = ("Angry", "Disgust", "Fear", "Happy", "Neutral", "Sad", "Surprise")
    put_media(
        shared, *(f"{part}_AFEW/{label}/000046280.avi" for part in ("Train", "Val") for label in labels)
    )
    assert corpus.table("afew", shared).cells("label", "split") == [
        *((label, "train") for label in labels),
        *((label, "validation") for label in labels),
    ]


DFEW_LISTS = {
    1: (["/a/DFEW/00001 66 5", "/a/DFEW/00002 6 1", "/a/DFEW/00003 6 2"], ["/a/DFEW/02522 40 3"]),
    2: (["/a/DFEW/02522 40 3", "/a/DFEW/00003 6 2"], ["/a/DFEW/00001 66 5", "/a/DFEW/00002 6 1"]),
    3: (["/a/DFEW/02522 40 3", "/a/DFEW/00001 66 5", "/a/DFEW/00002 6 1"], ["/a/DFEW/00003 6 2"]),
}


def put_lists(folder: Path, name: str, lists: dict[int, tuple[list[str], list[str]]]) -> None:
    for fold, (train, test) in lists.items():
        put_text(folder, name.format(fold=fold, split="train"), "\n".join(train) + "\n")
        put_text(folder, name.format(fold=fold, split="test"), "\n".join(test) + "\n")


def test_numbers_of_dfew_are_labels_and_its_folds_are_kept(folder: Path, corpus: Corpus) -> None:
    put_lists(folder, "lists/DFEW_set_{fold}_{split}.txt", DFEW_LISTS)
    put_media(folder, *(f"Clip/original/{number}.mp4" for number in (1, 2, 3, 2522)))
    table = corpus.table("DFEW", folder)
    # The test list comes first, as the file names do.
    assert table.cells("film", "start", "label", "split", "fold") == [
        ("Clip/original/2522.mp4", "", "neutral", "test", "1"),
        ("Clip/original/1.mp4", "", "surprise", "train", "2"),
        ("Clip/original/2.mp4", "", "happy", "train", "2"),
        ("Clip/original/3.mp4", "", "sad", "train", "3"),
    ]
    assert table.settings["split"] == {"column": "split", "fold_column": "fold"}
    second = corpus.table("dfew", folder, "fold=2")
    assert set(second.cells("film", "split", "fold")) == {
        ("Clip/original/2522.mp4", "train", "1"),
        ("Clip/original/1.mp4", "test", "2"),
        ("Clip/original/2.mp4", "test", "2"),
        ("Clip/original/3.mp4", "train", "3"),
    }


def test_the_official_lists_of_dfew_have_a_header_and_commas(folder: Path, corpus: Corpus) -> None:
    labels = "EmoLabel_DataSplit"
    put_text(folder, f"{labels}/train(single-labeled)/set_1.csv", "video_name,label\n1,4\n2,6\n")
    put_text(folder, f"{labels}/test(single-labeled)/set_1.csv", "video_name,label\n3,7\n")
    put_media(folder, *(f"Clip/original/{number}.mp4" for number in (1, 2, 3)))
    assert corpus.table("dfew", folder).cells("film", "label", "split") == [
        ("Clip/original/3.mp4", "fear", "test"),
        ("Clip/original/1.mp4", "angry", "train"),
        ("Clip/original/2.mp4", "disgust", "train"),
    ]


def test_lists_and_films_of_the_repository_of_dfew_have_other_names(folder: Path, corpus: Corpus) -> None:
    put_text(folder, "label/single_trainset_1.csv", "video_name,label\n00001,4\n")
    put_text(folder, "label/single_testset_1.csv", "video_name,label\n02522,7\n")
    put_media(folder, "data/00001.mp4", "data/02522.mp4")
    assert corpus.table("dfew", folder).cells("film", "label", "split") == [
        ("data/02522.mp4", "fear", "test"),
        ("data/00001.mp4", "angry", "train"),
    ]


def test_lists_of_dfew_that_contradict_themselves_are_refused(folder: Path, corpus: Corpus) -> None:
    put_media(folder, "Clip/original/1.mp4")
    assert "no lists set_1_train.txt and so on of fold 1 here or below" in corpus.refusal("dfew", folder)
    put_text(folder, "set_2_train.txt", "a/00001 6 1\n")
    assert "of fold 1 here or below; there is fold 2" in corpus.refusal("dfew", folder)
    put_text(folder, "set_1_train.txt", "a/00001 6 2\n")
    assert "set_2_train.txt: 1 has the label 1, and 2 in another list" in corpus.refusal("dfew", folder)
    put_text(folder, "set_2_train.txt", "a/00001 6 2\n")
    put_text(folder, "set_1_test.txt", "a/00001 6 2\n")
    assert "1 is in the training and in the test list of fold 1" in corpus.refusal("dfew", folder)
    put_text(folder, "set_1_test.txt", "a/00002 6 0\n")
    assert "clip 2 has the label 0, which is none of 1 to 7" in corpus.refusal("dfew", folder)
    put_text(folder, "set_1_test.txt", "a/clip 6 1\n")
    assert "'a/clip' is no path of a DFEW clip" in corpus.refusal("dfew", folder)
    put_text(folder, "set_1_test.txt", "a/00002\n")
    assert "set_1_test.txt: row 1 is no line of a path, frames and a label" in corpus.refusal("dfew", folder)


def test_the_shared_list_of_dfew(folder: Path, corpus: Corpus) -> None:
    shared = shared_copy("dfew", folder / "dfew")
    put_media(shared, *(f"Clip/original/{number}.mp4" for number in (2522, 2536, 3)))
    table = corpus.table("dfew", shared)
    assert table.cells("film", "label") == [
        ("Clip/original/2522.mp4", "surprise"),
        ("Clip/original/2536.mp4", "happy"),
        ("Clip/original/3.mp4", "neutral"),
    ]
    assert "split" not in table.rows[0]
    assert "all rows are in the split train of the corpus: they are divided anew" in table.reported


def test_the_label_of_ferv39k_is_the_word_in_the_path(folder: Path, corpus: Corpus) -> None:
    put_text(folder, "4_setups/All_scenes/train_All.csv", "Action/Happy/0267 29 0\nWar/Sad/0001 7 1\n")
    put_text(folder, "4_setups/All_scenes/test_All.csv", "Action/Sad/0001 12 1\n")
    put_media(folder, "clips/Action/Happy/0267.mp4", "clips/Action/Sad/0001.mp4", "clips/War/Sad/0001.mp4")
    table = corpus.table("FERV39k", folder)
    assert table.cells("film", "start", "label", "scene", "split") == [
        ("clips/Action/Sad/0001.mp4", "", "Sad", "Action", "test"),
        ("clips/Action/Happy/0267.mp4", "", "Happy", "Action", "train"),
        ("clips/War/Sad/0001.mp4", "", "Sad", "War", "train"),
    ]
    assert table.settings["split"] == {"column": "split"}
    put_text(folder, "4_setups/All_scenes/train_All.csv", "Action/Happy/0267 Happy\nWar/Sad/0001 Sad\n")
    put_text(folder, "4_setups/All_scenes/test_All.csv", "Action/Sad/0001 Sad\n")
    assert corpus.table("ferv39k", folder).cells("label") == [("Sad",), ("Happy",), ("Sad",)]


def test_lists_of_ferv39k_that_contradict_themselves_are_refused(folder: Path, corpus: Corpus) -> None:
    put_media(folder, "Action/Happy/0267.mp4", "War/Sad/0001.mp4")
    assert "no lists train_All.csv and test_All.csv here or below" in corpus.refusal("ferv39k", folder)
    put_text(folder, "FERV39K_train.txt", "x/Action/Happy/0267 29 0\nx/War/Sad/0001 7 0\n")
    assert "the number '0' has the label Happy and Sad in the lists" in corpus.refusal("ferv39k", folder)
    put_text(folder, "FERV39K_train.txt", "x/Action/Happy/0267 29 0\n")
    put_text(folder, "FERV39K_test.txt", "x/Action/Happy/0267 29 0\n")
    assert "Action/Happy/0267 is in the training and in the test list" in corpus.refusal("ferv39k", folder)
    put_text(folder, "FERV39K_test.txt", "x/Action/Joyous/0267 29 0\n")
    assert "'x/Action/Joyous/0267' is no path of a FERV39k clip" in corpus.refusal("ferv39k", folder)


def test_labels_of_mafw_are_words_or_numbers_from_0_or_1(folder: Path, corpus: Corpus) -> None:
    clips = ("00003", "00004", "00005")
    put_media(folder, *(f"data/clips/{clip}.mp4" for clip in clips))
    name = "Train & Test Set/single/no_caption/set_{fold}/{split}.txt"
    expected = {
        ("data/clips/00003.mp4", "disappointment", "test"),
        ("data/clips/00004.mp4", "anger", "train"),
        ("data/clips/00005.mp4", "anxiety", "train"),
    }
    for last, first, ninth in (("11", "1", "9"), ("10", "0", "8"), ("disappointment", "anger", "anxiety")):
        train = [f"00004.mp4 {first}", f"00005.mp4 {ninth}"]
        put_lists(folder, name, {1: (train, [f"00003.mp4 {last}"]), 2: ([f"00003.mp4 {last}"], train)})
        table = corpus.table("MAFW", folder)
        assert set(table.cells("film", "label", "split")) == expected
        assert set(table.cells("film", "fold")) == {
            (film, "12"[split == "train"]) for film, _, split in expected
        }
    assert table.settings["split"] == {"column": "split", "fold_column": "fold"}
    assert len(table.settings["labels"]["classes"]) == 11


def test_numbers_of_mafw_whose_first_cannot_be_known_are_refused(folder: Path, corpus: Corpus) -> None:
    put_media(folder, "data/clips/00003.mp4")
    put_text(folder, "single_label.txt", "00003.mp4 3\n00004.mp4 7\n")
    assert "whether they count from 0 or from 1 cannot be known" in corpus.refusal("mafw", folder)
    put_text(folder, "single_label.txt", "00003.mp4 3\n00004.mp4 0\n00005.mp4 11\n")
    assert "labels 0 to 11, but MAFW has 11 of them" in corpus.refusal("mafw", folder)
    put_text(folder, "single_label.txt", "00003.mp4 happiness\n00004.mp4 contempt\n")
    table = corpus.table("mafw", folder)
    assert table.cells("film", "label") == [("data/clips/00003.mp4", "happiness")]
    assert "split" not in table.settings


def test_values_of_liris_accede_are_targets_and_its_sets_the_split(folder: Path, corpus: Corpus) -> None:
    media = "<media><name>A{0}.mp4</name><license>CC BY 3.0</license><movie>film_{0}.mp4</movie></media>"
    put_text(
        folder, "data/ACCEDEdescription.xml", f"<medias>{''.join(media.format(n) for n in range(3))}</medias>"
    )
    header = "name\tvalenceRank\tvalenceValue\tarousalValue\n"
    values = "".join(f"A{n}.mp4\t{rank}\t{n + 1}.5\t2.25\n" for n, rank in enumerate((3266, 3267, 9799)))
    put_text(folder, "annotations/ACCEDEranking.txt", header + values)
    put_text(
        folder, "annotations/ACCEDEsets.txt", "id\tname\tset\n0\tA0.mp4\t0\n1\tA1.mp4\t1\n2\tA2.mp4\t2\n"
    )
    put_text(folder, "Readme.txt", "Words, for people.\n")
    put_media(folder, *(f"data/A{number}.mp4" for number in range(3)))
    table = corpus.table("LIRIS-ACCEDE", folder)
    columns = ("film", "start", "end", "label", "valence", "arousal", "series", "split", "clip_licence")
    assert table.cells(*columns) == [
        ("data/A0.mp4", "", "", "", "1.5", "2.25", "film_0.mp4", "test", "CC BY 3.0"),
        ("data/A1.mp4", "", "", "", "2.5", "2.25", "film_1.mp4", "train", "CC BY 3.0"),
        ("data/A2.mp4", "", "", "", "3.5", "2.25", "film_2.mp4", "validation", "CC BY 3.0"),
    ]
    assert table.settings["labels"] == {"classes": [], "targets": ["valence", "arousal"]}
    assert table.settings["split"] == {"column": "split"}
    planned = table.planned()
    assert (planned["clips"], planned["wrong_rows"]) == (3, [])
    assert planned["split"]["clips_per_split"] == {"test": 1, "train": 1, "validation": 1}
    thirds = corpus.table("liris_accede", folder, "labels=thirds")
    assert thirds.cells("label") == [("negative",), ("neutral",), ("positive",)]
    classes = ["negative", "neutral", "positive"]
    assert thirds.settings["labels"] == {"classes": classes, "targets": ["valence", "arousal"]}
    put_text(folder, "annotations/ACCEDEranking.txt", f"{header}A0.mp4\t9800\t1\t1\n")
    said = corpus.refusal("liris_accede", folder, "labels=thirds")
    assert "A0.mp4 has the rank '9800', which is none of 0 to 9799" in said


def test_the_shared_tables_of_liris_accede(folder: Path, corpus: Corpus) -> None:
    shared = shared_copy("liris_accede", folder / "liris")
    put_media(shared, "data/ACCEDE00000.mp4", "data/ACCEDE00001.mp4")
    assert corpus.table("liris_accede", shared).cells(
        "film", "label", "valence", "arousal", "series", "split"
    ) == [
        ("data/ACCEDE00000.mp4", "", "2.76433958524", "1.36693759775", "A_Film.mp4", "train"),
        ("data/ACCEDE00001.mp4", "", "3.26009295274", "2.79237604301", "A_Film.mp4", "test"),
    ]


FORREST = """\
onset\tduration\tcharacter\tarousal\tvalence_positive\tvalence_negative\tc_face\te_anger/rage\te_happiness\te_sadness
192.0\t12.0\tFORREST\t-0.667\t0.667\t0.0\t0.444\t0.0\t0.222222222222\t0.0
204.0\t3.0\tJENNY\t0.333\t0.0\t0.5\t0.1\t0.333333333333\t0.0\t0.111111111111
204.0\t3.0\tFORREST\t0.333\t0.0\t0.5\t0.1\t0.0\t0.0\t0.0
"""


def test_two_characters_of_studyforrest_in_one_span_are_two_speakers(folder: Path, corpus: Corpus) -> None:
    put_text(folder, "researchcut/emotions_av_1s_events.tsv", FORREST)
    put_media(folder, "film.mkv", seconds=210)
    table = corpus.table("studyforrest", folder)
    jenny = ("film.mkv", "204.0", "207.0")
    assert table.cells("film", "start", "end", "label", "speaker", "arousal", "valence_positive") == [
        *[("film.mkv", "192.0", "204.0", "happiness", "FORREST", "-0.667", "0.667")] * 2,
        *[(*jenny, "anger", "JENNY", "0.333", "0.0")] * 3,
        (*jenny, "sadness", "JENNY", "0.333", "0.0"),
        (*jenny, "", "FORREST", "0.333", "0.0"),
    ]
    assert table.settings["labels"]["targets"] == ["arousal", "valence_positive", "valence_negative"]
    assert len(table.settings["labels"]["classes"]) == 22
    assert table.settings["split"] == {"group_by": "speaker", "allow_imbalance": True}


def test_the_film_of_studyforrest_is_named_if_there_are_several(folder: Path, corpus: Corpus) -> None:
    put_text(folder, "emotions_av_1s_events.tsv", FORREST)
    assert "no such film; put the film there" in corpus.refusal("studyforrest", folder)
    put_media(folder, "one.mkv", "two.mkv", seconds=210)
    assert (
        "2 films, such as one.mkv; put the film there, and name it with --option film=NAME"
        in corpus.refusal("studyforrest", folder)
    )
    assert set(corpus.table("studyforrest", folder, "film=two").cells("film")) == {("two.mkv",)}


def test_the_shared_events_of_studyforrest(folder: Path, corpus: Corpus) -> None:
    shared = shared_copy("studyforrest", folder / "studyforrest")
    put_media(shared, "film.mkv", seconds=210)
    assert corpus.table("studyforrest", shared).cells("start", "end", "label", "speaker", "arousal") == [
        *[("192.0", "204.0", "happiness", "ONE", "-0.667")] * 2,
        *[("204.0", "207.0", "anger", "ONE", "0.333")] * 5,
        ("204.0", "207.0", "sadness", "ONE", "0.333"),
        *[("204.0", "207.0", "sadness", "TWO", "0.333")] * 4,
    ]
