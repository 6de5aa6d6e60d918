"""What a dataset folder promises the networks: classes, sizes and column names."""

LABELS = ("angry", "happy", "neutral", "sad")

IMAGE_SIZE = 128

FEATURES = 68

UNLABELLED = -1

#: The column of frames, in datasets that were built with audio.short_term.
FRAMES = "short_term_features"

NO_FRAMES = "the dataset has no short-term frames; build it with --set audio.short_term=true"
