"""Prefect flows, the command line, and the engines the work runs on."""
