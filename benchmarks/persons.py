"""Measures the numbers of persons: pairs of faces of one person that get one number, and pairs of two that do.

python benchmarks/persons.py ../shared/media
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
from emodal_data.media import open_film

#: The four men of bald_guys.jpg by the number of the face, largest first: grouped by the embeddings, checked by eye.
PHOTO = "bald_guys.jpg"
GROUPS = ({0, 9, 15, 18, 20, 21}, {1, 7, 10, 11, 17, 22}, {2, 6, 8, 12, 16, 19}, {3, 4, 5, 13, 14, 23})
TIMES_S = np.linspace(0.2, 2.8, 5)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("media", type=Path)
    media = parser.parse_args().media
    backend, embed = create_backend("embedded"), create_embedder("dlib")
    rows: list[dict[str, object]] = []
    vectors: list[npt.NDArray[np.float32]] = []
    cpu_s = 0.0

    def add(rgb: npt.NDArray[np.uint8], landmarks: npt.NDArray[np.float64], person: str, film: str) -> None:
        nonlocal cpu_s
        began = time.process_time()
        vectors.append(embed(rgb, landmarks))
        cpu_s += time.process_time() - began
        rows.append({"person": person, "film": film, "start_s": float(len(rows))})

    for path in [*sorted((media / "grid").glob("*.mpg")), *sorted((media / "ravdess/video").glob("*.mp4"))]:
        with open_film(path, root=path.parent, config=ClipsConfig()) as film:
            for t_s in TIMES_S:
                rgb = film.frame_at(t_s, max_side_px=1280).rgb
                person = path.name if path.parent.name == "grid" else path.stem[-2:]
                add(rgb, backend.faces(rgb)[0].landmarks68, person, path.name)
    photo = np.ascontiguousarray(cv2.imread(str(media / "faces68" / PHOTO))[:, :, ::-1], np.uint8)
    for number, face in enumerate(backend.faces(photo)):
        group = next(place for place, group in enumerate(GROUPS) if number in group)
        add(photo, face.landmarks68, f"man {group}", f"photo {number}")

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


if __name__ == "__main__":
    main()
