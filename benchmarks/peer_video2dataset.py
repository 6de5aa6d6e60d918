"""Processes the same spans with video2dataset's clipping, frame and audio steps, if that package is installed.

python benchmarks/peer_video2dataset.py FILMS SPANS.csv OUT
whole_road.py runs it with the Python of an environment that has video2dataset (pip install --no-deps video2dataset
ffmpeg-python future pandas imageio-ffmpeg). Only its subsamplers are imported, without its downloader and torch.
"""

import importlib.util
import sys
import types
from pathlib import Path

import pandas as pd
from peer import arguments, folder_with_ffmpeg


def subsamplers() -> tuple[type, type]:
    """ClippingSubsampler and FrameSubsampler, without the other imports of their package."""
    spec = importlib.util.find_spec("video2dataset")
    assert spec and spec.submodule_search_locations
    folder = Path(spec.submodule_search_locations[0])
    for name, path in (("video2dataset", folder), ("video2dataset.subsamplers", folder / "subsamplers")):
        package = types.ModuleType(name)
        package.__path__ = [str(path)]
        sys.modules[name] = package
    from video2dataset.subsamplers.clipping_subsampler import ClippingSubsampler
    from video2dataset.subsamplers.frame_subsampler import FrameSubsampler

    return ClippingSubsampler, FrameSubsampler


def main() -> None:
    args = arguments(__doc__)
    clipping, frames = subsamplers()
    with folder_with_ffmpeg():
        for film, spans in pd.read_csv(args.spans).groupby("film"):
            times = [[float(a), float(b)] for a, b in zip(spans["start"], spans["end"], strict=True)]
            cut = clipping(5, {"video": "mp4"}, min_length=0.0, max_length=999999.0, precision="exact")
            streams = {"video": [(args.films / str(film)).read_bytes()]}
            clips, found, error = cut(streams, {"key": Path(str(film)).stem, "clips": times})
            assert error is None, error
            middle = frames(frame_rate=1, downsample_method="yt_subtitle")
            for clip, meta in zip(clips["video"], found, strict=True):
                (start, end) = meta["clips"][0]
                at = {"subtitles": [{"start": (end - start) / 2, "lines": []}]}
                taken, _, error = middle({"video": [clip]}, [meta | {"yt_meta_dict": at}])
                assert error is None, error
                (args.out / f"{meta['key']}.jpg").write_bytes(taken["jpg"][0])


if __name__ == "__main__":
    main()
