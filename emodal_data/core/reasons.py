"""The closed list of reasons for dropping a clip, and what a user can do about each."""

from enum import StrEnum
from typing import Final


class Reason(StrEnum):
    """Why a clip is not in the dataset. The value is what the ledger holds."""

    # the annotation row
    BAD_TIME = "bad_time"
    END_NOT_AFTER_START = "end_not_after_start"
    BAD_REGION = "bad_region"
    UNKNOWN_LABEL = "unknown_label"  # of datasets of earlier versions
    BAD_TARGET = "bad_target"
    NO_TARGET = "no_target"
    DUPLICATE_VOTE = "duplicate_vote"
    LABEL_TIE = "label_tie"
    LABEL_OUTSIDE_SCHEME = "label_outside_scheme"
    SPLIT_UNKNOWN = "split_unknown"
    SPLIT_CONFLICT = "split_conflict"
    # the film
    FILM_MISSING = "film_missing"
    FILM_OUTSIDE_FOLDER = "film_outside_folder"
    FILM_UNREADABLE = "film_unreadable"
    FILM_TOO_LARGE = "film_too_large"
    FILM_STILL_GROWING = "film_still_growing"
    READ_FAILED = "read_failed"
    NO_VIDEO = "no_video"
    NO_AUDIO = "no_audio"
    CLOCK_DISCONTINUOUS = "clock_discontinuous"
    COLOUR_UNSUPPORTED = "colour_unsupported"
    # the span
    SPAN_OUTSIDE_FILM = "span_outside_film"
    OVERLAPS_SAME_SPEAKER = "overlaps_same_speaker"
    CROSSES_SHOT_CUT = "crosses_shot_cut"
    FRAME_UNREADABLE = "frame_unreadable"
    FRAME_UNCERTAIN = "frame_uncertain"
    AUDIO_UNREADABLE = "audio_unreadable"
    DECODER_CRASHED = "decoder_crashed"
    DECODER_TIMED_OUT = "decoder_timed_out"
    DECODER_OUT_OF_MEMORY = "decoder_out_of_memory"
    # the face
    NO_FACE = "no_face"
    FACE_SCORE_LOW = "face_score_low"
    LANDMARK_SCORE_LOW = "landmark_score_low"
    FACE_TOO_SMALL = "face_too_small"
    FACE_BLURRED = "face_blurred"
    FACE_TURNED_AWAY = "face_turned_away"
    FACE_CUT_BY_BORDER = "face_cut_by_border"
    FACE_NOT_DOMINANT = "face_not_dominant"
    FACE_VIEW_BROKEN = "face_view_broken"
    NOBODY_ON_SCREEN_SPEAKS = "nobody_on_screen_speaks"
    SPEAKER_UNSURE = "speaker_unsure"
    # the sound
    AUDIO_TOO_SHORT = "audio_too_short"
    AUDIO_MISSING = "audio_missing"
    AUDIO_NOT_FINITE = "audio_not_finite"
    AUDIO_SILENT = "audio_silent"
    AUDIO_CONSTANT = "audio_constant"
    AUDIO_CLIPPED = "audio_clipped"
    AUDIO_LITTLE_SPEECH = "audio_little_speech"
    AUDIO_NOISY = "audio_noisy"
    AUDIO_MUSIC = "audio_music"
    # the dataset
    UNLABELLED = "unlabelled"
    UNLABELLED_IN_TEST_GROUP = "unlabelled_in_test_group"
    SAME_AS_TEST_CLIP = "same_as_test_clip"
    SAME_AS_VALIDATION_CLIP = "same_as_validation_clip"
    DROPPED_BY_REVIEW = "dropped_by_review"


#: Reasons that may be gone next time although film and settings are the same: they are never stored.
PASSING: Final = frozenset(
    (
        Reason.FILM_MISSING,
        Reason.FILM_STILL_GROWING,
        Reason.READ_FAILED,
        Reason.DECODER_TIMED_OUT,
        Reason.DECODER_OUT_OF_MEMORY,
    )
)

#: Reasons that depend on a limit of the clips section or on FFmpeg: what is stored counts while these are the same.
LIMITED: Final = frozenset(
    (
        Reason.FILM_UNREADABLE,
        Reason.FILM_TOO_LARGE,
        Reason.FRAME_UNREADABLE,
        Reason.AUDIO_UNREADABLE,
        Reason.DECODER_CRASHED,
    )
)

#: The stages of a build, each with its first reason: the reasons above are in the order of the stages.
_STAGES = {
    "annotation": Reason.BAD_TIME,
    "film": Reason.FILM_MISSING,
    "span": Reason.SPAN_OUTSIDE_FILM,
    "face": Reason.NO_FACE,
    "sound": Reason.AUDIO_TOO_SHORT,
    "dataset": Reason.UNLABELLED,
}


def stages() -> dict[str, tuple[Reason, ...]]:
    """The reasons of each stage that a row can be dropped at, in the order a build meets them."""
    order = list(Reason)
    starts = [order.index(reason) for reason in _STAGES.values()]
    ends = [*starts[1:], len(order)]
    return {name: tuple(order[start:end]) for name, start, end in zip(_STAGES, starts, ends, strict=True)}


def stage_of(reason: Reason) -> str:
    """The stage at which a row is dropped for a reason."""
    return next(name for name, reasons in stages().items() if reason in reasons)


#: What to do about each reason, one line, for the terminal and the report.
ADVICE: dict[Reason, str] = {
    Reason.BAD_TIME: "write start and end as seconds or [HH:]MM:SS[.mmm]",
    Reason.END_NOT_AFTER_START: "end must be later than start",
    Reason.BAD_REGION: "write face_box as x0, y0, x1, y1 in pixels or shares, or face_side as left or right; not both",
    Reason.UNKNOWN_LABEL: "use one of the classes, or leave it empty",
    Reason.BAD_TARGET: "a target of labels.targets must be a number, or empty if unknown",
    Reason.NO_TARGET: "without classes, a row needs a number for at least one of labels.targets",
    Reason.DUPLICATE_VOTE: "one annotator votes once for a span; the first vote counts",
    Reason.LABEL_TIE: "annotators disagree evenly: add a vote or correct one",
    Reason.LABEL_OUTSIDE_SCHEME: "most votes are for none of the classes: map the word with labels.map, or add it to "
    "labels.classes",
    Reason.SPLIT_UNKNOWN: "split.column must say train, validation or test; name other words in split.map",
    Reason.SPLIT_CONFLICT: "the rows of this clip are in different splits or folds: correct them",
    Reason.FILM_MISSING: "put the film under --films, or correct its path in the table",
    Reason.FILM_OUTSIDE_FOLDER: "films must lie inside --films; paths and links may not lead out of it",
    Reason.FILM_UNREADABLE: "open the file in a player; copy or encode it again",
    Reason.FILM_TOO_LARGE: "the film exceeds a limit of the clips section; raise it if the file is honest",
    Reason.FILM_STILL_GROWING: "the file changed moments ago, as if it were being copied: the next run reads it",
    Reason.READ_FAILED: "reading failed for no fault of the film: the next run tries again",
    Reason.NO_VIDEO: "the file has no picture; annotate the film itself",
    Reason.NO_AUDIO: "the file has no sound; use a copy with its sound track",
    Reason.CLOCK_DISCONTINUOUS: "parts joined end to end: give them one clock with `ffmpeg -i FILM -c copy FILM.mkv`",
    Reason.COLOUR_UNSUPPORTED: "Dolby Vision without a base layer, YCgCo, ICtCp: use an SDR, HDR10 or HLG copy of it",
    Reason.SPAN_OUTSIDE_FILM: "the span reaches beyond the film: check times against this copy",
    Reason.OVERLAPS_SAME_SPEAKER: "starts before an earlier span of the same speaker ends: correct one of them",
    Reason.CROSSES_SHOT_CUT: "the film cuts to another shot within the span: end or begin it at the cut",
    Reason.FRAME_UNREADABLE: "the picture is damaged there: use another copy of the film",
    Reason.FRAME_UNCERTAIN: "frame or sound are not sure: encode the film again; emodal doctor has details",
    Reason.AUDIO_UNREADABLE: "the sound is damaged there: use another copy of the film",
    Reason.DECODER_CRASHED: "the file crashes its decoder: encode it again",
    Reason.DECODER_TIMED_OUT: "the file keeps its decoder busy too long: encode it again, or raise clips.timeout_s",
    Reason.DECODER_OUT_OF_MEMORY: "the file needs too much memory to decode: encode it again, or raise clips.memory_mb",
    Reason.NO_FACE: "no face in the middle frame: move the span",
    Reason.FACE_SCORE_LOW: "the detector is unsure: lower face.min_score to keep such faces",
    Reason.LANDMARK_SCORE_LOW: "the landmarks are unsure: lower face.min_landmark_score to keep such faces",
    Reason.FACE_TOO_SMALL: "lower face.min_width_px to keep small faces",
    Reason.FACE_BLURRED: "raise face.max_blur_px (or lower face.min_sharpness) to keep blurred faces",
    Reason.FACE_TURNED_AWAY: "raise face.max_yaw_deg or face.max_pitch_deg to keep turned faces",
    Reason.FACE_CUT_BY_BORDER: "raise face.max_outside_fraction to keep cut faces",
    Reason.FACE_NOT_DOMINANT: "several faces of like size: lower face.min_dominance to keep the largest anyway",
    Reason.FACE_VIEW_BROKEN: "the face is covered or its frontal picture is torn: lower face.min_view_score to keep it",
    Reason.NOBODY_ON_SCREEN_SPEAKS: "no mouth of the shot moves with the voice: lower face.min_speaking to keep it",
    Reason.SPEAKER_UNSURE: "mouth and voice do not say enough: lower face.min_speaking, or lengthen the span",
    Reason.AUDIO_TOO_SHORT: "the span is too short for speech features: lengthen it",
    Reason.AUDIO_MISSING: "the film has no sound in part of the span: move it, or raise audio.max_missing_fraction",
    Reason.AUDIO_NOT_FINITE: "the sound track decodes to NaN: use another copy",
    Reason.AUDIO_SILENT: "the span is silent: lower audio.min_rms to keep it",
    Reason.AUDIO_CONSTANT: "the sound is a constant: use another copy",
    Reason.AUDIO_CLIPPED: "the sound is clipped: raise audio.max_clipped_fraction to keep it",
    Reason.AUDIO_LITTLE_SPEECH: "little of the sound is speech: lower audio.min_speech_share to keep it",
    Reason.AUDIO_NOISY: "the speech is hardly above the background: lower audio.min_snr_db to keep it",
    Reason.AUDIO_MUSIC: "tones are held as music holds them: raise audio.max_music_share to keep it",
    Reason.UNLABELLED: "unlabelled spans are off: set clips.keep_unlabelled=true",
    Reason.SAME_AS_TEST_CLIP: "the same frame is in a test clip: is this film in the folder twice?",
    Reason.SAME_AS_VALIDATION_CLIP: "the same frame is in a validation clip: is this film in the folder twice?",
    Reason.DROPPED_BY_REVIEW: "a reviewer dropped it: take its row out of the overrides to have it back",
    Reason.UNLABELLED_IN_TEST_GROUP: "nothing of a test or validation group may reach training: label it, or leave it",
}
