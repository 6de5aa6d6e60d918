"""The whole road on real clips of talkers, where they are at hand."""

import shutil
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from emodal_data.core.config import SplitConfig
from flows.config.models import Config
from flows.operations.build import build

# Written by hand. The labels say nothing of the talkers: they only have to come through.
SPANS = """film,start,end,label,annotator,speaker
bbaf2n.mpg,0.2,2.8,neutral,anna,s1
bbaf2n.mpg,0.2,2.8,neutral,ben,s1
brbk7n.mpg,00:00.3,00:02.7,happy,anna,s2
id2_vcd_swwp2s.mpg,0.2,2.8,Sadness,anna,s3
lbax4n.mpg,0.2,2.8,ANGER,anna,s4
lbbc2a.mpg,0.2,2.8,happy,anna,s5
lrwp9a.mpg,0.2,2.8,angry,anna,s6
01-01-01-01-01-01-01.mp4,0.5,3.0,neutral,anna,actor01
01-01-08-02-02-02-01.mp4,0.5,3.0,surprised,anna,actor01
01-01-08-02-02-02-01.mp4,0.6,2.9,,anna,actor01
lrwp9a.mpg,1.0,2.0,happy,anna,s6
lrwp9a.mpg,1.0,2.0,sad,ben,s6
lbbc2a.mpg,2.5,9.0,sad,anna,s5
"""


def test_real_talkers_come_through_and_every_dropped_row_says_why(media: Path, tmp_path: Path) -> None:
    films = tmp_path / "films"
    films.mkdir()
    for source in (*(media / "grid").glob("*.mpg"), *(media / "ravdess" / "video").glob("*.mp4")):
        shutil.copy(source, films)
    (tmp_path / "spans.csv").write_text(SPANS)
    config = Config(
        films=films,
        annotations=tmp_path / "spans.csv",
        out=tmp_path / "out",
        train=False,
        split=SplitConfig(allow_imbalance=True),
    )
    result = build(config)
    assert result["counts"]["rows"] == 13
    ledger = pq.read_table(tmp_path / "out" / "dataset" / "ledger.parquet").to_pandas()
    dropped = ledger[ledger["outcome"] == "dropped"]
    why = dict(zip(dropped["row"], dropped["reason"], strict=True))
    assert why == {10: "label_outside_scheme", 12: "label_tie", 13: "label_tie", 14: "span_outside_film"}
    clear = ledger[ledger["outcome"] == "kept"]
    assert clear["yaw_deg"].abs().max() < 15
    assert clear["face_score"].min() > 0.7
    assert clear.loc[clear["row"] == 2, "frame_s"].item() == pytest.approx(1.48)
