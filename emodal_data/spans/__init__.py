"""Finding spans worth asking about: shots of a film, speech in it, and the stretches of speech within one shot."""

from emodal_data.spans.candidates import candidates, find_candidates
from emodal_data.spans.shots import crossed_cut_s, cuts_between, find_shots
from emodal_data.spans.span import Span
from emodal_data.spans.speech import find_speech

__all__ = [
    "Span",
    "candidates",
    "crossed_cut_s",
    "cuts_between",
    "find_candidates",
    "find_shots",
    "find_speech",
]
