"""Who of the faces speaks: mouths that follow a voice, that are still, or that move for another reason."""

import numpy as np
import pytest

from emodal_data.audio_features.loudness import loudness
from emodal_data.clips.gates import speaking_gate
from emodal_data.clips.mouth_and_voice import fit
from emodal_data.clips.speaking import SeenFaces, Speakers, score_tracks
from emodal_data.core.config import FaceConfig
from emodal_data.core.reasons import Reason
from emodal_data.core.region import parse_region
from emodal_data.core.span import Span
from emodal_data.face import FaceTrack

SECONDS, FPS, RATE_HZ = 4.0, 25, 16_000
SHOT = Span(10.0, 10.0 + SECONDS)
TIMES_S = 10.0 + (np.arange(round(SECONDS * FPS)) + 0.5) / FPS
SPEECH = [Span(0.0, SECONDS)]


def syllables(seed: int) -> np.ndarray:
    """How loud a voice is at each frame, 0 to 1: five syllables a second, none like the other."""
    rng = np.random.default_rng(seed)
    at = np.cumsum(rng.uniform(0.12, 0.28, 40))
    frames_s = TIMES_S - 10.0
    return np.clip(sum(rng.uniform(0.3, 1) * np.exp(-(((frames_s - t) / 0.05) ** 2)) for t in at), 0, 1)


def voice(loud: np.ndarray) -> np.ndarray:
    noise = np.random.default_rng(0).standard_normal(round(SECONDS * RATE_HZ))
    times_s = np.arange(len(noise)) / RATE_HZ
    return (0.1 * noise * np.interp(times_s, TIMES_S - 10.0, loud)).astype(np.float32)


def track(mouth: np.ndarray, x: float = 200.0, trembling: float = 0.003) -> FaceTrack:
    mouth = mouth + np.random.default_rng(9).normal(0, trembling, len(mouth))
    box = x - 50.0, 100.0, x + 50.0, 200.0
    return FaceTrack(TIMES_S.tolist(), [box] * len(mouth), mouth.tolist())


def scored(*tracks: FaceTrack, sound: np.ndarray, speech: list[Span] = SPEECH) -> Speakers:
    return score_tracks(SeenFaces(tracks, (1280.0, 720.0)), sound, SHOT, SHOT, speech)


def test_of_two_faces_the_one_whose_mouth_follows_the_voice_speaks() -> None:
    own, other = syllables(1), syllables(2)
    speakers = scored(track(0.1 * other, 200.0), track(0.1 * own, 800.0), sound=voice(own))
    silent, speaking = speakers.measures
    assert speaking.speaking_score > 0.9
    assert silent.speaking_score == speaking.runner_up_score < 0.1
    assert speaking.on_screen == silent.on_screen == "yes"
    assert speaking.voice_lag_s == pytest.approx(0.0, abs=0.05)
    assert speakers.best(None) is speakers.tracks[1]
    assert speakers.best(parse_region("left")) is speakers.tracks[0]


def test_a_listener_with_a_still_mouth_does_not_speak() -> None:
    (listener,) = scored(track(np.full(100, 0.02)), sound=voice(syllables(1))).measures
    assert listener.on_screen == "no"
    assert listener.speaking_score < 0.05
    assert listener.mouth_movement == pytest.approx(0.003, rel=0.2)


def test_a_chewing_mouth_does_not_speak_even_where_it_happens_to_follow_the_voice() -> None:
    frames_s = TIMES_S - 10.0
    chewing = track(0.05 * (1 + np.sin(2 * np.pi * 1.5 * frames_s)))
    with_syllables = track(0.05 * (1 + np.sin(2 * np.pi * 3.0 * frames_s)))
    sound = voice(syllables(3) * (0.4 + 0.3 * (1 + np.sin(2 * np.pi * 1.5 * frames_s))))
    (chewer,) = scored(chewing, sound=sound).measures
    assert chewer.mouth_sync > 0.25
    assert chewer.on_screen == "no"
    assert fit(chewing, sound, 10.0, SPEECH).rate_hz == pytest.approx(1.5, rel=0.1)
    assert fit(with_syllables, sound, 10.0, SPEECH).rate_hz == pytest.approx(3.0, rel=0.1)


def test_a_mouth_that_rests_in_the_pauses_of_the_voice_speaks_rather_than_one_that_moves_on() -> None:
    pause = (TIMES_S >= 11.5) & (TIMES_S < 12.5)
    speech = [Span(0.0, 1.5), Span(2.5, SECONDS)]
    loud, own = np.where(pause, 0.0, syllables(1)), syllables(2)
    # Neither follows the loudness: another's articulation, with a rest and without.
    rests, goes_on = track(0.1 * np.where(pause, 0.0, own), 200.0), track(0.1 * own, 800.0)
    for_rest, against = (
        scored(one, sound=voice(loud), speech=speech).measures[0] for one in (rests, goes_on)
    )
    assert for_rest.speaking_score > 2 * against.speaking_score
    assert (fit(rests, voice(loud), 10.0, speech).rest or 0.0) > 1.0
    assert fit(goes_on, voice(loud), 10.0, speech).rest == pytest.approx(0.0, abs=0.4)
    assert fit(rests, voice(loud), 10.0, SPEECH).rest is None
    assert fit(rests, voice(loud), 10.0, []).rest is None


def test_faces_and_voices_around_the_span_are_evidence_only() -> None:
    own = syllables(1)
    within = track(0.1 * own)
    before = FaceTrack(TIMES_S[:40].tolist(), [(0.0, 0.0, 9.0, 9.0)] * 40, [0.0] * 40)
    span = Span(12.0, 13.0)
    speakers = score_tracks(
        SeenFaces([within, before], (1280.0, 720.0)), voice(own), SHOT, span, [Span(0.0, 2.5)]
    )
    assert speakers.tracks == (within,)
    assert speakers.measures[0].voice_activity == pytest.approx(0.5)
    assert speakers.measures[0].track_s == pytest.approx(SECONDS, abs=0.1)


def test_without_a_voice_nobody_speaks_and_the_widest_face_is_taken() -> None:
    small = track(0.1 * syllables(1), 200.0)
    wide = FaceTrack(small.times_s, [(500.0, 0.0, 800.0, 300.0)] * 100, [0.02] * 100)
    speakers = scored(small, wide, sound=voice(syllables(1)), speech=[])
    assert [one.speaking_score for one in speakers.measures] == [0.0, 0.0]
    assert speakers.measures[0].on_screen == "no"
    assert speakers.best(None) is wide


def test_dubbed_sound_shows_as_its_lag() -> None:
    mouth = syllables(1)
    late = np.concatenate([np.zeros(8), mouth[:-8]])  # 0.32 s
    (dubbed,) = scored(track(0.1 * mouth), sound=voice(late)).measures
    assert dubbed.voice_lag_s == pytest.approx(0.32, abs=0.05)
    assert dubbed.mouth_sync < 0.2


def test_a_face_seen_for_a_moment_is_not_scored() -> None:
    short = FaceTrack(TIMES_S[:7].tolist(), [(0.0, 0.0, 9.0, 9.0)] * 7, [0.0] * 7)
    speakers = scored(short, sound=voice(syllables(1)))
    assert speakers.tracks == ()
    assert speakers.best(None) is None
    assert speakers.number_of(5.0, 5.0, 10.0) is None


def test_a_face_is_found_by_place_and_time() -> None:
    own = syllables(1)
    speakers = scored(track(0.1 * own, 200.0), track(np.full(100, 0.02), 600.0), sound=voice(own))
    assert speakers.number_of(610.0, 150.0, 12.0) == 1
    assert speakers.number_of(400.0, 150.0, 12.0) is None


def test_the_gate_names_why_the_face_is_not_that_of_the_speaker() -> None:
    own = syllables(1)
    asking = FaceConfig(choose="speaking", min_speaking=0.6)
    (off_screen,) = scored(track(np.full(100, 0.02)), sound=voice(own)).measures
    two = scored(track(0.1 * own, 200.0), track(0.1 * own, 600.0, 0.004), sound=voice(own)).measures
    (alone,) = scored(track(0.1 * own), sound=voice(own)).measures
    assert speaking_gate(off_screen, asking) == (Reason.NOBODY_ON_SCREEN_SPEAKS, off_screen.speaking_score)
    assert two[0].on_screen == "unsure"
    assert speaking_gate(two[0], asking) == (Reason.SPEAKER_UNSURE, two[0].speaking_score)
    assert speaking_gate(alone, asking) is None
    assert speaking_gate(off_screen, FaceConfig(choose="speaking")) is None
    assert speaking_gate(None, FaceConfig()) is None


def test_loudness_is_the_power_around_a_time_with_a_floor() -> None:
    wave = np.zeros(RATE_HZ, np.float32)
    wave[8000:] = np.random.default_rng(0).normal(0, 0.1, 8000)
    quiet, *_, loud = loudness(wave, [0.2, 0.7, 0.8, 0.8])
    louder = loudness(wave * 10, [0.2, 0.7, 0.8, 0.8])[-1]
    assert louder - loud == pytest.approx(2.0, abs=0.01)  # decades of power
    assert loud - quiet == pytest.approx(3.0, abs=0.3)
