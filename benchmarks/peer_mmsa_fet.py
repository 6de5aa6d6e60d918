"""Processes the same spans with MMSA-FET, if that package is installed: the face of every frame, and the sound.

python benchmarks/peer_mmsa_fet.py FILMS SPANS.csv OUT
whole_road.py runs it with the Python of an environment that has MMSA-FET (pip install mmsa-fet "mediapipe<0.10.22"
"scenedetect<0.6.5" "numpy<2" imageio-ffmpeg). MMSA-FET does not cut films, so ffmpeg cuts first. Sound features come
from librosa, faces from MediaPipe's mesh, whose weights are in the package (OpenFace's are not). The extractors are
called one by one: in 0.4.1 run_single passes MediaPipe an unknown argument, and run_dataset needs BERT's weights.
"""

import subprocess

import numpy as np
import pandas as pd
from peer import arguments, folder_with_ffmpeg


def main() -> None:
    args = arguments(__doc__)
    from MSA_FET import FeatureExtractionTool, ffmpeg_extract, get_default_config

    config = get_default_config("librosa") | get_default_config("mediapipe")
    with folder_with_ffmpeg() as folder:
        tool = FeatureExtractionTool(config, tmp_dir=folder / "tmp", log_dir=folder / "log", verbose=0)
        tool._init_extractors()
        for row, span in pd.read_csv(args.spans).iterrows():
            clip, sound, frames = folder / "clip.mp4", folder / "clip.wav", folder / f"frames{row}"
            time = ["-ss", str(span["start"]), "-t", str(span["end"] - span["start"])]
            command = ["ffmpeg", "-y", "-v", "error", *time, "-i", str(args.films / span["film"]), str(clip)]
            subprocess.run(command, check=True, stdin=subprocess.DEVNULL)
            frames.mkdir()
            ffmpeg_extract(clip, frames, mode="image", fps=config["video"]["fps"])
            ffmpeg_extract(clip, sound, mode="audio")
            made = {
                "vision": tool.video_extractor.extract(frames),
                "audio": tool.audio_extractor.extract(sound),
            }
            np.savez(args.out / f"{row:05}.npz", **made)


if __name__ == "__main__":
    main()
