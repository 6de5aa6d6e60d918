"""What a Prefect server needs: deployments, a local server, short deployment names."""
