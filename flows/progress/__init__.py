"""What a run reports: to the terminal, to Prefect's pages, as an event, as text."""
