"""Makes films with cheap clips: close-ups cut out of sample films, with tables that annotate them as densely as wanted.

Every frame is a keyframe, so that the cost of a clip does not depend on the number of clips.
"""

import subprocess
from pathlib import Path

import imageio_ffmpeg
import numpy as np
import pandas as pd
from samples import samples_in

from emodal_data.core.label_words import DEFAULT_CLASSES as LABELS

#: Seconds of each take, its middle in the middle; and of each clip.
TAKE_S, CLIP_S = 1.2, 0.6
#: Pixels of a film's side, and how much wider than the face's box it shows.
SIDE_PX, ROOM = 192, 2.2
#: Takes in a film at most, and the most that a head may be turned in one.
TAKES, MOST_YAW_DEG = 8, 25.0


def make_closeups(folder: Path, samples: Path, films: int) -> None:
    """Write folder/*.mp4 from sample films, one each. samples: as emodal sample-films writes it; made if absent."""
    truth = pd.read_csv(samples_in(samples, films, TAKES) / "truth.csv")
    seen = truth[(truth["kind"] == "good") & (truth["yaw_deg"].abs() <= MOST_YAW_DEG)]
    folder.mkdir(parents=True, exist_ok=True)
    for film, takes in list(seen.groupby("film"))[:films]:
        _cut(samples / "films" / str(film), takes.head(TAKES), folder / f"{Path(str(film)).stem}.mp4")


def write_dense_table(path: Path, folder: Path, clips: int) -> None:
    """Annotate the films of a folder with `clips` spans in all, spread evenly over all films."""
    films = sorted(folder.glob("*.mp4"))
    lengths_s = [imageio_ffmpeg.count_frames_and_secs(str(film))[1] for film in films]
    each = np.diff(np.linspace(0, clips, len(films) + 1).astype(int))
    starts_s = [np.linspace(0.05, s - CLIP_S - 0.05, n) for s, n in zip(lengths_s, each, strict=True)]
    start_s = np.concatenate(starts_s).round(6)
    table = {
        "film": np.repeat([film.name for film in films], each),
        "start": start_s,
        "end": (start_s + CLIP_S).round(6),
        "label": np.array(LABELS)[np.arange(clips) % len(LABELS)],
    }
    pd.DataFrame(table).to_csv(path, index=False)


def _cut(film: Path, takes: pd.DataFrame, out: Path) -> None:
    parts, names = [], ""
    for n, take in enumerate(takes.itertuples()):
        side = ROOM * max(take.x1 - take.x0, take.y1 - take.y0)
        left, top = (take.x0 + take.x1 - side) / 2, (take.y0 + take.y1 - side) / 2
        middle_s = (take.start + take.end) / 2
        span = f"start={middle_s - TAKE_S / 2}:end={middle_s + TAKE_S / 2}"
        parts += [
            f"[0:v]trim={span},setpts=PTS-STARTPTS,crop={side:.0f}:{side:.0f}:{left:.0f}:{top:.0f},"
            f"scale={SIDE_PX}:{SIDE_PX},setsar=1[v{n}]",
            f"[0:a]atrim={span},asetpts=PTS-STARTPTS[a{n}]",
        ]
        names += f"[v{n}][a{n}]"
    graph = ";".join([*parts, f"{names}concat=n={len(takes)}:v=1:a=1[v][a]"])
    command = [
        imageio_ffmpeg.get_ffmpeg_exe(),
        "-y",
        "-loglevel",
        "error",
        "-i",
        film,
        "-filter_complex",
        graph,
    ]
    command += ["-map", "[v]", "-map", "[a]", "-g", "1", "-threads", "1", out]
    subprocess.run([str(part) for part in command], check=True)
