"""Reads the sound of the same spans with lhotse, 16 kHz mono, if that package is installed.

python benchmarks/peer_lhotse.py FILMS SPANS.csv OUT
whole_road.py runs it with the Python of an environment that has lhotse (pip install --no-deps lhotse lilcom cytoolz
toolz intervaltree sortedcontainers tabulate audioread soundfile, and torch). It reads films by audioread and by
the command ffmpeg. A film's sound is kept as WAV first, because audioread decodes a film from its start for each span.
"""

import numpy as np
import pandas as pd
from peer import arguments, folder_with_ffmpeg
from scipy.io import wavfile


def main() -> None:
    args = arguments(__doc__)
    with folder_with_ffmpeg() as folder:
        from lhotse import MultiCut, Recording

        for film, spans in pd.read_csv(args.spans).groupby("film", sort=False):
            whole = Recording.from_file(args.films / str(film))
            channels = list(range(whole.num_channels))
            kept = MultiCut(id="film", start=0, duration=whole.duration, channel=channels, recording=whole)
            recording = kept.save_audio(folder / "film.wav").recording.resample(16000)
            for row, span in spans.iterrows():
                place = {"start": float(span["start"]), "duration": float(span["end"] - span["start"])}
                cut = MultiCut(id=str(row), channel=channels, recording=recording, **place)
                mono = np.clip(cut.load_audio().mean(axis=0), -1, 1)
                wavfile.write(args.out / f"{row:05}.wav", 16000, np.int16(np.rint(32767 * mono)))


if __name__ == "__main__":
    main()
