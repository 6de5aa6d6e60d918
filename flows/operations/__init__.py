"""What a command does, without Prefect: plan, build, train, predict, propose, forget."""
