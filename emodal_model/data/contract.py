"""The contract with a dataset folder: sizes and column names. No other module repeats them."""

#: The classes of synthetic data; a dataset names its own (samples.read_classes).
LABELS = ("angry", "happy", "neutral", "sad")

#: Width and height of an image, in pixels.
IMAGE_SIZE = 128

#: Speech features of a clip, or of a short-term frame.
FEATURES = 68

#: The label of a sample without one, in arrays.
UNLABELLED = -1

#: The column of short-term frames, in datasets built with audio.short_term.
FRAMES = "short_term_features"

#: Why a network cannot be trained or evaluated, by the head it needs.
MISSING = {
    "audio": "no clip has sound",
    "image": "no clip has an image",
    "both": "no clip has both an image and sound",
}

#: The columns of the pictures that a network can take (model.input). Their lists of several frames, in datasets built
#: with face.frames, have this suffix; FRAME_TIMES are the times of these.
IMAGES = {"image": "image", "rgb": "image_rgb", "gray": "image_gray"}
FRAMES_SUFFIX, FRAME_TIMES = "_frames", "frame_times_s"

NO_FRAMES = "the dataset has no short-term frames; build it with --set audio.short_term=true"
