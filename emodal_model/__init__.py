"""EMODal and the networks it is compared with: losses, training, evaluation, prediction."""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from emodal_model.prediction import load

__all__ = ["load"]


def __getattr__(name: str) -> Any:
    # TensorFlow takes seconds to import; only loading a model needs it.
    if name == "load":
        from emodal_model.prediction import load

        return load
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
