"""The settings of the data rooms: one frozen pydantic model per section, documented where they are defined.

flows/config/models.py joins them with those of the model and the engine to the tree that `emodal build --config` reads.
"""

import ast
import functools
import importlib.metadata
import inspect
import itertools
import sys
import unicodedata
from collections.abc import Mapping
from typing import Annotated, Any, Final, Literal, Self

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    GetJsonSchemaHandler,
    field_validator,
    model_validator,
)
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema

from emodal_data.core.label_words import DEFAULT_CLASSES, DROP, PRESETS, UNLABELLED, folded
from emodal_data.core.text import did_you_mean

Fraction = Annotated[float, Field(ge=0.0, le=1.0)]
SplitName = Literal["train", "validation", "test"]
Resolve = Literal["majority", "dawid_skene"]
ViewName = Literal["rgb", "gray", "context"]

#: The group of entry points by which packages add face backends.
FACE_BACKENDS: Final = "emodal.face_backends"


class Section(BaseModel):
    """A section of the configuration: unknown keys are errors, values never change after reading."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    @classmethod
    def __get_pydantic_json_schema__(
        cls, core_schema: CoreSchema, handler: GetJsonSchemaHandler
    ) -> JsonSchemaValue:
        """The schema with the docstring of each setting.

        pydantic's use_attribute_docstrings parses the code of every section in every process: a sixth of a start.
        """
        schema = handler(core_schema)
        settings = handler.resolve_ref_schema(schema)["properties"]
        for name, text in _attribute_docstrings(cls).items():
            settings[name].setdefault("description", text)
        return schema


def _attribute_docstrings(section: type[Section]) -> dict[str, str]:
    """The docstring below each setting of a section, by name."""
    documented: dict[str, str] = {}
    for model in (base for base in reversed(section.__mro__) if issubclass(base, Section)):
        for field, text in itertools.pairwise(_class_bodies(model.__module__).get(model.__name__, [])):
            match field, text:
                case ast.AnnAssign(target=ast.Name(id=name)), ast.Expr(value=ast.Constant(value=str(words))):
                    documented[name] = inspect.cleandoc(words)
    return documented


@functools.cache
def _class_bodies(module: str) -> dict[str, list[ast.stmt]]:
    """The statements of each class of a module, by the name of the class; none if there is no source."""
    try:
        source = inspect.getsource(sys.modules[module])
    except OSError:
        return {}
    return {node.name: node.body for node in ast.parse(source).body if isinstance(node, ast.ClassDef)}


class LabelsConfig(Section):
    """The classes, and what the words of annotators mean; see docs/labels.md."""

    preset: str | None = None
    """Classes and codes of a well-known scheme: "poster", "ekman7", or a corpus such as "iemocap" (docs/labels.md has
    all). Classes that are set beside it replace its own."""
    classes: Annotated[tuple[str, ...], Field(max_length=64)] = DEFAULT_CLASSES
    """The classes in the order of their numbers in the dataset, 2 to 64; any words. [] for a dataset of targets alone:
    what the column label says then does not count, and no such column is needed."""
    map: dict[str, str] = {}
    """Further words of annotators, in any case, and the class that each means. "drop": a vote that counts for none
    of the classes; "unlabelled": no vote."""
    synonyms: bool = True
    """Take common words for a class, too: anger and mad for angry, joy for happy."""
    several: Literal["drop", "first", "each"] = "drop"
    """A cell with several labels: a vote for none of the classes, for the first of them, or for each of them."""
    resolve: Resolve = "majority"
    """The label of a clip with several votes: that of the majority, or the most probable one by the model of Dawid and
    Skene, in which the votes of reliable annotators weigh more."""
    targets: tuple[str, ...] = ()
    """Columns of numbers, such as ["valence", "arousal"], that are carried into the shards as float32. Without classes,
    a row needs a number for at least one of them."""

    @model_validator(mode="before")
    @classmethod
    def _classes_of_the_preset(cls, values: Any) -> Any:
        if isinstance(values, Mapping) and (name := values.get("preset")) is not None:
            if not isinstance(name, str) or name not in PRESETS:
                raise ValueError(f"preset is none of {', '.join(PRESETS)}")
            return {"classes": PRESETS[name].classes, **values}
        return values

    @field_validator("classes")
    @classmethod
    def _are_different_words(cls, classes: tuple[str, ...]) -> tuple[str, ...]:
        classes = tuple(unicodedata.normalize("NFC", name).strip() for name in classes)
        if len(classes) == 1:
            raise ValueError("one class is nothing to tell apart: give 2 to 64, or [] with labels.targets")
        for name in classes:
            if not name or not name.isprintable() or "|" in name or len(name) > 60:
                raise ValueError(f"{name!r} is no name of a class: 1 to 60 letters, and no |")
            if folded(name) in (DROP, UNLABELLED):
                raise ValueError(f"{name!r} cannot be a class: it has a meaning of its own in labels.map")
        if len(set(map(folded, classes))) < len(classes):
            raise ValueError("two classes differ in case alone")
        return classes

    @model_validator(mode="after")
    def _map_leads_to_classes(self) -> Self:
        if not self.classes and not self.targets:
            raise ValueError('without classes, targets must name columns of numbers, such as ["valence"]')
        if not self.classes and self.resolve != "majority":
            raise ValueError(
                "resolve chooses among classes, and there are none: the numbers of a clip are averaged"
            )
        known = {folded(name) for name in self.classes}
        if len({folded(word) for word in self.map}) < len(self.map):
            raise ValueError("map: two words differ in case alone")
        for word, meant in self.map.items():
            if folded(meant) not in (*known, DROP, UNLABELLED):
                hint = did_you_mean(folded(meant), [*known, DROP, UNLABELLED])
                raise ValueError(f"map: {word} = {meant!r} is no class ({', '.join(self.classes)}){hint}")
            if folded(word) in known and folded(word) != folded(meant):
                raise ValueError(f"map: {word!r} is a class itself, and cannot mean {meant!r}")
        return self


#: The labels of a build that does not set any.
DEFAULT_LABELS: Final = LabelsConfig()


class ClipsConfig(Section):
    """Reading clips from films."""

    modalities: Literal["both", "audio", "image", "any"] = "both"
    """What a clip needs: face and sound, the sound alone (no picture is read), the face alone (also of JPEG and PNG
    files), or any of the two; what is missing is null in the shards."""
    reel_size: Annotated[int, Field(ge=1, le=1024)] = 32
    """Clips of one film that are read, cached and retried together."""
    keep_unlabelled: bool = True
    """Keep spans without a label; they go to the unlabelled shards."""
    max_duration_s: Annotated[float, Field(gt=0)] = 12 * 3600
    """A film longer than this is refused."""
    max_pixels: Annotated[int, Field(gt=0)] = 8192 * 4608
    """A film whose frame has more pixels than this is refused."""
    max_streams: Annotated[int, Field(gt=0)] = 64
    """A file with more picture and sound streams than this is refused; fonts, subtitles and data do not count."""
    max_packets: Annotated[int, Field(gt=0)] = 200_000
    """Packets read for one clip before the file is given up."""
    max_clip_s: Annotated[float, Field(gt=0)] = 120.0
    """A span longer than this is refused."""
    timeout_s: Annotated[float, Field(gt=0)] = 60.0
    """Seconds one clip may take in the decoder."""
    memory_mb: Annotated[int, Field(ge=256)] = 4096
    """Address space a worker may add while it decodes."""
    audio_track: str = "default"
    """Sound track: "default", "first", a number from 0, or a language such as "eng"."""
    audio_mix: Literal["downmix", "dialogue"] = "downmix"
    """All channels of the track, or the centre alone, where films keep their voices. Spans whose centre is silent
    (a stereo track stored as 5.1) are mixed down all the same; of channels that cancel each other, the centre or the
    loudest is taken."""
    shot_cuts: Literal["ignore", "tell", "drop"] = "ignore"
    """Spans that cross a cut to another shot: note them in the ledger, or drop them too. Looking for cuts
    decodes every frame of the spans."""
    own_overlap: Literal["tell", "drop"] = "tell"
    """A span that overlaps an earlier one of the same speaker: note it in the ledger, or drop it too."""
    verify: Annotated[int, Field(ge=0)] = 0
    """Clips of each film whose frame and sound are compared with a whole decode from its start; on a difference, the
    whole film is dropped (frame_uncertain). Decoding a film up to its last verified clip costs about a minute for an
    hour of 720p."""
    export: Literal["none", "exact", "copy"] = "none"
    """Also write each span as an mp4: "exact" encodes it again, "copy" is quick and starts at a keyframe."""


class FaceConfig(Section):
    """Finding the face, the clear-face gate, and turning it to the front."""

    backend: str = "embedded"
    """Detector and landmarks: embedded (models in the installed packages), face_alignment (that package), or the name
    that an installed package gives a detector of its own by an entry point of the group emodal.face_backends."""
    detector: Literal["embedded", "sfd"] = "embedded"
    """Detector whose boxes the face_alignment backend takes: the embedded one, or its own SFD (slow)."""
    weights: str | None = None
    """Folder with the weights of the face_alignment backend; none: the package's own cache."""
    frontalization: Literal["rigid", "dense"] = "rigid"
    """Rigid fit of the 68 landmarks, or removal of the pose from a dense mesh (embedded backend only)."""
    choose: Literal["largest", "central", "speaking"] = "largest"
    """Which face of the frame: the largest, as the poster says, the most central, or the one that speaks."""
    track: bool = False
    """Follow all faces through the span and compare their mouths with the voice: columns speaking_score, on_screen and
    others. choose = "speaking" does so, too."""
    track_fps: Annotated[float, Field(ge=5, le=60)] = 25.0
    """Frames a second that faces are followed in, at most those of the film. Lips move faster than 8 a second shows."""
    persons: bool = False
    """Number the persons whose faces are seen: column person, for split.group_by = "person". Computes an embedding of
    each face, which is biometric data and stays in the clip store (docs/ethics.md). Needs the extra people."""
    embedder: str = "dlib"
    """What computes the embeddings: "dlib", or an entry point of the group emodal.face_embedders."""
    person_distance: Annotated[float, Field(gt=0)] = 0.55
    """Faces whose embeddings are nearer than this, on average, are one person."""
    min_speaking: Fraction = 0.0
    """Probability that the chosen face speaks (speaking_score); 0 is no limit. Needs track or choose = "speaking"."""
    frame_search_s: Annotated[float, Field(ge=0, le=10)] = 0.0
    """Look this far from the middle frame for a clear face; 0: the middle frame or nothing."""
    measures: bool = False
    """Columns for the expression: opening of mouth and eyes, height of lip corners and brows, without the pose."""
    frame: Literal["middle", "clearest", "most_expressive"] = "middle"
    """The frame of the clip: the middle one, the one with the clearest face of some spread over the span, or the one
    whose landmarks are farthest from their median in the span, which measures movement and judges nothing."""
    frames: Annotated[int, Field(ge=1, le=32)] = 1
    """With more than 1: also lists of so many frames, spread over the part of the span that is in the shot of its
    middle, of the same face (columns image_frames, frame_times_s and others). Frames without that face, or whose face
    does not pass the gates, are left out. The networks take the mean of their codes."""
    every_nth: Annotated[int, Field(ge=0)] = 0
    """Take every n-th frame of the film in place of frames spread evenly: those nearest to the middle, at most `frames`
    of them. 0: spread evenly."""
    views: tuple[ViewName, ...] = ()
    """Further pictures of the frame, a column each: "rgb" and "gray" are the face as it was filmed, turned upright and
    scaled but not turned to the front; "context" is the whole frame, its faces hidden as context_faces says."""
    view_size_px: Literal[112, 224, 256] = 224
    """Side of the views rgb and gray."""
    view_margin: Annotated[float, Field(ge=0, le=1)] = 0.1
    """What the views rgb and gray show beyond the common crop of face recognition (brows to chin), on each side, as a
    share of its side."""
    view_format: Literal["jpeg", "png"] = "jpeg"
    """Format of the views: JPEG is a quarter of the size, PNG has no loss."""
    context_side_px: Annotated[int, Field(ge=64, le=1280)] = 640
    """Longest side of the view context."""
    context_faces: Literal["others_blurred", "blurred", "boxed", "shown"] = "others_blurred"
    """Faces that are found in the view context: all blurred but that of the clip, all blurred, all covered with a gray
    box, or all shown. A face that the detector misses stays (docs/ethics.md)."""
    gate: Literal["drop", "score"] = "drop"
    """Drop faces that are not clear, or keep all and only record the measures."""
    min_score: Fraction = 0.6
    """Detector score."""
    min_landmark_score: Fraction = 0.5
    """Landmark score."""
    min_width_px: Annotated[float, Field(ge=0)] = 64.0
    """Width of the face box in the film's own pixels."""
    max_blur_px: Annotated[float, Field(ge=0)] = 1.1
    """Blur of the face's edges in pixels of its 128 px picture; light, contrast and noise hardly change it."""
    min_sharpness: Annotated[float, Field(ge=0)] = 0.0
    """Contrast-normalised variance of the Laplacian of the aligned face, which soft light lowers too; 0: no limit."""
    max_yaw_deg: Annotated[float, Field(ge=0, le=90)] = 45.0
    """Turn of the head to either side."""
    max_pitch_deg: Annotated[float, Field(ge=0, le=90)] = 30.0
    """Tilt of the head up or down."""
    max_outside_fraction: Fraction = 0.25
    """Share of the face box beyond the frame's border."""
    min_dominance: Fraction = 0.0
    """Share of the largest face in the area of the two largest; 0.5 is a tie, 0 is no limit."""
    min_view_score: Fraction = 0.5
    """Score of the frontal picture: low where a hand, hair or another head covers the face, or the view is torn."""

    @field_validator("backend")
    @classmethod
    def _backend_exists(cls, name: str) -> str:
        own = ["embedded", "face_alignment"]
        if name not in own:
            added = sorted(importlib.metadata.entry_points(group=FACE_BACKENDS).names)
            if name not in added:
                raise ValueError(f"no such backend; there are {', '.join([*own, *added])}")
        return name

    @model_validator(mode="after")
    def _dense_needs_the_mesh(self) -> Self:
        if self.frontalization == "dense" and self.backend != "embedded":
            raise ValueError('frontalization "dense" needs backend "embedded"')
        return self

    @field_validator("views")
    @classmethod
    def _views_are_different(cls, views: tuple[ViewName, ...]) -> tuple[ViewName, ...]:
        if len(set(views)) < len(views):
            raise ValueError("a view is named twice")
        return views

    @model_validator(mode="after")
    def _every_nth_needs_frames(self) -> Self:
        if self.every_nth and self.frames == 1:
            raise ValueError("every_nth needs frames > 1: how many of these frames are taken at most")
        return self

    @property
    def reads_series(self) -> bool:
        """Whether further frames than one are read."""
        return self.frames > 1 or self.frame != "middle"

    @property
    def tracks_faces(self) -> bool:
        """Whether faces are followed through the span."""
        return self.track or self.choose == "speaking"

    @model_validator(mode="after")
    def _speaking_needs_tracks(self) -> Self:
        if self.min_speaking and not self.tracks_faces:
            raise ValueError('min_speaking needs track = true or choose = "speaking"')
        return self


class AudioConfig(Section):
    """The 68 speech features and the sound they need."""

    window_s: Annotated[float, Field(ge=0.0125, le=0.4)] = 0.050
    """Short-term window: long enough for chroma, short enough for the shortest faster copy of a clip."""
    step_s: Annotated[float, Field(ge=0.001)] = 0.025
    """Short-term step."""
    statistics: Literal["mean_std", "delta_mean"] = "mean_std"
    """Mean and deviation of 34 features, or the mean of 34 features and 34 deltas."""
    short_term: bool = False
    """Also write the short-term features of every step, 34 and their deltas: what a recurrent network learns from."""
    egemaps: bool = False
    """Also write the 88 eGeMAPS features as a column of their own; needs the package opensmile."""
    backend: Literal["numpy", "pyaudioanalysis"] = "numpy"
    """Our vectorised features, or the package itself; equal to 1e-9."""
    min_s: Annotated[float, Field(gt=0)] = 0.3
    """Shorter clips are dropped."""
    max_missing_fraction: Fraction = 0.05
    """Share of the span without sound (before a late track, in a gap, where it is damaged) above which a clip is
    dropped."""
    min_rms: Fraction = 1e-4
    """Root mean square below which a clip is silent (full scale is 1)."""
    max_clipped_fraction: Fraction = 0.05
    """Share of samples at full scale above which a clip is dropped."""
    measures: bool = False
    """Also estimate how much of the sound is speech and music, and the level of the speech above the background:
    columns speech_share, snr_db and music_share."""
    min_speech_share: Fraction = 0.0
    """Share of speech below which a clip is dropped; 0 is no limit. Needs measures."""
    min_snr_db: float | None = None
    """Level of the speech above the background below which a clip is dropped, in dB. Needs measures."""
    max_music_share: Fraction | None = None
    """Share of music above which a clip is dropped. Needs measures."""

    @model_validator(mode="after")
    def _thresholds_need_measures(self) -> Self:
        asked = self.min_speech_share, self.min_snr_db is not None, self.max_music_share is not None
        if any(asked) and not self.measures:
            raise ValueError("min_speech_share, min_snr_db and max_music_share need measures = true")
        return self


#: The sound of a build that does not set anything about it.
DEFAULT_AUDIO: Final = AudioConfig()


class SplitConfig(Section):
    """The split into training, validation and test."""

    test_fraction: Fraction = 0.2
    """Share of the labelled clips in the test split; 0 and 1 make a dataset of one split."""
    validation_fraction: Fraction = 0.0
    """Share of the labelled clips in the validation split; 0: there is none, and training holds out some of its own."""
    group_by: str | tuple[str, ...] = "film"
    """What may never be in two splits: "film", "speaker", "clip", or a column of the annotations; "series" without such
    a column is the folder of the film. Of a list, clips that share any of its values are one group."""
    column: str | None = None
    """Column of the annotations with an official split, which is followed as it is: train, validation (or dev, val) or
    test in any case. test_fraction, validation_fraction and tolerance then have no effect."""
    map: dict[str, SplitName] = {}
    """Further words of that column and the split they mean, such as { "1" = "train", heldout = "test" }."""
    check_columns: tuple[str, ...] = ()
    """Further columns of the annotations whose values should be in one split only, beside speaker, series and person:
    the leakage check counts those that are in several."""
    fold_column: str | None = None
    """Column of the annotations with official folds, which are followed as they are (column fold)."""
    seed: int = 0
    """Chooses among equally good splits."""
    keep_sides: bool = True
    """Clips of the existing dataset stay in their split when films are added."""
    tolerance: Fraction = 0.1
    """How far the test share may be from test_fraction before the build stops."""
    folds: Annotated[int, Field(ge=2, le=100)] | None = None
    """Also divide the training split into this many folds, by the same groups (column fold)."""
    allow_imbalance: bool = False
    """Use the nearest possible split if groups make the wanted one impossible."""

    @property
    def groups(self) -> tuple[str, ...]:
        """The names in group_by."""
        return (self.group_by,) if isinstance(self.group_by, str) else self.group_by

    @model_validator(mode="after")
    def _is_possible(self) -> Self:
        if self.test_fraction + self.validation_fraction > 1:
            raise ValueError("test_fraction and validation_fraction together are more than 1")
        if not self.groups or "" in self.groups:
            raise ValueError('group_by needs a name, such as "film"')
        if self.folds and self.fold_column:
            raise ValueError(
                "folds divides the training split anew, fold_column follows a column: give one of them"
            )
        return self


class AugmentConfig(Section):
    """Augmentation of training clips. Test and unlabelled clips are never augmented."""

    per_clip: Annotated[int, Field(ge=0, le=100)] = 2
    """Augmented samples of each training clip, unless target_size is set."""
    target_size: Annotated[int, Field(gt=0)] | None = None
    """Labelled samples after augmentation, originals and test split included (the poster: 11606); unlabelled clips come
    on top."""
    balance: bool = False
    """Augment the rarest classes first, with the same number in all; else augment all clips alike."""
    seed: int = 0
    """Seeds the random numbers, together with the clip's id."""


class ShardsConfig(Section):
    """The Parquet files of the dataset."""

    rows: Annotated[int, Field(ge=1)] = 2048
    """Most samples in one shard. On average it has half as many, so that an added film changes few shards."""
    row_group_rows: Annotated[int, Field(ge=1)] = 256
    """Samples in one row group."""
    soft_labels: bool = False
    """Also write the column label_votes: the share of the votes for each class, beside the label that won."""
    audio: bool = False
    """Also write the column audio: the sound that the features were computed from, as FLAC, 16 kHz mono."""
    columns: tuple[str, ...] = ()
    """Further columns of the annotations that are carried into the shards, such as ["text", "dialogue"]."""


class ReportConfig(Section):
    """The report page. It shows parts of the films: mind their rights before passing it on."""

    frames: bool = True
    """Show the frame that a face was taken from."""
    sound: bool = True
    """Play the sound of a clip."""
    leak_price: bool = False
    """Run the leakage audit on the training split, and put its result into manifest and card."""


class CardConfig(Section):
    """What only you can say about the dataset; its card passes it on."""

    film_licence: str | None = None
    """The right under which the films were used, and what others may do with the dataset."""
    contact: str | None = None
    """Contact for people who appear in the films, or who find a fault."""


class TableFile(Section):
    """One file, or several, of a folder of annotation tables. What is not set is as in the section table."""

    model_config = ConfigDict(coerce_numbers_to_str=True)

    path: str
    """File within the folder, or a pattern such as "train/*.csv"."""
    columns: dict[str, str] = {}
    """As table.columns, which it adds to."""
    film: str | None = None
    """As columns.film."""
    split: str | None = None
    """Split of all rows of the file: the same as columns.split = "=train"."""
    extract: dict[str, str] = {}
    """As table.extract, which it adds to."""
    votes: dict[str, str] = {}
    """As table.votes, which it adds to."""
    sheet: str | int | None = None
    """As table.sheet."""
    header: bool | None = None
    """As table.header."""
    delimiter: str | None = None
    """As table.delimiter."""
    encoding: str | None = None
    """As table.encoding."""
    skip: Annotated[int, Field(ge=0)] | None = None
    """As table.skip."""

    @field_validator("path")
    @classmethod
    def _stays_in_the_folder(cls, path: str) -> str:
        if path.startswith("/") or ".." in path.split("/"):
            raise ValueError(f"{path} leads out of the folder of the annotations: name a file within it")
        return path


class TableConfig(Section):
    """Reading annotation tables that have other names and formats, and folders of clips without a table."""

    model_config = ConfigDict(coerce_numbers_to_str=True)  # --set table.columns.film=1 names the column "1"

    columns: dict[str, str] = {}
    """Where each column comes from: film = "Filename" (a column), film = "dia{Dialogue_ID}_utt{Utterance_ID:02d}.mp4"
    (a template of columns), label = "=angry" (the same for all rows; "=" is empty)."""
    extract: dict[str, str] = {}
    """Further columns from the text of a column, by a regular expression with named groups:
    fileName = "(?P<speaker>\\d+)_"."""
    votes: dict[str, str] = {}
    """Columns with numbers of votes for a label, in place of a column label: angry = "n_angry". Each vote is a row."""
    files: tuple[TableFile, ...] = ()
    """Files of a folder of annotations, each with a mapping of its own; no other file is read then."""
    sheet: str | int | None = None
    """Sheet of a workbook, by name or by number from 1; none: the first."""
    header: bool = True
    """Whether the first row has the names of the columns; without it, they are "1", "2", ..."""
    delimiter: str = ""
    """Separator of the cells of a text file; "whitespace" is any number of blanks; "": by suffix and header."""
    quotes: Literal["auto", "always", "never"] = "auto"
    """Whether quotation marks around a cell of a text file belong to the format; auto: except where they would hide
    rows."""
    encoding: str = ""
    """Encoding of a text file, such as latin-1; "": UTF-8, or UTF-16 with a byte order mark."""
    skip: Annotated[int, Field(ge=0)] = 0
    """Lines before the header of a text file or sheet that are no rows: titles and comments."""
    pattern: str = ""
    """Without a table, annotations is a folder of clips: columns from their paths, "{split}/{label}/{name}.avi"."""
    regex: str = ""
    """As pattern, as a regular expression with named groups that matches the whole path."""
    unit: Literal["s", "ms", "frames", "days"] = "s"
    """What a plain number in start, end and duration counts."""
    frame_rate: Annotated[float, Field(gt=0)] | str | None = None
    """Frames a second of frame numbers and of HH:MM:SS:FF, such as 25 or "30000/1001"."""
    clamp_s: Annotated[float, Field(ge=0)] = 0.5
    """Starts at most this long before the film are taken as its beginning, and reported."""

    @model_validator(mode="after")
    def _makes_sense(self) -> Self:
        if self.pattern and self.regex:
            raise ValueError("set pattern or regex, not both")
        if self.unit == "frames" and self.frame_rate is None:
            raise ValueError('unit "frames" needs frame_rate')
        return self

    @property
    def reads_names(self) -> bool:
        """Whether the rows come from the names of clips, and not from a table."""
        return bool(self.pattern or self.regex)


#: Tables with the columns that docs/annotations.md names.
AS_DOCUMENTED: Final = TableConfig()


class DatasetConfig(Section):
    """The sections that decide what a dataset holds: what its manifest records."""

    table: TableConfig = AS_DOCUMENTED
    labels: LabelsConfig = DEFAULT_LABELS
    clips: ClipsConfig = ClipsConfig()
    face: FaceConfig = FaceConfig()
    audio: AudioConfig = AudioConfig()
    split: SplitConfig = SplitConfig()
    augment: AugmentConfig = AugmentConfig()
    shards: ShardsConfig = ShardsConfig()
    report: ReportConfig = ReportConfig()
    card: CardConfig = CardConfig()

    @model_validator(mode="after")
    def _without_classes(self) -> Self:
        if not self.labels.classes:
            asked = {
                "shards.soft_labels": self.shards.soft_labels,
                "augment.balance": self.augment.balance,
                "table.votes": bool(self.table.votes or any(file.votes for file in self.table.files)),
            }
            if wrong := [name for name, is_set in asked.items() if is_set]:
                raise ValueError(f"{wrong[0]} needs classes, and labels.classes is empty: leave it out")
        return self
