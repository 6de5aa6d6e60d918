"""Prefect flows, the command line, and the engines that run the work."""
