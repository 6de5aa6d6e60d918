"""From a dataset folder to arrays: its contract, validation split, image augmentation, synthetic data."""
