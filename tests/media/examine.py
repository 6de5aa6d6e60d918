"""Reads a frame and a second of sound of each film of a list, and prints the outcome as a line of JSON a film.

Runs as a process of its own: what crashes it, or hangs, is the first file without a line.
"""

import json
import os
import sys
import time
from collections.abc import Callable
from pathlib import Path

from emodal_data.core.config import ClipsConfig
from emodal_data.core.errors import Dropped
from emodal_data.media import open_film

CONFIG = ClipsConfig(timeout_s=10.0, max_packets=20_000)


def outcome(ask: Callable[[], object]) -> str:
    try:
        ask()
    except Dropped as dropped:
        assert "\n" not in dropped.detail
        return str(dropped.reason)
    except Exception as error:  # what must not happen, by name
        return f"{type(error).__name__}: {error}"
    return "ok"


def examine(path: Path, root: Path) -> dict[str, object]:
    begin_s = time.process_time()
    films = []
    opened = outcome(lambda: films.append(open_film(path, root=root, config=CONFIG)))
    found: dict[str, object] = {"frame": opened, "sound": opened}
    for film in films:
        found["frame"] = outcome(lambda film=film: film.frame_at(1.01, max_side_px=320))
        found["sound"] = outcome(lambda film=film: film.audio_span(0.5, 1.5))
        outcome(lambda film=film: film.frame_at(0.2))
        outcome(lambda film=film: film.audio_span(2.0, 3.9))
        film.close()
    return found | {"cpu_s": round(time.process_time() - begin_s, 3)}


if __name__ == "__main__":
    folder = Path(sys.argv[1])
    for line in sys.stdin:
        print(json.dumps(examine(Path(os.fsdecode(bytes.fromhex(line.strip()))), folder)), flush=True)
