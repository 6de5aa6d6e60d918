"""Measures the numbers of persons: pairs of faces of one person that get one number, and pairs of two that do.

python benchmarks/persons.py [../shared/media] [--samples SAMPLES], where SAMPLES was made by `emodal sample-films`.
"""

import argparse
import time
from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt
import pandas as pd

from emodal_data.core.config import ClipsConfig
from emodal_data.dataset.persons import number_persons
from emodal_data.face import create_backend
from emodal_data.face.embedding import create_embedder
from emodal_data.face.tracks import overlap
from emodal_data.media import open_film
from emodal_data.sample_films.script import CAST

#: Centres of the faces of four men in bald_guys.jpg, pixels: grouped by the embeddings, checked by eye.
PHOTO = "bald_guys.jpg"
GROUPS = (
    ((1589, 278), (1161, 1397), (1875, 1400), (1510, 1408), (1879, 499), (1689, 755)),
    ((487, 943), (142, 787), (950, 192), (957, 492), (393, 534), (380, 107)),
    ((457, 1351), (850, 1337), (1151, 859), (852, 918), (122, 1067), (1192, 1151)),
    ((649, 529), (167, 1390), (639, 191), (132, 166), (132, 465), (378, 300)),
)
TIMES_S = np.linspace(0.2, 2.8, 5)


class Faces:
    """Embeddings of faces, with the person and the film of each."""

    def __init__(self) -> None:
        self.backend, self.embed = create_backend("embedded"), create_embedder("dlib")
        self.rows: list[dict[str, object]] = []
        self.vectors: list[npt.NDArray[np.float32]] = []
        self.cpu_s = 0.0

    def add(
        self, rgb: npt.NDArray[np.uint8], landmarks: npt.NDArray[np.float64], person: str, film: str
    ) -> None:
        began = time.process_time()
        self.vectors.append(self.embed(rgb, landmarks))
        self.cpu_s += time.process_time() - began
        self.rows.append({"person": person, "film": film, "start_s": float(len(self.rows))})


def photographed(media: Path) -> Faces:
    """Five moments of each talker, and the faces of a montage of photographs."""
    faces = Faces()
    for path in [*sorted((media / "grid").glob("*.mpg")), *sorted((media / "ravdess/video").glob("*.mp4"))]:
        with open_film(path, root=path.parent, config=ClipsConfig()) as film:
            for t_s in TIMES_S:
                rgb = film.frame_at(t_s, max_side_px=1280).rgb
                person = path.name if path.parent.name == "grid" else path.stem[-2:]
                faces.add(rgb, faces.backend.faces(rgb)[0].landmarks68, person, path.name)
    photo = np.ascontiguousarray(cv2.imread(str(media / "faces68" / PHOTO))[:, :, ::-1], np.uint8)
    for number, face in enumerate(faces.backend.faces(photo)):
        centre = np.array([face.box_xyxy[0] + face.box_xyxy[2], face.box_xyxy[1] + face.box_xyxy[3]]) / 2
        group = int(np.linalg.norm(np.array(GROUPS) - centre, axis=2).min(axis=1).argmin())
        faces.add(photo, face.landmarks68, f"man {group}", f"photo {number}")
    return faces


def acted(samples: Path) -> Faces:
    """The faces in the middle of the clips of sample films of seed 0; a person is the photograph of an actor."""
    faces = Faces()
    truth = pd.read_csv(samples / "truth.csv").dropna(subset=["x0"])
    for number, (name, clips) in enumerate(truth.groupby("film")):
        photographs = np.random.default_rng([0, number]).permutation(CAST)  # as films.py draws them
        path = samples / "films" / str(name)
        with open_film(path, root=path.parent, config=ClipsConfig()) as film:
            for clip in clips.itertuples():
                rgb = film.frame_at(clip.middle_pts_s, max_side_px=1280).rgb
                box = (clip.x0, clip.y0, clip.x1, clip.y1)
                found = [face for face in faces.backend.faces(rgb) if overlap(face.box_xyxy, box) > 0.3]
                if found:
                    photograph = photographs["abc".index(clip.speaker[-1])]
                    faces.add(rgb, found[0].landmarks68, f"photograph {photograph}", str(name))
    return faces


def report(faces: Faces) -> None:
    """Print a table of the pairs by distance."""
    rows, vectors, cpu_s = faces.rows, faces.vectors, faces.cpu_s
    clips = pd.DataFrame(rows, index=pd.Index([f"{n:03d}" for n in range(len(rows))], name="clip_id"))
    clips["embedding"] = [vector.tobytes() for vector in vectors]
    pairs = np.triu_indices(len(clips), 1)
    people = clips["person"].to_numpy(dtype=str)
    same = (people[:, None] == people)[pairs]
    apart = np.linalg.norm(np.array(vectors)[:, None] - np.array(vectors), axis=2)[pairs]
    print(f"{len(clips)} faces, {len(set(people))} people, {1000 * cpu_s / len(clips):.0f} CPU ms a face")
    print(f"largest distance of one person {apart[same].max():.3f}, smallest of two {apart[~same].min():.3f}")
    print("| face.person_distance | persons | precision of pairs | recall of pairs |\n|---|---|---|---|")
    for distance in (0.45, 0.5, 0.55, 0.6, 0.65):
        numbers = pd.Series(number_persons(clips, {}, distance)).reindex(clips.index).to_numpy()
        joined = (numbers[:, None] == numbers)[pairs]
        precision, recall = (same & joined).sum() / joined.sum(), (same & joined).sum() / same.sum()
        print(f"| {distance} | {len(set(numbers))} | {precision:.3f} | {recall:.3f} |")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("media", type=Path, nargs="?")
    parser.add_argument("--samples", type=Path)
    arguments = parser.parse_args()
    if arguments.media:
        report(photographed(arguments.media))
    if arguments.samples:
        report(acted(arguments.samples))


if __name__ == "__main__":
    main()
