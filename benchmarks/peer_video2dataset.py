"""The same spans through video2dataset's own clipping, frame and audio steps, where that package is installed.

python benchmarks/peer_video2dataset.py FILMS SPANS.csv OUT
Run by whole_road.py with the Python of an environment that holds video2dataset (pip install --no-deps video2dataset
ffmpeg-python future pandas imageio-ffmpeg). Only its subsamplers are imported, without its downloader and torch.
"""

import argparse
import importlib.util
import os
import sys
import tempfile
import types
from pathlib import Path

import imageio_ffmpeg
import pandas as pd


def subsamplers() -> tuple[type, type]:
    """ClippingSubsampler and FrameSubsampler without what their package imports besides."""
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
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("films", type=Path)
    parser.add_argument("spans", type=Path)
    parser.add_argument("out", type=Path)
    args = parser.parse_args()
    args.out.mkdir(parents=True, exist_ok=True)
    clipping, frames = subsamplers()
    with tempfile.TemporaryDirectory() as tools:
        Path(tools, "ffmpeg").symlink_to(imageio_ffmpeg.get_ffmpeg_exe())
        os.environ["PATH"] = f"{tools}:{os.environ['PATH']}"
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
