"""A trained network on disk: metadata, loading, prediction, export."""
