"""What a build still has to do after its plan, for the progress of the whole run."""

from emodal_data.clips.plan import Plan
from emodal_model.core.config import ModelConfig
from flows.config.models import Config
from flows.progress.overall import TRAINING, Work

#: Seconds of one core, measured in films of 720p. First guesses only: what a run measures replaces them.
_CLIP_S, _SAMPLE_S, _AUDIT_S = 0.06, 0.005, 3.0
#: Of a training: its start, and an epoch for each clip. It rarely takes all its epochs.
_START_S, _EPOCH_S, _USUAL_EPOCHS = 10.0, 0.005, 0.6


def expected_work(plan: Plan, config: Config) -> list[Work]:
    """The stages after the plan, each with a first guess of its duration."""
    cores = config.worker_count
    clips = sum(len(reel.clips) for reel in plan.reels)
    work = [
        Work("reading clips", clips * _CLIP_S / cores),
        Work("writing shards", len(plan.clips) * _SAMPLE_S / cores),
    ]
    if config.report.leak_price:
        work.append(Work("leakage audit", _AUDIT_S))
    if config.train:
        work.append(Work(TRAINING, _training_s(len(plan.clips), config.model)))
    return work


def _training_s(clips: int, model: ModelConfig) -> float:
    from emodal_model.training.ensemble import FEW_CLIPS, MEMBERS_OF_FEW
    from emodal_model.training.stages import MOST_EPOCHS

    networks = 3 if model.name in ("compare", "all") else 1
    members = model.members or (MEMBERS_OF_FEW if clips < FEW_CLIPS else 1)
    epochs = networks * members * model.seeds * (model.epochs or MOST_EPOCHS) * _USUAL_EPOCHS
    return _START_S + epochs * clips * _EPOCH_S
