"""Exports of a dataset: a Hugging Face folder, WebDataset tars, or TFRecord files.

There is one module for each format. All write the samples in the same order, and always the same bytes.
"""

from emodal_data.presentation.formats.export import FORMATS, export_dataset

__all__ = ["FORMATS", "export_dataset"]
