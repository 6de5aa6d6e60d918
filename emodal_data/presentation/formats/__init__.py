"""A published dataset for other readers: a Hugging Face folder, WebDataset tars, or TFRecord files.

One file a format; each writes the same samples in the same order, and the same bytes every time.
"""

from emodal_data.presentation.formats.export import FORMATS, export_dataset

__all__ = ["FORMATS", "export_dataset"]
