"""What each command does with its arguments; flows/cli.py joins them into `emodal`.

Heavy rooms are imported inside the functions, so that `emodal --help` is quick.
"""
