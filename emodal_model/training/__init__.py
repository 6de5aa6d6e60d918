"""Training: stages, loop, ensembles, repeats, sweeps, MLflow."""
