"""eGeMAPS beside the 68 features: the values of the package, and a clear error if it is not installed."""

import sys

import numpy as np
import pytest

from emodal_data.audio_features import egemaps
from emodal_data.core.errors import InputError

VOICE = (8000 * np.sin(2 * np.pi * 150 * np.arange(16000) / 16000)).astype(np.int16)


@pytest.fixture(autouse=True)
def fresh_package():
    egemaps._smile.cache_clear()
    yield
    egemaps._smile.cache_clear()


def test_without_the_package_the_error_names_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "opensmile", None)
    with pytest.raises(InputError, match=r"pip install 'emodal\[opensmile\]'"):
        egemaps.egemaps_features(VOICE)


def test_a_voice_of_150_hz_is_measured_as_such():
    pytest.importorskip("opensmile", reason="the optional extra opensmile is not installed")
    names = egemaps.egemaps_names()
    features = egemaps.egemaps_features(VOICE)
    assert features.shape == (88,) == (len(names),)
    semitones = features[names.index("F0semitoneFrom27.5Hz_sma3nz_amean")]
    assert semitones == pytest.approx(12 * np.log2(150 / 27.5), abs=0.2)
    assert (egemaps.egemaps_features(VOICE / 32768.0) == features).all()


def test_too_short_a_sound_gives_nan_and_no_warning(recwarn):
    pytest.importorskip("opensmile", reason="the optional extra opensmile is not installed")
    assert np.isnan(egemaps.egemaps_features(VOICE[:300])).all()
    assert not [warning for warning in recwarn if "Segment" in str(warning.message)]
