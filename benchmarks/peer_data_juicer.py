"""Cuts the same spans with Data-Juicer's video readers and takes the middle frames, if that package is installed.

python benchmarks/peer_data_juicer.py FILMS SPANS.csv OUT
whole_road.py runs it with the Python of an environment that has Data-Juicer (pip install py-data-juicer aiohttp
av==13.1.0 opencv-contrib-python imageio-ffmpeg). Its operators cut films into parts of one length, so the reader is
called that video_split_by_duration_mapper calls for each part; video_extract_frames_mapper takes the middle of the
cut. Sound can only be extracted as MP3, which is not run. Faces are blurred or counted, not turned to the front.
"""

from pathlib import Path

import pandas as pd
from peer import arguments, folder_with_ffmpeg


def main() -> None:
    args = arguments(__doc__)
    with folder_with_ffmpeg() as folder:
        from data_juicer.ops.mapper.video_extract_frames_mapper import VideoExtractFramesMapper
        from data_juicer.utils.video_utils import AVReader

        take = VideoExtractFramesMapper("uniform", "bytes", frame_num=1)
        for film, spans in pd.read_csv(args.spans).groupby("film"):
            with AVReader(str(args.films / str(film))) as reader:
                for number, span in enumerate(spans.itertuples()):
                    cut = folder / "cut.mp4"
                    assert reader.extract_clip(span.start, span.end, str(cut))
                    with AVReader(str(cut)) as clip:
                        (frame,) = take.extract_frames(clip)
                    frame.save(args.out / f"{Path(str(film)).stem}_{number:05}.png")


if __name__ == "__main__":
    main()
