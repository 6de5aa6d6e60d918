"""Measures faces: CPU time a frame, detection by size, quality of the frontal view, and effect of the gates.

python benchmarks/face.py [FOLDER OF PHOTOS] [--out docs/benchmarks]
"""

import argparse
import csv
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

import cv2
import numpy as np
from skimage import data
from skimage.metrics import structural_similarity

sys.path.insert(0, str(Path(__file__).parents[1]))
sys.path.insert(0, str(Path(__file__).parent))

from face_sheet import film_picture
from sheet import finish, machine
from threadpoolctl import threadpool_limits

from emodal_data.clips.gates import face_gate
from emodal_data.clips.span_reading import read_face
from emodal_data.clips.speaker_reading import middle_shot
from emodal_data.core.config import FaceConfig
from emodal_data.core.errors import Dropped
from emodal_data.core.span import Span
from emodal_data.face import (
    LANDMARKS68,
    Detection,
    FaceBackend,
    Frontal,
    create_backend,
    find_face,
    fit_pose,
    frontalize,
)
from emodal_data.face.blur import blur_px
from emodal_data.face.frontal import _fill_from_other_side, _seen
from emodal_data.face.measures import sharpness
from emodal_data.face.pose import fit_head
from emodal_data.face.surface import canonical_surface
from emodal_data.face.types import as_rgb
from emodal_data.face.views import make_views
from emodal_data.media import open_film
from emodal_data.media.encoders import encode_image
from emodal_data.sample_films import make_sample_films
from emodal_data.sample_films.actors import draw_actor
from emodal_data.sample_films.script import EMOTIONS as LABELS
from tests.face.rendered import Actor, rotation

CONFIG = FaceConfig()
SURFACE = canonical_surface()
CORE = SURFACE.inside & (np.abs(SURFACE.x_cm) < 5.5) & (SURFACE.y_cm > -8)
NEGATIVES = (
    "brick", "cell", "chelsea", "coffee", "coins", "grass", "gravel", "hubble_deep_field",
    "moon", "page", "retina", "rocket", "text",
)  # fmt: skip


def cpu_ms(call: Callable[[], object], repeats: int = 40) -> float:
    """Median CPU milliseconds of a call, of this process only."""
    call()
    times = []
    for _ in range(repeats):
        start = time.process_time()
        call()
        times.append(time.process_time() - start)
    return 1000 * statistics.median(times)


def frame_with(photo: np.ndarray, face_width: float, height: int = 720, width: int = 1280) -> np.ndarray:
    """The astronaut with a face box of the given width in front of a blurred picture; at most as large as the frame."""
    scale = min(face_width / 104, height / 512)
    person = cv2.resize(photo, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
    frame = cv2.GaussianBlur(cv2.resize(data.coffee(), (width, height)), (0, 0), 3)
    top, left = (height - person.shape[0]) // 2, 2 * (width - person.shape[1]) // 3
    frame[top : top + person.shape[0], left : left + person.shape[1]] = person
    return frame


def speed(backend: FaceBackend, photo: np.ndarray) -> Iterator[str]:
    yield "| step, 1280x720 frame | CPU ms |\n|---|---|"
    frame = frame_with(photo, 146)
    (detection,) = backend.detect(frame)
    face = backend.landmarks(frame, detection)
    yield f"| detect, one large face | {cpu_ms(lambda: backend.detect(frame)):.1f} |"
    yield f"| landmarks, two looks | {cpu_ms(lambda: backend.landmarks(frame, detection)):.1f} |"
    yield f"| pose from 68 landmarks | {cpu_ms(lambda: fit_pose(face.landmarks68)):.2f} |"
    yield f"| frontalize from 68, pose included | {cpu_ms(lambda: frontalize(frame, face.landmarks68)):.2f} |"
    yield f"| frontalize from 468, pose included | {cpu_ms(lambda: frontalize(frame, face.landmarks468)):.2f} |"
    yield f"| find_face: all of it | {cpu_ms(lambda: find_face(frame, backend, CONFIG)):.1f} |"
    small = frame_with(photo, 48)
    yield f"| detect, one face of 48 px: the closer look too | {cpu_ms(lambda: backend.detect(small), 10):.1f} |"
    empty = cv2.resize(data.coffee(), (1280, 720))
    yield f"| detect, no face: every look | {cpu_ms(lambda: backend.detect(empty), 10):.1f} |"


def sizes(backend: FaceBackend, people: list[tuple[np.ndarray, Detection]]) -> Iterator[str]:
    yield "| face width in a 720p frame, px | found | score, median | landmark score, least |\n|---|---|---|---|"
    for width in (24, 32, 48, 64, 96, 160):
        scores, marks, found = [], [], 0
        for photo, detection in people:
            x0, y0, x1, y1 = detection.box_xyxy
            middle, side = np.array([x0 + x1, y0 + y1]) / 2, 2.2 * (x1 - x0)
            scale = width / (x1 - x0)
            frame = cv2.GaussianBlur(cv2.resize(data.coffee(), (1280, 720)), (0, 0), 3)
            size = round(side * scale)
            to_photo = np.column_stack([np.eye(2) / scale, middle - side / 2])
            shrunk = cv2.GaussianBlur(photo, (0, 0), max(0.4 / scale, 0.3))
            crop = cv2.warpAffine(
                shrunk, to_photo, (size, size), flags=cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
            )
            frame[200 : 200 + size, 700 : 700 + size] = crop[: 720 - 200]
            faces = [
                f
                for f in backend.faces(frame)
                if abs((f.box_xyxy[0] + f.box_xyxy[2]) / 2 - 700 - size / 2) < width / 3
            ]
            found += bool(faces)
            scores += [faces[0].score] if faces else []
            marks += [faces[0].landmark_score] if faces else []
        told = f"{np.median(scores):.2f} | {min(marks):.2f}" if found else "- | -"
        yield f"| {width} | {found} of {len(people)} | {told} |"


def frontal_quality(backend: FaceBackend, actors: list[Actor]) -> Iterator[str]:
    yield (
        "| landmarks | yaw | pose error, deg | yaw seen afterwards, deg | SSIM, face | SSIM, core | mouth | brow"
        " | eye | mirrored |\n|---|---|---|---|---|---|---|---|---|---|"
    )
    for source in ("exact", "found"):

        def front(drawn, source=source) -> Frontal | None:
            if source == "exact":
                return frontalize(drawn.rgb, drawn.landmarks468[LANDMARKS68])
            faces = backend.faces(drawn.rgb)
            return frontalize(drawn.rgb, faces[0].landmarks68) if faces else None

        for yaw in (15, 30, 45, 60):
            rows = []
            for actor in actors:
                straight = front(actor.draw())
                if straight is None:
                    continue
                points = seen_landmarks(backend, straight.image)
                before, straight_yaw = openings(points), fit_pose(points).yaw_deg
                for side in (-1, 1):
                    turned = front(actor.draw(side * yaw))
                    if turned is None:
                        continue
                    points = seen_landmarks(backend, turned.image)
                    alike = structural_similarity(straight.image, turned.image, data_range=255, full=True)[1]
                    rows.append((
                        abs(turned.yaw_deg - side * yaw),
                        abs(fit_pose(points).yaw_deg - straight_yaw),
                        alike[SURFACE.inside].mean(),
                        alike[CORE].mean(),
                        *(openings(points) / before),
                        turned.mirrored_fraction,
                    ))  # fmt: skip
            values = " | ".join(f"{value:.2f}" for value in np.median(rows, axis=0))
            yield f"| {source} | {yaw} | {values} |"


def yaws(backend: FaceBackend, drawers: list[Callable[[float], np.ndarray]]) -> Iterator[str]:
    """drawers: for each person, a function that gives an RGB picture at a yaw in degrees."""
    yield "| true yaw | faces found | fit: error, deg | yaw on record: error, deg | yaw passes 45 | passes the gate |"
    yield "|---|---|---|---|---|---|"
    for yaw in (0, 15, 30, 40, 45, 50, 60, 70):
        rows = []
        for draw in drawers:
            for side in (-1, 1) if yaw else (1,):
                rgb = draw(side * yaw)
                with suppress(Dropped):
                    measures = find_face(rgb, backend, CONFIG).measures
                    fitted_deg = fit_pose(backend.faces(rgb)[0].landmarks68).yaw_deg
                    clear = face_gate(measures, CONFIG) is None
                    rows.append((fitted_deg * side, measures.yaw_deg * side, clear))
        fitted, measured, clear = np.array(rows).T
        yield (
            f"| {yaw} | {len(rows)} of {len(drawers) * (2 if yaw else 1)} | {np.median(np.abs(fitted - yaw)):.1f} |"
            f" {np.median(np.abs(measured - yaw)):.1f} | {np.mean(np.abs(measured) <= 45):.0%} |"
            f" {np.mean(clear):.0%} |"
        )


def limit_of_mirroring(backend: FaceBackend, actors: list[Actor]) -> Iterator[str]:
    """The loss of any frontal view: the true one with its hidden part mirrored, and the true one moved by a pixel."""
    yield "| the true front view, against itself | yaw seen afterwards, deg | SSIM, core |\n|---|---|---|"
    cases: dict[str, list[tuple[float, float]]] = {}
    for actor in actors:
        drawn = actor.draw()
        image = frontalize(drawn.rgb, drawn.landmarks468[LANDMARKS68]).image
        depth_cm = SURFACE.with_depth_of(fit_head(drawn.landmarks468[LANDMARKS68]).points_cm)
        changed = [("shifted by one pixel", np.roll(image, 1, axis=1))]
        for yaw in (30, -30):
            seen = _seen(depth_cm, rotation(yaw, 0, 0)[2])
            filled, _ = _fill_from_other_side(image.astype(np.float32), seen)
            changed.append(("what 30 degrees hide taken from the other side", np.rint(filled).clip(0, 255)))
        for name, other in changed:
            left_deg = abs(seen_yaw_deg(backend, other.astype(np.uint8)) - seen_yaw_deg(backend, image))
            alike = structural_similarity(image, other.astype(np.uint8), data_range=255, full=True)[1]
            cases.setdefault(name, []).append((left_deg, alike[CORE].mean()))
    for name, rows in cases.items():
        left_deg, similarity = np.median(rows, axis=0)
        yield f"| {name} | {left_deg:.2f} | {similarity:.2f} |"


def seen_landmarks(backend: FaceBackend, image: np.ndarray) -> np.ndarray:
    """The 68 landmarks that the backend finds in a frontal picture."""
    whole = Detection((0.0, 0.0, 128.0, 128.0), 1.0)
    return backend.landmarks(np.dstack([image] * 3), whole).landmarks68


def seen_yaw_deg(backend: FaceBackend, image: np.ndarray) -> float:
    return fit_pose(seen_landmarks(backend, image)).yaw_deg


def openings(points: np.ndarray) -> np.ndarray:
    """Mouth opening, brow height, eye opening over the distance of the eyes' outer corners."""

    def gap(a: list[int], b: list[int]) -> float:
        return float(np.linalg.norm(points[a] - points[b], axis=1).mean())

    eyes = gap([37, 38, 43, 44], [41, 40, 47, 46])
    return np.array([gap([61, 62, 63], [67, 66, 65]), gap([19, 24], [37, 44]), eyes]) / gap([36], [45])


def limits(backend: FaceBackend, people: list[tuple[np.ndarray, Detection]]) -> Iterator[str]:
    yield "| | faces | score: least, 5 %, median | landmark score: least, 5 %, median |\n|---|---|---|---|"
    found = [backend.landmarks(photo, detection) for photo, detection in people]
    scores, marks = spread([face.score for face in found]), spread([face.landmark_score for face in found])
    yield f"| all boxes in the photos | {len(found)} | {scores} | {marks} |"
    wrong = [
        face
        for name in NEGATIVES
        for face in backend.faces(as_rgb(np.asarray(getattr(data, name)()))[..., :3])
    ]
    text = ", ".join(f"{face.score:.2f} / {face.landmark_score:.2f}" for face in wrong) or "none"
    yield f"\nBoxes in {len(NEGATIVES)} pictures without a person (score / landmark score): {text}.\n"
    yield "| blur of the photo, sigma in 1/100 of the face's width | sharpness: 5 %, median, 95 % |\n|---|---|"
    for share in (0, 0.5, 1, 2, 3, 4, 6):
        values = []
        for photo, detection in people:
            if detection.width_px < 64:
                continue
            sigma = share / 100 * detection.width_px
            blurred = cv2.GaussianBlur(photo, (0, 0), sigma) if sigma else photo
            values.append(
                sharpness(frontalize(blurred, backend.landmarks(photo, detection).landmarks68).image)
            )
        low, middle, high = np.percentile(values, [5, 50, 95])
        yield f"| {share} | {low:.3f}, {middle:.3f}, {high:.3f} |"


#: What is done to a sharp face: title, and a function of the picture, the face's width and random numbers.
SPOILT: dict[str, Callable[[np.ndarray, int, np.random.Generator], np.ndarray]] = {
    "sharp": lambda x, width, rng: x,
    "soft light, 0.3 of the detail": lambda x, width, rng: in_soft_light(x, width, 0.3),
    "soft light, 0.15": lambda x, width, rng: in_soft_light(x, width, 0.15),
    "noise of 8 gray levels": lambda x, width, rng: x + rng.normal(0, 8, x.shape),
    "JPEG of quality 35": lambda x, width, rng: jpeg(x),
    "blurred by 0.5 % of the width": lambda x, width, rng: cv2.GaussianBlur(x, (0, 0), 0.005 * width),
    "blurred by 1 %": lambda x, width, rng: cv2.GaussianBlur(x, (0, 0), 0.01 * width),
    "2 %": lambda x, width, rng: cv2.GaussianBlur(x, (0, 0), 0.02 * width),
    "3 %": lambda x, width, rng: cv2.GaussianBlur(x, (0, 0), 0.03 * width),
    "2 % in soft light": lambda x, width, rng: in_soft_light(
        cv2.GaussianBlur(x, (0, 0), 0.02 * width), width, 0.3
    ),
    "2 % with noise of 5": lambda x, width, rng: (
        cv2.GaussianBlur(x, (0, 0), 0.02 * width) + rng.normal(0, 5, x.shape)
    ),
    "enlarged from half": lambda x, width, rng: enlarged(x, 2),
    "enlarged from a third": lambda x, width, rng: enlarged(x, 3),
}


def in_soft_light(picture: np.ndarray, width: int, share: float) -> np.ndarray:
    """The picture with a share of the detail finer than an eighth of the face's width."""
    large = cv2.GaussianBlur(picture, (0, 0), width / 8)
    return large + (picture - large) * share


def jpeg(picture: np.ndarray) -> np.ndarray:
    coded = cv2.imencode(".jpg", picture.clip(0, 255).astype(np.uint8), [cv2.IMWRITE_JPEG_QUALITY, 35])[1]
    return cv2.imdecode(coded, cv2.IMREAD_COLOR).astype(np.float32)


def enlarged(picture: np.ndarray, times: float) -> np.ndarray:
    small = cv2.resize(picture, None, fx=1 / times, fy=1 / times, interpolation=cv2.INTER_AREA)
    return cv2.resize(small, picture.shape[1::-1], interpolation=cv2.INTER_CUBIC)


def blur(backend: FaceBackend, people: list[tuple[np.ndarray, Detection]]) -> Iterator[str]:
    """blur_px and what the gates drop, of faces of 160 px and more shrunk to several widths and spoilt."""
    widths, rng = (64, 100, 160, 230), np.random.default_rng(0)
    found: dict[tuple[str, int], list[tuple[float, float]]] = {}
    for photo, detection in people:
        x0, y0, x1, y1 = detection.box_xyxy
        margin = 0.85 * (x1 - x0)
        top, left = max(0, int(y0 - margin)), max(0, int(x0 - margin))
        part = photo[top : int(y1 + margin), left : int(x1 + margin)]
        for width in widths:
            scale = width / detection.width_px
            if detection.width_px < 160 or scale > 1.02:
                continue
            small = cv2.resize(part, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
            faces = backend.faces(small)
            if not faces:
                continue
            marks = faces[0].landmarks68
            for title, spoil in SPOILT.items():
                spoilt = spoil(small.astype(np.float32), width, rng).clip(0, 255).astype(np.uint8)
                frontal = frontalize(spoilt, marks)
                found.setdefault((title, width), []).append(
                    (blur_px(spoilt, marks, frontal.scale), sharpness(frontal.image))
                )
    counts = {width: len(found.get(("sharp", width), [])) for width in widths}
    yield "Median of blur_px / share dropped by face.max_blur_px / share with a sharpness below 0.03.\n"
    yield f"| | {' | '.join(f'{width} px ({counts[width]})' for width in widths)} |\n|---|---|---|---|---|"
    for title in SPOILT:
        cells = []
        for width in widths:
            if counts[width]:
                blurs, sharp = np.array(found[title, width]).T
                dropped, dropped_before = np.mean(blurs > CONFIG.max_blur_px), np.mean(sharp < 0.03)
                cells.append(f"{np.median(blurs):.2f} / {dropped:.0%} / {dropped_before:.0%}")
        yield f"| {title} | {' | '.join(cells)} |"


def film_actors(count: int) -> list[Callable[[float], np.ndarray]]:
    """Actors of sample films, each rendered in a frame of a film at a yaw."""
    drawers = []
    for number in range(count):
        actor = draw_actor(number % 3, np.random.default_rng(100 + number))
        emotion = LABELS[number % len(LABELS)]
        drawers.append(
            lambda yaw, actor=actor, emotion=emotion, number=number: film_picture(
                actor, emotion, yaw, np.random.default_rng(number)
            )
        )
    return drawers


def series(backend: FaceBackend) -> Iterator[str]:
    """CPU time of the picture of a clip, by the number of its frames and their views; shares of frames found."""
    yield "| settings | CPU ms a clip | frames a clip, of those asked for |\n|---|---|---|"
    with tempfile.TemporaryDirectory() as folder:
        make_sample_films(Path(folder), films=1, clips_per_film=12, seed=1)
        rows = csv.DictReader((Path(folder) / "truth.csv").open())
        truth = [row for row in rows if row["kind"] == "good"]
        spans = [Span(float(row["start"]), float(row["end"])) for row in truth]
        (path,) = (Path(folder) / "films").iterdir()
        views = {"views": ("rgb", "context")}
        for title, face in {
            "one frame": {},
            "`views` rgb and context": views,
            "`frames` 4": {"frames": 4},
            "`frames` 8": {"frames": 8},
            "`frames` 8, `views` rgb and context": {"frames": 8} | views,
            "`frame` clearest": {"frame": "clearest"},
            "`frame` most_expressive, `frames` 8": {"frame": "most_expressive", "frames": 8},
            "`frames` 4, the search for the shot alone": None,
        }.items():
            config = FaceConfig(**(face or {}))
            with open_film(path) as film:
                started, found = time.process_time(), 0
                for span in spans:
                    if face is None:
                        middle_shot(film, span)
                        continue
                    seen = read_face(film, span, backend, config)
                    found += len(seen.frames)
                    for one in (seen, *seen.frames):
                        for view in make_views(one.frame.rgb, one.picture, config).values():
                            encode_image(view, config.view_format)
                ms = 1000 * (time.process_time() - started) / len(spans)
            share = f"{found / len(spans):.1f} of {config.frames}" if config.frames > 1 else "-"
            yield f"| {title} | {ms:.0f} | {share if face else '-'} |"
        seconds = statistics.mean(span.length_s for span in spans)
        yield f"\n{len(spans)} spans of {seconds:.1f} s on average, of a film of 1280x720 pixels, 25 frames a second."


def spread(values: list[float]) -> str:
    return ", ".join(f"{value:.2f}" for value in (min(values), np.percentile(values, 5), np.median(values)))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("photos", type=Path, nargs="?", help="folder of photos of people")
    parser.add_argument("--out", type=Path)
    asked = parser.parse_args()
    backend = create_backend("embedded")
    photo = np.asarray(data.astronaut())
    found = sorted(asked.photos.glob("*.jpg")) if asked.photos else []
    photos = [photo] + [cv2.imread(str(path), cv2.IMREAD_COLOR_RGB) for path in found]
    people = [(picture, detection) for picture in photos for detection in backend.detect(picture)]
    large = [(picture, detection) for picture, detection in people if detection.width_px >= 100]
    actors = [Actor(picture, backend, backend.landmarks(picture, detection)) for picture, detection in large]
    body = [f"{machine('opencv-python', 'numpy', 'ai-edge-litert')}; one BLAS thread. CPU time, medians."]
    for title, lines in (
        ("Speed", speed(backend, photo)),
        (f"Found, by size ({len(large)} people, pasted small into a frame)", sizes(backend, large)),
        (
            f"Frontal view of faces drawn at known poses ({len(actors)} people, medians)",
            frontal_quality(backend, actors),
        ),
        ("What bounds the frontal view", limit_of_mirroring(backend, actors)),
        (
            f"Yaw of faces drawn at known poses ({len(actors)} people, medians)",
            yaws(backend, [lambda yaw, actor=actor: actor.draw(yaw).rgb for actor in actors]),
        ),
        ("Yaw of 12 actors of sample films drawn at known poses (medians)", yaws(backend, film_actors(12))),
        ("Where the gate's limits lie", limits(backend, people)),
        ("Blur", blur(backend, people)),
        ("Frames and views of a clip", series(backend)),
    ):
        with threadpool_limits(1):  # as the workers of a build have it
            body += ["", f"## {title}", "", *lines]
    finish("face", "Faces", "\n".join(body), asked.out)


if __name__ == "__main__":
    main()
