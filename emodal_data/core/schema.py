"""The columns, types and units of every file that this project writes.

Files are written with these Arrow schemas; the documentation shows the `description` of each field.
"""

import json
from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Final, TypeVar

import pyarrow as pa

from emodal_data.core.label_words import DEFAULT_CLASSES
from emodal_data.core.sizes import RATE_HZ

#: Raised when the name or the meaning of a column changes. Written into every file.
#: Version 2: the column `blur`, which was high for sharp faces, is named `sharpness`.
SCHEMA_VERSION: Final = 2

#: Columns of earlier schema versions that have another name today: old name -> name.
RENAMED: Final[Mapping[str, str]] = MappingProxyType({"blur": "sharpness"})

#: Length of the audio feature vector.
FEATURE_COUNT: Final = 68

#: The splits, in the order of the shards.
SPLITS: Final = ("train", "validation", "test", "unlabelled")


def _field(name: str, kind: pa.DataType, description: str, nullable: bool = True) -> pa.Field:
    return pa.field(name, kind, nullable=nullable, metadata={"description": description})


#: What is measured of the face; the same names in the clip store, the ledger and the shards.
QUALITY: Final = (
    _field("face_score", pa.float32(), "score of the face detector, 0 to 1"),
    _field("landmark_score", pa.float32(), "score of the landmarks, 0 to 1"),
    _field("face_width_px", pa.float32(), "width of the face box in pixels of the film"),
    _field("sharpness", pa.float32(), "contrast-normalised variance of the Laplacian; small is blurred"),
    _field("yaw_deg", pa.float32(), "turn of the head, positive to the right of the picture"),
    _field("pitch_deg", pa.float32(), "tilt of the head, positive upwards"),
    _field("roll_deg", pa.float32(), "lean of the head in the picture"),
    _field("mirrored_fraction", pa.float32(), "share of the face filled in from its other half"),
    _field("faces_in_frame", pa.int32(), "faces that the detector found in the frame"),
)

#: Measures that are not in the shards; they explain why clips are dropped.
MORE_QUALITY: Final = (
    _field(
        "dominance", pa.float32(), "share of the largest face in the area of the two largest; 1 when alone"
    ),
    _field("outside_fraction", pa.float32(), "share of the face box beyond the frame's border"),
    _field("x0", pa.float32(), "left edge of the face box in pixels of the film"),
    _field("y0", pa.float32(), "upper edge of the face box in pixels of the film"),
    _field("x1", pa.float32(), "right edge of the face box in pixels of the film"),
    _field("y1", pa.float32(), "lower edge of the face box in pixels of the film"),
    _field(
        "blur_px",
        pa.float32(),
        "blur of the face's edges in pixels of the image, beyond the film's own pixels",
    ),
    _field("view_score", pa.float32(), "whether the frontal image shows a whole face, 0 to 1"),
    _field("audio_rms", pa.float32(), "root mean square of the sound, full scale 1"),
    _field("audio_peak", pa.float32(), "largest magnitude of the sound, full scale 1"),
    _field("audio_clipped_fraction", pa.float32(), "share of samples within 2 % of full scale"),
)

#: The expression of the face (see emodal_data/face/expression.py), in the ledger and the shards with face.measures.
EXPRESSION: Final = tuple(
    _field(name, pa.float32(), f"{about}, in distances between the eyes, the head's pose removed")
    for name, about in (
        ("mouth_opening", "distance of the inner lips"),
        ("mouth_width", "distance of the lip corners"),
        ("lip_corner_left", "height of the left lip corner (of the picture) above the middle of the lips"),
        ("lip_corner_right", "height of the right lip corner above the middle of the lips"),
        ("brow_left", "height of the left brow above its eye"),
        ("brow_right", "height of the right brow above its eye"),
        ("eye_left", "distance of the lids of the left eye"),
        ("eye_right", "distance of the lids of the right eye"),
    )
)

EXPRESSION_NAMES: Final = [field.name for field in EXPRESSION]

#: What the voice says about the face, where faces were followed (face.track); after the others in each file.
SPEAKING: Final = (
    _field("speaking_score", pa.float32(), "probability that this face speaks, from mouth and voice"),
    _field(
        "runner_up_score", pa.float32(), "the largest probability of another face of the shot; 0 without one"
    ),
    _field("voice_activity", pa.float32(), "share of the span, within its shot, with a voice"),
    _field("on_screen", pa.string(), "whether a face of the shot speaks: yes, no or unsure"),
    _field(
        "track_s",
        pa.float32(),
        "how long the face was followed in the shot, with half a second around the span",
    ),
    _field("voice_lag_s", pa.float32(), "by how much the sound follows the mouth where they agree best"),
    _field("mouth_movement", pa.float32(), "movement of the mouth's opening, in distances between the eyes"),
    _field("mouth_sync", pa.float32(), "correlation of the changes of mouth opening and loudness"),
)

#: Estimates about the sound, where they were asked for (audio.measures).
VOICE_LEVEL: Final = (
    _field(
        "speech_share", pa.float32(), "share of the sound that the voice activity detector takes for speech"
    ),
    _field(
        "snr_db", pa.float32(), "estimated level of the speech above the pauses, in dB; null without speech"
    ),
    _field("music_share", pa.float32(), "share of the sound in which held tones stand out: likely music"),
)

#: Columns of the clip store that are there only where they were asked for.
STORE_OPTIONS: Final = (
    *SPEAKING,
    *VOICE_LEVEL,
    _field("embedding", pa.binary(), "embedding of the face, float32; biometric data"),
)

#: The columns of the views of face.views, which are named after them: image_rgb has the view rgb.
VIEWS: Final = MappingProxyType(
    {
        "image_rgb": "the face in colour, upright and scaled, not turned to the front",
        "image_gray": "the face in gray, upright and scaled, not turned to the front",
        "image_context": "the whole frame, for what is around the face",
    }
)

#: Measures of a single frame: those of its face, and of its expression.
_OF_FRAME: Final = tuple(
    field for field in (*QUALITY, *MORE_QUALITY, *EXPRESSION) if not field.name.startswith("audio_")
)

#: Pictures in the clip store that are there only where they were asked for; JPEG or PNG, by face.view_format.
STORE_VIEWS: Final = (
    *(_field(name, pa.binary(), about) for name, about in VIEWS.items()),
    _field(
        "frames",
        pa.list_(
            pa.struct(
                [
                    pa.field("time_s", pa.float64()),
                    *(pa.field(name, pa.binary()) for name in ("image", *VIEWS)),
                    *(pa.field(field.name, field.type) for field in _OF_FRAME),
                ]
            )
        ),
        "the frames of face.frames: time, pictures and measures of each",
    ),
)

#: Measures that shards have a list of with face.measures, where clips have several frames.
FRAME_MEASURES: Final = ("yaw_deg", "pitch_deg", "roll_deg", *EXPRESSION_NAMES)

#: The faces that were followed through a span (face.track), in the clip store only: for people who look at the report.
TRACKS: Final = _field(
    "tracks",
    pa.struct(
        [
            pa.field("start_s", pa.float64()),
            pa.field("end_s", pa.float64()),
            pa.field("voice", pa.binary()),
            pa.field("mouths", pa.list_(pa.binary())),
            pa.field("scores", pa.list_(pa.float32())),
            pa.field("chosen", pa.int32()),
            pa.field("portraits", pa.binary()),
        ]
    ),
    "the shot's voice and mouths as curves of float16, and a JPEG with the faces over time: a row for each track",
)


def view_columns(views: Sequence[str]) -> list[str]:
    """The columns of the views of face.views."""
    return [f"image_{name}" for name in views]


def frames_of(name: str) -> str:
    """The column with a list of what the column `name` has one of."""
    return f"{name}_frames"


_SPAN: Final = (
    _field("film", pa.string(), "path of the film below the films folder", nullable=False),
    _field("start_s", pa.float64(), "start of the span on the film's clock"),
    _field("end_s", pa.float64(), "end of the span on the film's clock"),
)

_FRAME: Final = (
    _field("frame_s", pa.float64(), "time stamp of the frame taken"),
    _field("frame_error_s", pa.float64(), "middle of the span minus the frame's time stamp"),
    _field("corrupt_frames", pa.int32(), "damaged frames met on the way to the frame"),
    _field("missing_samples", pa.int64(), "16 kHz samples that the film does not have; zeros stand there"),
)

_DROP: Final = (
    _field("reason", pa.string(), "why it was dropped; null when kept"),
    _field("measured", pa.float64(), "the number that decided it"),
    _field("detail", pa.string(), "one line for people"),
)

#: The clip store: what reading a film yields, before any threshold is applied.
CLIP_STORE: Final = pa.schema(
    [
        _field("clip_id", pa.string(), "hash of film content, start and end", nullable=False),
        *_SPAN,
        *_FRAME,
        *QUALITY,
        *MORE_QUALITY,
        *_DROP,
        _field("audio_is_constant", pa.bool_(), "every sample is the same"),
        _field("audio_is_finite", pa.bool_(), "no sample is NaN or infinite"),
        _field("face_hash", pa.binary(32), "perceptual hash of the image"),
        _field("image", pa.binary(), "128x128 8-bit gray PNG of the face turned to the front"),
        _field("audio", pa.binary(), "16 kHz mono, 16-bit little-endian"),
        _field("frame_width_px", pa.float32(), "width of the upright frame in pixels of the film"),
        _field("shot_cut_s", pa.float64(), "cut within the span, where cuts were looked for"),
        _field("preview_frame", pa.binary(), "small JPEG of the whole frame, for the report"),
        _field("preview_sound", pa.binary(), "the sound as Opus in WebM, for the report"),
        *EXPRESSION,
    ]
)

#: The ledger: one line for every row of the annotation file.
LEDGER: Final = pa.schema(
    [
        _field("row", pa.int64(), "line of the annotation file", nullable=False),
        *_SPAN,
        _field("label", pa.string(), "label of the row, as a class name"),
        _field("clip_id", pa.string(), "the clip that this row speaks of"),
        _field("outcome", pa.string(), '"kept" or "dropped"', nullable=False),
        *_DROP,
        *_FRAME,
        _field("split", pa.string(), "train, validation, test or unlabelled, when kept"),
        *QUALITY,
        *MORE_QUALITY,
    ]
)

#: Columns that follow in the ledger when they were asked for.
LEDGER_OPTIONS: Final = (
    _field("fold", pa.int32(), "fold of the training side, when kept there"),
    _field("shot_cut_s", pa.float64(), "the cut to another shot that is deepest within the span"),
    *EXPRESSION,
    *SPEAKING,
    *VOICE_LEVEL,
    _field("review", pa.string(), "what a reviewer decided about the clip: drop or relabel"),
    _field(
        "review_label", pa.string(), "label that the review gave the clip; that of the row stays in label"
    ),
    _field("review_author", pa.string(), "who decided so"),
    _field("review_note", pa.string(), "the notes of the reviewers, and who decided otherwise"),
)

#: Columns that end the ledger: what the row's label cell says.
LEDGER_LABELS: Final = (
    _field("label_as_written", pa.string(), "the label cell of the row, unchanged"),
    _field(
        "label_mapped_to",
        pa.string(),
        "what the cell votes for: a class, or a word outside the classes; several are joined by bars; null if nothing",
    ),
)


def vote_columns(classes: int) -> list[str]:
    """The columns of clips with the number of votes for each class: votes_0 for the first class, and so on."""
    return [f"votes_{number}" for number in range(classes)]


#: A file inside a row, as Hugging Face keeps images and sound.
_BYTES: Final = pa.struct([pa.field("bytes", pa.binary()), pa.field("path", pa.string())])


def _label(classes: Sequence[str]) -> pa.Field:
    codes = ", ".join(f"{name} {code}" for code, name in enumerate(classes))
    return _field("label", pa.int64(), f"class: {codes}; null if unlabelled")


def _label_votes(classes: Sequence[str]) -> pa.Field:
    about = f"share of the votes for {', '.join(classes[:-1])} and {classes[-1]}; zeros where nobody voted"
    return _field("label_votes", pa.list_(pa.float32(), len(classes)), about)


_SHARD_FIELDS: Final = (
    _field("sample_id", pa.string(), "clip_id and augmentation number", nullable=False),
    _field("clip_id", pa.string(), "hash of film content, start and end", nullable=False),
    _field("film", pa.string(), "path of the film below the films folder", nullable=False),
    _field("speaker", pa.string(), "speaker, when the annotations name one"),
    _field("start_s", pa.float64(), "start of the span on the film's clock"),
    _field("end_s", pa.float64(), "end of the span on the film's clock"),
    _field("frame_s", pa.float64(), "time stamp of the frame taken"),
    _label(DEFAULT_CLASSES),
    _field("label_confidence", pa.float32(), "share of the votes that chose the label"),
    _field("image", _BYTES, "128x128 8-bit gray PNG of the face turned to the front"),
    _field("audio_features", pa.list_(pa.float32(), FEATURE_COUNT), "the 68 speech features"),
    _field("augmentation", pa.string(), '"none", or what was done with which numbers', nullable=False),
    *QUALITY,
)


#: Columns of the shards of a dataset with classes.
OF_CLASSES: Final = ("label", "label_confidence")

#: Columns that shards have when they were asked for.
SHARD_OPTIONS: Final = {
    field.name: field
    for field in (
        _label_votes(DEFAULT_CLASSES),
        _field("fold", pa.int32(), "fold of the training side for cross-validation, from 0"),
        _field("audio", _BYTES, "the sound that the features were computed from: FLAC, 16 kHz mono"),
        _field(
            "short_term_features",
            pa.list_(pa.list_(pa.float32(), FEATURE_COUNT)),
            "34 short-term features and their deltas for every step of the sound",
        ),
        *EXPRESSION,
        *SPEAKING,
        *VOICE_LEVEL,
        *(_field(name, _BYTES, about) for name, about in VIEWS.items()),
        _field("frame_times_s", pa.list_(pa.float64()), "time stamps of the frames in the lists of frames"),
        *(_field(frames_of(name), pa.list_(_BYTES), f"{name} of each frame") for name in ("image", *VIEWS)),
        *(
            _field(frames_of(name), pa.list_(pa.float32()), f"{name} of each frame")
            for name in FRAME_MEASURES
        ),
    )
}

#: Columns of views and of lists of frames, in the order of the shards.
VIEW_OPTIONS: Final = tuple(name for name in SHARD_OPTIONS if name in VIEWS or "frame" in name)


#: Columns of a shard that are computed from a clip's picture and sound, which takes time.
DERIVED_COLUMNS: Final = (
    "image",
    "audio_features",
    "augmentation",
    "egemaps",
    "audio",
    "short_term_features",
    *VIEW_OPTIONS,
)


#: Names that a carried column cannot have.
SHARD_COLUMNS: Final = frozenset([*(field.name for field in _SHARD_FIELDS), *SHARD_OPTIONS, "egemaps"])

#: What a carried column is: a target of labels.targets, or a column of shards.columns.
CARRIED_DESCRIPTION: Final = MappingProxyType(
    {
        "target": "{} as annotated: the mean over the rows of the clip",
        "column": "column {} of the annotations",
    }
)


def class_names(schema: pa.Schema) -> tuple[str, ...]:
    """The classes of a shard, in the order of their codes; none if it has only targets."""
    features = json.loads(schema.metadata[b"huggingface"])["info"]["features"]
    return tuple(features["label"]["names"]) if "label" in features else ()


def carried_columns(schema: pa.Schema) -> list[str]:
    """The columns of a shard that were carried from the annotations."""
    names: list[str] = json.loads(schema.metadata[b"emodal"]).get("carried", [])
    return names


def stored_names(columns: Sequence[str], present: Sequence[str]) -> list[str]:
    """The names of columns in a file that has the columns `present`: of today, or of the file's schema version."""
    older = {name: old for old, name in RENAMED.items() if old in present and name not in present}
    return [older.get(name, name) for name in columns]


_Table = TypeVar("_Table", pa.Table, pa.RecordBatch)


def with_current_names(table: _Table) -> _Table:
    """A table read from a file of any schema version, its columns under the names of today."""
    present = table.schema.names
    # The ledger carries other columns of the annotation file, and one of them may have an old name.
    names = [new if (new := RENAMED.get(name, name)) not in present else name for name in present]
    return table if names == present else table.rename_columns(names)


def shard_schema(
    feature_names: Sequence[str],
    audio: dict[str, object],
    egemaps_names: Sequence[str] = (),
    options: Sequence[str] = (),
    frame_names: Sequence[str] = (),
    classes: Sequence[str] = DEFAULT_CLASSES,
    carried: Sequence[pa.Field] = (),
) -> pa.Schema:
    """The schema of the shards, with metadata for other readers.

    feature_names: the 68 names in order. audio: the settings that the features were computed with.
    egemaps_names: names of the optional eGeMAPS column. options: names of further columns, of SHARD_OPTIONS.
    frame_names: names of the numbers of a step, where the options have short_term_features. classes: in the order of
    their codes; without any, there are no columns label and label_confidence. carried: further columns, of the
    annotations.
    The `huggingface` key makes `datasets.load_dataset("parquet", ...)` return Image, ClassLabel and vectors.
    """
    own = {field.name: field for field in (_label(classes), _label_votes(classes))} if classes else {}
    fields = [
        own.get(field.name, field) for field in _SHARD_FIELDS if classes or field.name not in OF_CLASSES
    ]
    emodal = {"schema_version": SCHEMA_VERSION, "feature_names": list(feature_names), "audio": audio}
    if egemaps_names:
        kind = pa.list_(pa.float32(), len(egemaps_names))
        fields.append(_field("egemaps", kind, "eGeMAPS v02 functionals, beside the 68"))
        emodal["egemaps_names"] = list(egemaps_names)
    fields += [own.get(name, SHARD_OPTIONS[name]) for name in options]
    if frame_names:
        emodal["short_term_names"] = list(frame_names)
    if carried:
        fields += carried
        emodal["carried"] = [field.name for field in carried]
    features = {field.name: _huggingface_feature(field, classes) for field in fields}
    return pa.schema(
        fields,
        metadata={
            "huggingface": json.dumps({"info": {"features": features}}),
            "emodal": json.dumps(emodal, sort_keys=True),
        },
    )


def _huggingface_feature(field: pa.Field, classes: Sequence[str] = ()) -> dict[str, object]:
    if field.name == "audio":
        return {"sampling_rate": RATE_HZ, "_type": "Audio"}
    if field.type == _BYTES:
        return {"_type": "Image"}
    if field.name == "label":
        return {"names": list(classes), "_type": "ClassLabel"}
    if pa.types.is_list(field.type):
        return {"feature": _huggingface_feature(field.type.value_field), "_type": "Sequence"}
    if pa.types.is_fixed_size_list(field.type):
        value = {"dtype": "float32", "_type": "Value"}
        return {"feature": value, "length": field.type.list_size, "_type": "Sequence"}
    kind = {"double": "float64", "float": "float32"}.get(str(field.type), str(field.type))
    return {"dtype": kind, "_type": "Value"}
