"""Cuts the same spans with NeMo Curator's transcoding stage and takes the middle frames, if that package is installed.

python benchmarks/peer_curator.py FILMS SPANS.csv OUT
whole_road.py runs it with the Python of an environment that has NeMo Curator (pip install --no-deps nemo-curator
cosmos-xenna ray loguru, and its other imports). Only the stage is called, in this process, without Ray; OpenH264 is its
encoder for machines without a GPU. It makes no sound features and no faces that run without a GPU.
"""

import uuid
from pathlib import Path

import cv2
import pandas as pd
from peer import arguments, folder_with_ffmpeg


def main() -> None:
    args = arguments(__doc__)
    from nemo_curator.stages.video.clipping.clip_extraction_stages import ClipTranscodingStage
    from nemo_curator.tasks.video import Clip, Video, VideoTask
    from nemo_curator.utils.decoder_utils import FrameExtractionPolicy, extract_frames

    with folder_with_ffmpeg():
        stage = ClipTranscodingStage(encoder="libopenh264")
        stage.setup()
        for film, spans in pd.read_csv(args.spans).groupby("film"):
            path = args.films / str(film)
            times = zip(spans["start"], spans["end"], strict=True)
            clips = [Clip(uuid.uuid4(), str(path), (float(a), float(b))) for a, b in times]
            video = Video(input_video=path, source_bytes=path.read_bytes(), clips=clips)
            video.metadata.pixel_format = "yuv420p"
            stage.process(VideoTask(dataset_name="films", data=video))
            for number, clip in enumerate(clips):
                (frame,) = extract_frames(clip.buffer, FrameExtractionPolicy.middle)
                name = args.out / f"{Path(str(film)).stem}_{number:05}.png"
                cv2.imwrite(str(name), cv2.cvtColor(frame, cv2.COLOR_RGB2BGR))


if __name__ == "__main__":
    main()
