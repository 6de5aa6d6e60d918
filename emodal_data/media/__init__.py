"""A film: guarded opening, the frame on screen at a time, the sound of a span, shots, voice activity, encoders."""

from emodal_data.media.audio import AudioSpan
from emodal_data.media.film import Film, Frame, open_film, probe
from emodal_data.media.info import AudioTrack, FilmInfo

__all__ = ["AudioSpan", "AudioTrack", "Film", "FilmInfo", "Frame", "open_film", "probe"]
