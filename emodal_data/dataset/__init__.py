"""Clips that passed to a published dataset: split, augmentation, shards, ledger, manifest; read back and compared."""
