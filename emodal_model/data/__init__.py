"""A dataset folder to arrays: the contract with it, hold-out, image augmentation, synthetic data."""
