"""Measures of the expression: columns of ledger and shards where they were asked for, and nowhere else."""

from pathlib import Path

import pyarrow.parquet as pq
import pytest

from emodal_data.clips.plan import ingest_key
from emodal_data.core.config import DatasetConfig
from emodal_data.core.schema import EXPRESSION_NAMES
from tests.published import written


def test_the_columns_are_there_only_where_they_were_asked_for(tmp_path: Path) -> None:
    asked = DatasetConfig.model_validate({"face": {"measures": True}})
    plain, more = written(tmp_path, "plain", DatasetConfig()), written(tmp_path, "more", asked)
    for file in ("ledger.parquet", "data/train-00000-of-00001.parquet"):
        names, more_names = (pq.read_schema(folder / file).names for folder in (plain, more))
        assert [name for name in more_names if name not in names] == EXPRESSION_NAMES
        assert [name for name in more_names if name in names] == names
    samples = pq.read_table(more / "data/train-00000-of-00001.parquet", columns=EXPRESSION_NAMES)
    for name in EXPRESSION_NAMES:
        assert set(samples[name].to_pylist()) == {0.25}
    ledger = pq.read_table(more / "ledger.parquet", columns=["reason", *EXPRESSION_NAMES]).to_pandas()
    is_faceless = ledger["reason"] == "no_face"
    assert is_faceless.any()
    assert (ledger["mouth_opening"].isna() == is_faceless).all()


@pytest.mark.parametrize("search_s", [0.0, 0.5])
def test_asking_for_them_reads_no_film_again(search_s: float) -> None:
    config = DatasetConfig.model_validate({"face": {"frame_search_s": search_s}})
    asked = DatasetConfig.model_validate({"face": {"frame_search_s": search_s, "measures": True}})
    assert ingest_key(asked.clips, asked.face) == ingest_key(config.clips, config.face)
