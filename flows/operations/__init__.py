"""What a command does without a Prefect flow: plan, unchanged builds, predict, propose, forget."""
