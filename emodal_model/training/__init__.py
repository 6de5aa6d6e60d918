"""Training: stages, loop, ensemble, repeats, sweep, MLflow tracking."""
