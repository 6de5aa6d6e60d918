"""Prefect flows, the command line, and the engines the work runs on."""

import os

# Arrow's own allocator keeps what tables have freed (see memory.py); it is chosen when Arrow is loaded.
os.environ.setdefault("ARROW_DEFAULT_MEMORY_POOL", "system")
