"""Measures `emodal propose`: CPU seconds to search a minute of film, and to check a candidate.

python benchmarks/propose.py
"""

import argparse
import subprocess
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

from emodal_data.clips.candidates import find_candidates
from emodal_data.clips.extract import extract_features
from emodal_data.clips.proposals import MIN_DOMINANCE, choose
from emodal_data.clips.read_settings import ReadSettings
from emodal_data.core.config import AudioConfig, ClipsConfig, FaceConfig
from emodal_data.core.span import Span
from emodal_data.media import probe
from emodal_data.media.mp4 import find_ffmpeg
from emodal_data.sample_films import make_sample_films


def repeated(folder: Path, times: int) -> Path:
    """A sample film repeated several times, its packets copied."""
    make_sample_films(folder, films=1, clips_per_film=8, seed=0)
    film = folder / "films" / "film_000.mp4"
    (folder / "list.txt").write_text(f"file '{film}'\n" * times)
    long = folder / "long.mp4"
    command = [find_ffmpeg(), "-loglevel", "error", "-f", "concat", "-safe", "0", "-i", folder / "list.txt"]
    subprocess.run([*command, "-c", "copy", long], check=True)
    return long


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--times", type=int, default=12, help="how often the sample film is repeated")
    parser.add_argument("--wanted", type=int, default=20, help="spans to choose")
    arguments = parser.parse_args()
    settings = ReadSettings(ClipsConfig(), FaceConfig(min_dominance=MIN_DOMINANCE), AudioConfig())
    with tempfile.TemporaryDirectory() as folder:
        film = repeated(Path(folder), arguments.times)
        info = probe(film)
        asked = 0

        def clear(spans: Sequence[Span]) -> list[bool]:
            nonlocal asked
            asked += len(spans)
            seen = extract_features(film, spans, settings)
            return [one.image is not None and one.audio_features is not None for one in seen]

        began = time.process_time()
        found = find_candidates(film, None, settings.clips)
        searched = time.process_time()
        chosen = choose(found, arguments.wanted, clear)
        judged = time.process_time()
    assert info.duration_s is not None
    print(f"film: {info.duration_s:.0f} s, {info.width}x{info.height}, {info.fps:g} frames/s")
    print(f"search: {(searched - began) / info.duration_s * 60:.1f} CPU s a minute, {len(found)} candidates")
    print(
        f"choice: {len(chosen)} of {arguments.wanted}, {asked} judged, {(judged - searched) / asked:.3f} CPU s each"
    )
    print("starts: " + ", ".join(f"{span.start_s:.0f}" for span in chosen))


if __name__ == "__main__":
    main()
