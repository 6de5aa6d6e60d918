"""Corpora of actors who speak set sentences: RAVDESS and CREMA-D."""

from pathlib import Path

from tests.corpora.layouts import Corpus, put_media, put_text, shared_copy

VOTES = """"","A","D","F","H","N","S","fileName","numResponses","agreement","emoVote"
"100002",0,1,0,0,2,0,"1006_IEO_DIS_HI",3,0.667,"N"
"200002",0,3,0,0,0,0,"1006_IEO_DIS_HI",3,1.0,"D"
"300001",0,0,0,1,10,0,"1001_IEO_NEU_XX",11,0.909,"N"
"300002",0,9,0,0,1,0,"1006_IEO_DIS_HI",10,0.9,"D"
"300003",1,0,0,0,0,1,"1002_IEO_SAD_LO",2,0.5,"A:S"
"""


def test_the_fields_of_a_ravdess_name_are_the_columns(folder: Path, corpus: Corpus) -> None:
    put_media(
        folder,
        "Actor_01/01-01-03-02-01-02-01.mp4",
        "Actor_02/01-02-06-01-02-01-02.mp4",
        "Actor_02/02-02-06-01-02-01-02.mp4",  # the same without sound
        "Actor_24/01-01-08-01-01-01-24.mp4",
    )
    put_text(folder, "Actor_01/notes.txt", "not a clip")
    table = corpus.table("RAVDESS", folder)
    columns = (
        "film",
        "start",
        "end",
        "label",
        "speaker",
        "channel",
        "intensity",
        "statement",
        "repetition",
        "sex",
    )
    assert table.cells(*columns) == [
        (
            "Actor_01/01-01-03-02-01-02-01.mp4",
            "",
            "",
            "happy",
            "Actor_01",
            "speech",
            "strong",
            "01",
            "02",
            "male",
        ),
        (
            "Actor_02/01-02-06-01-02-01-02.mp4",
            "",
            "",
            "fearful",
            "Actor_02",
            "song",
            "normal",
            "02",
            "01",
            "female",
        ),
        (
            "Actor_24/01-01-08-01-01-01-24.mp4",
            "",
            "",
            "surprised",
            "Actor_24",
            "speech",
            "normal",
            "01",
            "01",
            "female",
        ),
    ]
    assert table.settings["split"] == {"group_by": "speaker"}
    assert table.settings["labels"] == {
        "classes": ["angry", "calm", "disgust", "fear", "happy", "neutral", "sad", "surprise"],
        "map": {"fearful": "fear", "surprised": "surprise"},
    }
    assert "clips" not in table.settings
    assert "1 file is in no row, such as Actor_02/02-02-06-01-02-01-02.mp4" in table.reported


def test_ravdess_has_each_modality_and_channel_on_its_own(folder: Path, corpus: Corpus) -> None:
    put_media(
        folder,
        *("Actor_01/01-01-05-01-01-01-01.mp4", "Actor_01/02-01-05-01-01-01-01.mp4"),
        *("Actor_01/03-01-05-01-01-01-01.wav", "Actor_01/03-02-04-01-01-01-01.wav"),
    )
    sound = corpus.table("ravdess", folder, "modality=audio")
    assert sound.cells("film", "label") == [
        ("Actor_01/03-01-05-01-01-01-01.wav", "angry"),
        ("Actor_01/03-02-04-01-01-01-01.wav", "sad"),
    ]
    assert sound.settings["clips"] == {"modalities": "audio"}
    assert corpus.table("ravdess", folder, "modality=audio", "channel=song").cells("film") == [
        ("Actor_01/03-02-04-01-01-01-01.wav",)
    ]
    picture = corpus.table("ravdess", folder, "modality=image")
    assert picture.cells("film") == [("Actor_01/02-01-05-01-01-01-01.mp4",)]
    assert picture.settings["clips"] == {"modalities": "image"}


def test_a_second_copy_of_a_ravdess_file_is_no_second_clip(folder: Path, corpus: Corpus) -> None:
    put_media(folder, "Actor_01/01-01-05-01-01-01-01.mp4", "copy/Actor_01/01-01-05-01-01-01-01.mp4")
    put_media(folder, "Actor_01/01-01-04-01-01-01-01.mp4")
    table = corpus.table("ravdess", folder)
    assert table.cells("film") == [("Actor_01/01-01-04-01-01-01-01.mp4",)]
    assert (
        "1 row left out: several files may be meant, such as Actor_01/01-01-05-01-01-01-01.mp4 and "
        "copy/Actor_01/01-01-05-01-01-01-01.mp4; keep one copy" in table.reported
    )


def test_the_shared_ravdess_layout(folder: Path, corpus: Corpus) -> None:
    shared = shared_copy("ravdess", folder / "ravdess")
    put_media(shared, "Actor_01/01-01-03-02-01-02-01.mp4", "Actor_01/02-01-03-02-01-02-01.mp4")
    put_media(shared, "Actor_01/03-01-03-02-01-02-01.wav")
    assert corpus.table("ravdess", shared).cells("film", "label", "speaker", "intensity") == [
        ("Actor_01/01-01-03-02-01-02-01.mp4", "happy", "Actor_01", "strong")
    ]


def test_each_vote_of_crema_d_is_a_row_and_only_those_for_what_is_read(folder: Path, corpus: Corpus) -> None:
    put_text(folder, "processedResults/tabulatedVotes.csv", VOTES)
    put_text(folder, "VideoDemographics.csv", '"ActorID","Age","Sex"\n1001,51,"Male"\n1006,58,"Female"\n')
    put_media(folder, "VideoFlash/1001_IEO_NEU_XX.flv", "VideoFlash/1006_IEO_DIS_HI.flv")
    put_media(folder, "AudioWAV/1001_IEO_NEU_XX.wav", "AudioWAV/1006_IEO_DIS_HI.wav")
    table = corpus.table("CREMA-D", folder)
    clip = ("VideoFlash/1006_IEO_DIS_HI.flv", "", "", "")
    assert table.cells(
        "film", "start", "end", "annotator", "label", "speaker", "intended", "intensity", "sex"
    ) == [
        *[("VideoFlash/1001_IEO_NEU_XX.flv", "", "", "", "happy", "1001", "neutral", "XX", "male")] * 1,
        *[("VideoFlash/1001_IEO_NEU_XX.flv", "", "", "", "neutral", "1001", "neutral", "XX", "male")] * 10,
        *[(*clip, "disgust", "1006", "disgust", "HI", "female")] * 9,
        *[(*clip, "neutral", "1006", "disgust", "HI", "female")] * 1,
    ]
    assert table.settings["labels"] == {"classes": ["angry", "disgust", "fear", "happy", "neutral", "sad"]}
    assert table.settings["split"] == {"group_by": "speaker"}
    assert (
        "1 file of the corpus is not in the folder, such as VideoFlash/1002_IEO_SAD_LO: 2 rows left out"
        in table.reported
    )
    heard = corpus.table("crema_d", folder, "modality=audio")
    assert heard.cells("film", "label") == [
        ("AudioWAV/1006_IEO_DIS_HI.wav", "disgust"),
        *[("AudioWAV/1006_IEO_DIS_HI.wav", "neutral")] * 2,
    ]
    assert heard.settings["clips"] == {"modalities": "audio"}
    planned = heard.planned()
    assert (planned["clips"], planned["wrong_rows"]) == (1, [])
    seen = corpus.table("crema_d", folder, "modality=image")
    assert seen.cells("film", "label") == [("VideoFlash/1006_IEO_DIS_HI.flv", "disgust")] * 3


def test_the_shared_votes_of_crema_d(folder: Path, corpus: Corpus) -> None:
    shared = shared_copy("crema_d", folder / "crema_d")
    clips = [
        *("1001_IEO_NEU_XX", "1006_IEO_DIS_HI", "1001_IEO_DIS_HI", "1002_IEO_DIS_HI"),
        *("1003_DFA_ANG_XX", "1004_IEO_FEA_HI", "1004_IEO_HAP_HI", "1005_IEO_SAD_HI"),
    ]
    put_media(shared, *(f"VideoFlash/{clip}.flv" for clip in clips))
    table = corpus.table("crema_d", shared)
    counts = {
        clip: {
            label: sum(cells == (f"VideoFlash/{clip}.flv", label) for cells in table.cells("film", "label"))
            for label in ("angry", "disgust", "fear", "happy", "neutral", "sad")
        }
        for clip in clips
    }
    assert {clip: tuple(votes.values()) for clip, votes in counts.items()} == {
        "1001_IEO_NEU_XX": (0, 0, 0, 1, 10, 0),
        "1006_IEO_DIS_HI": (0, 9, 0, 0, 1, 0),
        "1001_IEO_DIS_HI": (1, 6, 0, 0, 2, 0),
        "1002_IEO_DIS_HI": (4, 4, 1, 1, 0, 0),
        "1003_DFA_ANG_XX": (9, 0, 0, 0, 1, 0),
        "1004_IEO_FEA_HI": (0, 0, 5, 0, 1, 4),
        "1004_IEO_HAP_HI": (0, 0, 0, 9, 1, 0),
        "1005_IEO_SAD_HI": (0, 0, 1, 0, 2, 7),
    }
    assert set(table.cells("speaker", "sex")) == {
        *{("1001", "male"), ("1002", "female"), ("1003", ""), ("1004", ""), ("1005", ""), ("1006", "")}
    }


def test_pointers_of_git_lfs_are_counted(folder: Path, corpus: Corpus) -> None:
    put_text(folder, "processedResults/tabulatedVotes.csv", VOTES)
    put_media(folder, "VideoFlash/1001_IEO_NEU_XX.flv")
    put_text(
        folder, "VideoFlash/1006_IEO_DIS_HI.flv", "version https://git-lfs.github.com/spec/v1\noid sha256:0\n"
    )
    assert (
        "1 film is only a pointer, such as VideoFlash/1006_IEO_DIS_HI.flv: fetch what they point to"
        in corpus.table("crema_d", folder).reported
    )


def test_letters_of_savee_are_labels_and_folders_speakers(folder: Path, corpus: Corpus) -> None:
    names = ("DC/a01", "DC/d01", "JE/f01", "JE/h02", "KL/n30", "KL/sa01", "JK/su15")
    put_media(folder, *(f"AudioVisualClip/{name}.avi" for name in names), "AudioData/DC/a01.wav")
    table = corpus.table("SAVEE", folder)
    assert table.cells("film", "label", "speaker", "sentence") == [
        ("AudioVisualClip/DC/a01.avi", "anger", "DC", "a01"),
        ("AudioVisualClip/DC/d01.avi", "disgust", "DC", "d01"),
        ("AudioVisualClip/JE/f01.avi", "fear", "JE", "f01"),
        ("AudioVisualClip/JE/h02.avi", "happiness", "JE", "h02"),
        ("AudioVisualClip/JK/su15.avi", "surprise", "JK", "su15"),
        ("AudioVisualClip/KL/n30.avi", "neutral", "KL", "n30"),
        ("AudioVisualClip/KL/sa01.avi", "sadness", "KL", "sa01"),
    ]
    assert table.settings["labels"]["map"] == {"anger": "angry", "happiness": "happy", "sadness": "sad"}
    assert table.settings["split"] == {"group_by": "speaker"}
    assert corpus.table("savee", folder, "modality=audio").cells("film") == [("AudioData/DC/a01.wav",)]


def test_savee_in_one_folder_is_read_too(folder: Path, corpus: Corpus) -> None:
    put_media(folder, "ALL/DC_sa03.wav")
    assert corpus.table("savee", folder, "modality=audio").cells("film", "label", "speaker") == [
        ("ALL/DC_sa03.wav", "sadness", "DC")
    ]


def test_the_shared_savee_layout(folder: Path, corpus: Corpus) -> None:
    shared = shared_copy("savee", folder / "savee")
    letters = ("a", "d", "f", "h", "n", "sa", "su")
    put_media(shared, *(f"AudioVisualClip/DC/{letter}01.avi" for letter in letters))
    assert corpus.table("savee", shared).cells("label", "speaker") == [
        (label, "DC") for label in ("anger", "disgust", "fear", "happiness", "neutral", "sadness", "surprise")
    ]


def test_folders_of_enterface_are_labels_and_what_contradicts_them_is_reported(
    folder: Path, corpus: Corpus
) -> None:
    put_media(
        folder,
        "subject 1/anger/sentence 1/s1_an_1.avi",
        "subject 12/sadness/sentence 5/s12_sa_5.avi",
        "subject 16/surprise/sentence 3/s16_su_3avi.avi",
        "subject 3/fear/sentence 1/s_3_fe_1.avi",
        "subject 4/disgust/sentence 2/s4_ha_2.avi",
        "subject 6/anger/s6_an.avi",
    )
    table = corpus.table("eNTERFACE'05", folder)
    assert table.cells("film", "label", "speaker", "sentence") == [
        ("subject 1/anger/sentence 1/s1_an_1.avi", "anger", "subject_1", "1"),
        ("subject 12/sadness/sentence 5/s12_sa_5.avi", "sadness", "subject_12", "5"),
        ("subject 16/surprise/sentence 3/s16_su_3avi.avi", "surprise", "subject_16", "3"),
        ("subject 3/fear/sentence 1/s_3_fe_1.avi", "fear", "subject_3", "1"),
        ("subject 4/disgust/sentence 2/s4_ha_2.avi", "disgust", "subject_4", "2"),
        ("subject 6/anger/s6_an.avi", "anger", "subject_6", ""),
    ]
    assert (
        "subject 4/disgust/sentence 2/s4_ha_2.avi: the folder says disgust, the name happiness"
        in table.reported
    )
    assert "subject 6/anger/s6_an.avi: in no folder of a sentence" in table.reported
    assert len([line for line in table.reported.splitlines() if not line.startswith("next:")]) == 2
    assert table.settings["split"] == {"group_by": "speaker"}


def test_letters_of_emodb_are_german_and_it_is_sound_alone(folder: Path, corpus: Corpus) -> None:
    names = ("03a01Fa", "03a01Nc", "03a01Wa", "08b02La", "09a04Ea", "10a05Aa", "11b01Tb")
    put_media(folder, *(f"wav/{name}.wav" for name in names))
    table = corpus.table("EmoDB", folder)
    assert table.cells("film", "label", "speaker", "sentence", "version") == [
        ("wav/03a01Fa.wav", "happiness", "03", "a01", "a"),
        ("wav/03a01Nc.wav", "neutral", "03", "a01", "c"),
        ("wav/03a01Wa.wav", "anger", "03", "a01", "a"),
        ("wav/08b02La.wav", "boredom", "08", "b02", "a"),
        ("wav/09a04Ea.wav", "disgust", "09", "a04", "a"),
        ("wav/10a05Aa.wav", "fear", "10", "a05", "a"),
        ("wav/11b01Tb.wav", "sadness", "11", "b01", "b"),
    ]
    assert table.settings["clips"] == {"modalities": "audio"}
    assert table.settings["split"] == {"group_by": "speaker"}


def test_the_shared_labels_of_emodb_agree_with_the_letters(folder: Path, corpus: Corpus) -> None:
    shared = shared_copy("emodb", folder / "emodb")
    labels = dict(line.split(",") for line in (shared / "audio_labels.csv").read_text().splitlines()[1:])
    put_media(shared, *(f"wav/{name}" for name in labels))
    assert dict(corpus.table("emodb", shared).cells("film", "label")) == {
        f"wav/{name}": label for name, label in labels.items()
    }
