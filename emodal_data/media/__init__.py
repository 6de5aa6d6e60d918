"""A film: guarded opening, the frame on screen at a time, the sound of a span, shots, voice activity, encoders."""

from emodal_data.media.audio import AudioSpan
from emodal_data.media.film import Film, Frame
from emodal_data.media.info import AudioTrack, FilmInfo
from emodal_data.media.opening import open_film, probe

__all__ = ["AudioSpan", "AudioTrack", "Film", "FilmInfo", "Frame", "open_film", "probe"]
