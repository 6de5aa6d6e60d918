"""Which arithmetic a machine is trained in."""

import pytest

from emodal_model.core import backend


@pytest.mark.parametrize(
    ("wanted", "gpus", "cpu", "chosen"),
    [
        ("auto", [], False, "float32"),
        ("auto", [], True, "mixed_bfloat16"),
        ("auto", ["GPU:0"], False, "mixed_bfloat16"),
        ("float32", ["GPU:0"], True, "float32"),
        ("bfloat16", [], False, "mixed_bfloat16"),
    ],
)
def test_bfloat16_is_chosen_where_it_is_wanted_or_quick(
    monkeypatch: pytest.MonkeyPatch, wanted: str, gpus: list[str], cpu: bool, chosen: str
) -> None:
    monkeypatch.setattr(backend.tf.config, "list_physical_devices", lambda kind: gpus)
    monkeypatch.setattr(backend, "_cpu_multiplies_bfloat16", lambda: cpu)
    assert backend.choose_precision(wanted) == chosen
