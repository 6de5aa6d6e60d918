"""Where work runs: local processes or Dask, tasks, trainings."""
