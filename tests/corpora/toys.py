"""The smallest folder of every corpus that makes a plan: three clips or so under the corpus's own names."""

import json
from collections.abc import Callable
from pathlib import Path

from tests.corpora.layouts import put_media, put_text


def _ravdess(folder: Path) -> None:
    put_media(folder, *(f"Actor_{actor}/01-01-05-01-01-01-{actor}.mp4" for actor in ("01", "02", "03")))


def _crema_d(folder: Path) -> None:
    header = '"","A","D","F","H","N","S","fileName"\n'
    votes = ['"300001",9,0,0,0,1,0,"1001_IEO_ANG_XX"', '"300002",0,9,0,0,1,0,"1006_IEO_DIS_HI"']
    put_text(folder, "processedResults/tabulatedVotes.csv", header + "\n".join(votes) + "\n")
    put_media(folder, "VideoFlash/1001_IEO_ANG_XX.flv", "VideoFlash/1006_IEO_DIS_HI.flv")


def _savee(folder: Path) -> None:
    put_media(folder, *(f"AudioVisualClip/{speaker}/sa01.avi" for speaker in ("DC", "JE", "JK")))


def _enterface05(folder: Path) -> None:
    put_media(folder, *(f"subject {n}/anger/sentence 1/s{n}_an_1.avi" for n in (1, 2, 3)))


def _emodb(folder: Path) -> None:
    put_media(folder, "wav/03a01Fa.wav", "wav/08a01Wa.wav", "wav/09a01Na.wav")


def _iemocap(folder: Path) -> None:
    for session in (1, 2):
        turns = (
            f"[0.5 - 1.5]\tSes0{session}F_impro01_F000\txxx\t[2.5, 2.5, 2.5]\nC-E1:\tNeutral state; Sadness;\t()\n"
            f"[2.0 - 3.0]\tSes0{session}F_impro01_M000\texc\t[2.5, 2.5, 2.5]\nC-E1:\tExcited;\t()\n"
        )
        put_text(folder, f"Session{session}/dialog/EmoEvaluation/Ses0{session}F_impro01.txt", turns)
        put_media(folder, f"Session{session}/dialog/avi/DivX/Ses0{session}F_impro01.avi", seconds=5)


def _meld(folder: Path) -> None:
    header = "Utterance,Speaker,Emotion,Sentiment,Dialogue_ID,Utterance_ID,Season,Episode\n"
    for part in ("train", "dev", "test"):
        put_text(folder, f"{part}_sent_emo.csv", f"{header}A,Anna,joy,positive,0,0,8,21\n")
    folders = ("train_splits", "dev_splits_complete", "output_repeated_splits_test")
    put_media(folder, *(f"{name}/dia0_utt0.mp4" for name in folders))


def _emorynlp(folder: Path) -> None:
    header = "Utterance,Speaker,Emotion,Scene_ID,Utterance_ID,Season,Episode,Start_Time,End_Time\n"
    for number, part in enumerate(("train", "dev", "test")):
        row = f"A,['Anna'],Mad,1,1,1,2,00:00:0{number}.100,00:00:0{number}.900\n"
        put_text(folder, f"emorynlp_{part}_final.csv", header + row)
    put_media(folder, "Friends.S01E02.mkv", seconds=5)


def _m3ed(folder: Path) -> None:
    emotions = {"final_main_emo": "Anger", "final_mul_emo": "Anger,Sad"}
    said = {
        "Text": "t",
        "Speaker": "A",
        "EmoAnnotation": emotions,
        "StartTime": "0:0:0:0",
        "EndTime": "0:0:1:0",
    }
    shows = {show: {f"{show}_1": {"Dialog": {f"{show}_1_1": said}}} for show in ("one", "two", "three")}
    put_text(folder, "annotation.json", json.dumps(shows))
    for part, show in zip(("train", "val", "test"), shows, strict=True):
        put_text(folder, f"splitInfo/movie_list_{part}.txt", show)
    put_media(folder, *(f"{show}_1.mp4" for show in shows))


def _mosei(folder: Path) -> None:
    rows = ["a,0,-0.4,1.5,0,1,0", "b,0,0.5,1.5,0,-2,1", "c,0,0.5,1.5,0,0,2"]
    put_text(
        folder, "CMU_MOSEI_Labels.csv", "file,index,start,end,label6,label7,split\n" + "\n".join(rows) + "\n"
    )
    put_media(folder, *(f"Videos/Full/Combined/{name}.mp4" for name in "abc"))


def _mer2023(folder: Path) -> None:
    put_text(folder, "train-label.csv", "name,discrete,valence\ns_1,worried,-1.5\ns_2,happy,2.5\n")
    put_media(folder, "train/s_1.mp4", "train/s_2.mp4")


def _caer(folder: Path) -> None:
    put_media(folder, *(f"CAER/{split}/Anger/0001.avi" for split in ("train", "validation", "test")))


def _afew(folder: Path) -> None:
    put_media(folder, "Train_AFEW/Angry/000046280.avi", "Val_AFEW/Angry/000046280.avi")


def _dfew(folder: Path) -> None:
    for fold in range(1, 6):
        train = [f"a/0000{clip} 9 {clip}" for clip in range(1, 6) if clip != fold]
        put_text(folder, f"set_{fold}_train.txt", "\n".join(train))
        put_text(folder, f"set_{fold}_test.txt", f"a/0000{fold} 9 {fold}\n")
    put_media(folder, *(f"Clip/original/{clip}.mp4" for clip in range(1, 6)))


def _ferv39k(folder: Path) -> None:
    put_text(folder, "4_setups/All_scenes/train_All.csv", "Action/Happy/0267 Happy\n")
    put_text(folder, "4_setups/All_scenes/test_All.csv", "Action/Sad/0001 Sad\n")
    put_media(folder, "Action/Happy/0267.mp4", "Action/Sad/0001.mp4")


def _mafw(folder: Path) -> None:
    for fold in range(1, 6):
        lines = {clip: f"0000{clip}.mp4 {(1, 3, 5, 9, 11)[clip - 1]}" for clip in range(1, 6)}
        name = f"Train & Test Set/single/no_caption/set_{fold}"
        put_text(folder, f"{name}/test.txt", lines.pop(fold))
        put_text(folder, f"{name}/train.txt", "\n".join(lines.values()))
    put_media(folder, *(f"data/clips/0000{clip}.mp4" for clip in range(1, 6)))


def _liris_accede(folder: Path) -> None:
    rows = "A0.mp4\t9799\t2.5\t1.5\nA1.mp4\t0\t2\t3\n"
    put_text(folder, "ACCEDEranking.txt", f"name\tvalenceRank\tvalenceValue\tarousalValue\n{rows}")
    put_text(folder, "ACCEDEsets.txt", "id\tname\tset\n0\tA0.mp4\t1\n1\tA1.mp4\t0\n")
    put_media(folder, "data/A0.mp4", "data/A1.mp4")


def _studyforrest(folder: Path) -> None:
    header = "onset\tduration\tcharacter\tarousal\tvalence_positive\tvalence_negative\te_anger/rage\te_love\n"
    rows = ["1.0\t1.0\tONE\t0.1\t0\t0.2\t0.222222\t0.0", "1.0\t1.0\tTWO\t0.1\t0.3\t0\t0.0\t0.111111"]
    put_text(folder, "researchcut/emotions_av_1s_events.tsv", header + "\n".join(rows) + "\n")
    put_media(folder, "film.mkv", seconds=5)


#: Corpus -> what makes its folder.
TOYS: dict[str, Callable[[Path], None]] = {
    "ravdess": _ravdess,
    "crema_d": _crema_d,
    "savee": _savee,
    "enterface05": _enterface05,
    "emodb": _emodb,
    "iemocap": _iemocap,
    "meld": _meld,
    "emorynlp": _emorynlp,
    "m3ed": _m3ed,
    "mosei": _mosei,
    "mer2023": _mer2023,
    "caer": _caer,
    "afew": _afew,
    "dfew": _dfew,
    "ferv39k": _ferv39k,
    "mafw": _mafw,
    "liris_accede": _liris_accede,
    "studyforrest": _studyforrest,
}
