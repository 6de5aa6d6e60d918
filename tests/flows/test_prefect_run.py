"""What Prefect's pages show of a run: names that people read, and Table 1."""

import pytest

from flows.progress.prefect_run import key, score_rows


@pytest.mark.parametrize(
    ("kind", "place", "name"),
    [
        ("rows", "/data/build", "rows-data-build"),
        ("film", "heat/part_1.mkv", "film-heat-part-1-mkv"),
        ("table-1", "s3://bucket/build/model", "table-1-s3-bucket-build-model-50c629"),
        ("film", "Heat.mkv", "film-heat-mkv-4c28ae"),
        ("film", "Höhe.mkv", "film-h-he-mkv-a47d21"),
    ],
)
def test_an_artifact_is_named_by_its_place_and_a_hash_tells_apart_what_would_be_the_same(
    kind: str, place: str, name: str
) -> None:
    assert key(kind, place) == name


def test_a_row_of_table_1_has_a_network_and_its_scores_and_targets_follow() -> None:
    scores = {"n": 12, "accuracy": 0.5, "accuracy_interval": [0.254, 0.746], "uar": 0.45, "macro_f1": None}
    values = {"valence": {"emodal": {"n": 9, "ccc": 0.25, "rmse": None}}}
    assert score_rows({"networks": {"emodal": scores}, "targets": values}) == [
        {
            "network": "audio+image (EMODal)",
            "clips": "12",
            "accuracy": "50.0%",
            "95 % interval": "25.4% to 74.6%",
            "UAR": "45.0%",
            "macro-F1": "–",
        },
        {"network": "audio+image (EMODal)", "target": "valence", "clips": "9", "CCC": "0.250", "RMSE": "–"},
    ]
