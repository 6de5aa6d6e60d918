"""Looking names up in an index."""

import pandas as pd
import pyarrow as pa
import pytest

from emodal_data.core.places import places_of


@pytest.mark.parametrize(
    "names",
    [
        ["b", None, "x", "a", "b"],
        pd.Series(["b", None, "x", "a", "b"], index=list("vwxyz")),
        pd.Series(["b", None, "x", "a", "b"], dtype=object),
        pd.Categorical(["b", None, "x", "a", "b"]),
        pd.arrays.ArrowExtensionArray(pa.array(["b", None, "x", "a", "b"]).dictionary_encode()),
    ],
)
def test_names_are_found_at_their_places_in_whatever_form_they_are(names: object) -> None:
    assert places_of(names, pd.Index(["a", "b"])).tolist() == [1, -1, -1, 0, 1]
    assert places_of(names, pd.Index(["a", "b"], dtype=object)).tolist() == [1, -1, -1, 0, 1]


def test_a_null_is_not_found_at_a_null() -> None:
    assert places_of(["a", None], pd.Index(["a", None], dtype=object)).tolist() == [0, -1]
