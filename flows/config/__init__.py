"""The configuration tree: its models, how TOML and --set become it, its reference page and starter file."""
