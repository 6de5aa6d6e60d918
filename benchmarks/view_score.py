"""Trains and judges the networks behind `view_score`, in steps that keep their results in a folder.

    python benchmarks/view_score.py scenes FOLDER/scenes-1.npz PHOTOS... --seed 1
    python benchmarks/view_score.py pictures FOLDER/pictures-0.npz FOLDER/scenes-*.npz --fold 0 --seed 1
    python benchmarks/view_score.py train FOLDER/pictures-[1234].npz --model FOLDER/without-0.tflite --seed 1
    python benchmarks/view_score.py judge FOLDER/scenes-*.npz --models FOLDER/without-*.tflite
        --earlier emodal_data/face/view_score.tflite --known PERSON...
    python benchmarks/view_score.py train FOLDER/pictures-*.npz --model emodal_data/face/view_score_wide.tflite --seed 1

    python benchmarks/view_score.py real PHOTOS...

PHOTOS: folders of photos and films of people. They are split into five folds; pictures of each fold and a network
without each are made, and every scene is judged by the network that did not see its people.
"""

import argparse
import sys
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import cv2
import numpy as np
from matplotlib.cbook import get_sample_data
from scipy.sparse.csgraph import connected_components
from skimage import data
from sklearn.metrics import roc_auc_score

sys.path.insert(0, str(Path(__file__).parents[1]))
sys.path.insert(0, str(Path(__file__).parent))

from face_scenes import CORE, KINDS, draw_scene, is_broken

from emodal_data.clips.gates import face_gate
from emodal_data.core.config import FaceConfig
from emodal_data.core.errors import Dropped
from emodal_data.face import create_backend, find_face, fit_pose, frontalize
from emodal_data.face.embedding import create_embedder
from emodal_data.face.models import Model
from emodal_data.face.view_score import log_odds, normalised, view_score
from emodal_data.media import open_film
from emodal_model.evaluation.scores import wilson_interval
from tests.face.rendered import Actor

#: Where eyes and mouth lie in a frontal picture, and x and y of its pixels, (2, 128, 128).
EYES_Y, MOUTH_Y = 25, 77
PLACES = np.stack(np.meshgrid(np.arange(128.0), np.arange(128.0)))
#: What is painted on frontal views, each as often as it is named.
COVERS = ("hand", "hand", "head", "ellipse", "polygon", "half", "strands", "bottom", "top", "microphone")
#: Kinds of the scenes that only train: all that are hard, those that are missed or lost most often several times.
HARD = (
    "microphone", "other head", "hand at the cheek", "hand at the brow", "tongue", "half in shadow",
    "microphone", "other head", "hand at the mouth", "beard", "make-up", "cup", "hair",
    "microphone", "other head", "hand at the eye", "telephone", "wide open mouth", "bowed or raised", "clear",
    "hair at the edge", "crooked mouth", "dark glasses", "hand at the cheek", "hand at the brow",
)  # fmt: skip
#: All gates but the one that is trained.
OTHER_GATES = FaceConfig(min_view_score=0.0)
LEAST = FaceConfig().min_view_score
SCENES, PICTURES, STEPS = 600, 6000, 2200
#: People are split into this many folds; two faces whose embeddings are nearer than this are one person.
FOLDS, SAME_PERSON = 5, 0.55
PHOTOS, FILMS = (".jpg", ".png"), (".mpg", ".mp4")


def portraits_of_packages() -> list[np.ndarray]:
    with get_sample_data("grace_hopper.jpg") as file:
        hopper = cv2.imdecode(np.frombuffer(file.read(), np.uint8), cv2.IMREAD_COLOR_RGB)
    return [np.asarray(data.astronaut()), hopper]


def photos_in(folders: list[Path]) -> list[np.ndarray]:
    photos = portraits_of_packages()
    for path in sorted(path for folder in folders for path in folder.iterdir()):
        if path.suffix in PHOTOS:
            photos.append(cv2.imread(str(path), cv2.IMREAD_COLOR_RGB))
        elif path.suffix in FILMS:
            with open_film(path) as film:
                photos.append(film.frame_at(1.4).rgb)
    return photos


def people_in(folders: list[Path]) -> tuple[list[list[Actor]], list[int]]:
    """The people whose face is large and looks at the camera, each with all their photos, and the fold of each.

    People of one photo, and all photos of one person, are in one fold.
    """
    backend, embed = create_backend("embedded"), create_embedder("dlib")
    actors, embeddings, photo_numbers = [], [], []
    for number, photo in enumerate(photos_in(folders)):
        for face in backend.faces(photo):
            width = face.box_xyxy[2] - face.box_xyxy[0]
            is_frontal = abs(fit_pose(face.landmarks68).yaw_deg) < 22
            if width < 90 or not is_frontal or face.landmark_score <= 0.6:
                continue
            part = _cut_out(photo, face.box_xyxy)
            seen = backend.faces(part)
            if seen and seen[0].landmark_score > 0.6:
                actors.append(Actor(part, backend, seen[0]))
                embeddings.append(embed(part, seen[0].landmarks68))
                photo_numbers.append(number)
    vectors, numbers = np.array(embeddings), np.array(photo_numbers)
    same = np.linalg.norm(vectors[:, None] - vectors, axis=2) < SAME_PERSON
    count, persons = connected_components(same)
    _, groups = connected_components(same | (numbers[:, None] == numbers))
    people: list[list[Actor]] = [[] for _ in range(count)]
    for person, actor in zip(persons, actors, strict=True):
        people[person].append(actor)
    group_of = dict(zip(persons.tolist(), groups.tolist(), strict=True))
    members = Counter(group_of.values())
    fold_of, sizes = {}, [0] * FOLDS
    for group, size in members.most_common():
        fold_of[group] = sizes.index(min(sizes))
        sizes[fold_of[group]] += size
    print(f"{count} people on {len(actors)} photos, in {len(members)} groups; folds of {sizes} people")
    return people, [fold_of[group_of[person]] for person in range(count)]


def _cut_out(photo: np.ndarray, box: tuple[float, float, float, float]) -> np.ndarray:
    """The face with its surroundings, its width at most 300 px."""
    x0, y0, x1, y1 = box
    margin = 1.0 * (x1 - x0)
    top, left = max(0, round(y0 - margin)), max(0, round(x0 - margin))
    part = photo[top : round(y1 + margin), left : round(x1 + margin)]
    scale = min(1.0, 300 / (x1 - x0))
    return cv2.resize(part, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)


def write_scenes(file: Path, folders: list[Path], seed: int, count: int, kinds: tuple[str, ...]) -> None:
    """For each scene: kind, person, fold, frontal picture and truth, broken (1, 0; -1 between), reason of a gate."""
    backend, rng = create_backend("embedded"), np.random.default_rng(seed)
    people, folds = people_in(folders)
    rows = []
    for number in range(count):
        kind, person = kinds[number % len(kinds)], int(rng.integers(len(people)))
        actor = people[person][int(rng.integers(len(people[person])))]
        scene = draw_scene(actor, kind, rng)
        image, broken, reason = np.zeros_like(scene.truth), -1, ""
        try:
            found = find_face(scene.rgb, backend, OTHER_GATES)
            image, verdict = found.image, is_broken(found.image, scene, found.face.landmarks68)
            broken = -1 if verdict is None else int(verdict)
            failed = face_gate(found.measures, OTHER_GATES)
            reason = "" if failed is None else str(failed[0])
        except Dropped as drop:
            reason = str(drop.reason)
            broken = int((scene.covered > 0).any())
        rows.append((kind, person, folds[person], image, scene.truth, broken, reason))
    names = ("kind", "person", "fold", "image", "truth", "broken", "reason")
    np.savez_compressed(
        file, **{name: np.array(c) for name, c in zip(names, zip(*rows, strict=True), strict=True)}
    )


def read_scenes(files: list[Path]) -> dict[str, np.ndarray]:
    parts = [dict(np.load(file)) for file in files]
    return {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}


class Pictures:
    """Frontal pictures, whole and broken: drawn scenes, mixed people, and covers painted on frontal views."""

    def __init__(self, scenes: dict[str, np.ndarray], seed: int) -> None:
        self.rng = np.random.default_rng(seed)
        passed = scenes["reason"] == ""
        images = scenes["image"].astype(np.float32)
        self.whole, self.broken = (images[passed & (scenes["broken"] == value)] for value in (0, 1))
        bare = scenes["truth"][passed & ~np.isin(scenes["kind"], ("glasses", "dark glasses"))].astype(
            np.float32
        )
        self.faces = np.concatenate([self.whole, bare])

    def draw(self) -> tuple[np.ndarray, bool]:
        rng = self.rng
        choice = rng.random()
        if choice < 0.16:
            return self._varied(self._one(self.broken)), True
        if choice < 0.4:
            return self._varied(self.seen_torn(self._dressed(self._mixed()))), True
        if choice < 0.53:
            while True:
                image, covered = self._covered(self._dressed(self._mixed()))
                if covered >= 0.07:
                    return self._varied(image), True
        image = self._mixed() if rng.random() < 0.6 else self._one(self.whole)
        if rng.random() < 0.15:
            other, covered = self._covered(image)
            image = other if covered < 0.01 else image
        return self._varied(self._dressed(image)), False

    def _one(self, images: np.ndarray) -> np.ndarray:
        return images[self.rng.integers(len(images))]

    def _mixed(self) -> np.ndarray:
        """A face, or the mean of two people's: aligned faces mix to a person that nobody has photographed."""
        image = self._one(self.faces)
        if self.rng.random() < 0.5:
            other, share = self._one(self.faces), self.rng.uniform(0.25, 0.75)
            image = share * image + (1 - share) * (other[:, ::-1] if self.rng.random() < 0.5 else other)
        return image

    def _varied(self, image: np.ndarray) -> np.ndarray:
        """Other place, size and light of the face; blur, noise or compression."""
        rng = self.rng
        if rng.random() < 0.5:
            image = image[:, ::-1]
        move = cv2.getRotationMatrix2D((64, 64), rng.normal(0, 2), np.exp(rng.normal(0, 0.03)))
        move[:, 2] += rng.normal(0, 1.5, 2)
        move[0, 0] *= np.exp(rng.normal(0, 0.03))
        image = cv2.warpAffine(np.ascontiguousarray(image), move, (128, 128), borderMode=cv2.BORDER_REPLICATE)
        choice = rng.random()
        if choice < 0.35:
            image = cv2.GaussianBlur(image, (0, 0), rng.uniform(0.4, 1.8))
        elif choice < 0.6:
            image = image + rng.normal(0, rng.uniform(1, 7), image.shape)
        if rng.random() < 0.3:
            quality = [cv2.IMWRITE_JPEG_QUALITY, int(rng.uniform(12, 60))]
            coded = cv2.imencode(".jpg", image.clip(0, 255).astype(np.uint8), quality)[1]
            image = cv2.imdecode(coded, cv2.IMREAD_GRAYSCALE).astype(np.float32)
        if rng.random() < 0.5:
            across = np.tanh((np.arange(128) - 64) / 50 * rng.uniform(0.5, 4))
            image = image * (1 + rng.choice([-1, 1]) * rng.uniform(0.1, 0.7) * across)
        return (128 + (image - 128) * rng.uniform(0.5, 1.2) + rng.normal(0, 15)).clip(0, 255).astype(np.uint8)

    def _dressed(self, image: np.ndarray) -> np.ndarray:
        """The face with other features, beard, make-up, glasses, shadow or hair beside it; it stays whole."""
        parts = (
            (0.4, self._bent),
            (0.15, self._with_beard),
            (0.15, self._with_make_up),
            (0.35, self._with_glasses),
            (0.15, self._in_shadow),
            (0.2, self._with_hair_beside),
        )
        for share, add in parts:
            if self.rng.random() < share:
                image = add(image).clip(0, 255).astype(np.float32)
        return image

    def _bent(self, image: np.ndarray) -> np.ndarray:
        """Other proportions, and a mouth that is crooked, opened or moved, without a fold."""
        rng = self.rng
        moves = [cv2.GaussianBlur(rng.normal(0, 1, (128, 128)), (0, 0), 16) for _ in range(2)]
        right, down = (move / move.std() * rng.uniform(0, 2) for move in moves)
        x, y = PLACES[0] - 64, PLACES[1] - MOUTH_Y
        near = np.exp(-((x / 30) ** 2) - (y / 16) ** 2)
        down = down + near * (rng.normal(0, 0.12) * x + rng.normal(0, 1.5) + rng.normal(0, 0.1) * y)
        right = right + near * (rng.normal(0, 2) + rng.normal(0, 0.08) * x)
        where = ((PLACES + np.stack([right, down])).astype(np.float32)).transpose(1, 2, 0)
        return cv2.remap(image, where, None, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)

    def _with_beard(self, image: np.ndarray) -> np.ndarray:
        """Stubble to a full beard, or a moustache alone; the lips stay free."""
        rng = self.rng
        x, y = np.abs(PLACES[0] - 64), PLACES[1]
        cheek = MOUTH_Y + rng.uniform(-14, 12) - 0.25 * np.maximum(x - 20, 0)
        share = np.zeros((128, 128))
        if rng.random() < 0.7:
            share = (y > cheek + (20 - 0.5 * x if rng.random() < 0.3 else 0)).astype(float)
        if rng.random() < 0.7:
            half = rng.uniform(14, 26)
            share = np.maximum(
                share, (np.abs(y - (MOUTH_Y - 10 + 0.012 * x**2)) < rng.uniform(3, 6)) & (x < half)
            )
        lips = ((x / rng.uniform(17, 22)) ** 2 + ((y - MOUTH_Y) / rng.uniform(5, 9)) ** 2) < 1
        share = cv2.GaussianBlur(np.where(lips, 0, share), (0, 0), rng.uniform(1, 5)) * rng.uniform(0.2, 0.95)
        hairs = cv2.GaussianBlur(rng.normal(0, 1, (128, 128)), (0, 0), 0.7, sigmaY=rng.uniform(0.7, 2.5))
        tone = rng.uniform(10, 190) if rng.random() < 0.3 else rng.uniform(10, 70)
        return image * (1 - share) + share * (tone + hairs / hairs.std() * rng.uniform(3, 25))

    def _with_make_up(self, image: np.ndarray) -> np.ndarray:
        """Darker or lighter lips, lids and brows, shine on the skin."""
        rng = self.rng
        x, y = PLACES[0] - 64, PLACES[1]
        gain = np.ones((128, 128))
        places = ((0, MOUTH_Y, 17, 6), *((s * 24, EYES_Y - 3, 13, 5) for s in (-1, 1)),
                  *((s * 26, EYES_Y - 16, 14, 3) for s in (-1, 1)))  # fmt: skip
        for strength, places_of in zip(
            rng.normal(0, 0.35, 3), (places[:1], places[1:3], places[3:]), strict=True
        ):
            for centre_x, centre_y, wide, high in places_of:
                far = ((x - centre_x) / wide) ** 2 + ((y - centre_y) / high) ** 2
                gain *= 1 + strength * np.exp(-(far**2))
        shine = np.exp(-(((x - rng.uniform(-30, 30)) / 12) ** 2) - ((y - rng.uniform(5, 60)) / 14) ** 2)
        return image * gain.clip(0.2, 2) + shine * rng.uniform(0, 60)

    def _in_shadow(self, image: np.ndarray) -> np.ndarray:
        """The shadow of a nose, a brim or a lamp at one side: a soft or hard border anywhere."""
        rng = self.rng
        angle = rng.uniform(0, 2 * np.pi)
        across = (PLACES[0] - rng.uniform(35, 93)) * np.cos(angle) + (
            PLACES[1] - rng.uniform(10, 90)
        ) * np.sin(angle)
        across = across + rng.uniform(0, 6) * np.sin(PLACES[1] / rng.uniform(8, 25))
        return image * (1 - rng.uniform(0.2, 0.7) / (1 + np.exp(-across / rng.uniform(0.7, 8))))

    def _with_hair_beside(self, image: np.ndarray) -> np.ndarray:
        """Strands beside the core, at one side or both."""
        for side in (-1, 1):
            if self.rng.random() < 0.65:
                other, cover = self._strands(image, side * self.rng.uniform(46, 64))
                image = other if cover[CORE].mean() < 0.015 else image
        return image

    def _with_glasses(self, image: np.ndarray) -> np.ndarray:
        """Clear, tinted or dark glasses of many shapes, upright or aslant, with reflections."""
        rng = self.rng
        image, tone, thick = image.copy(), float(rng.uniform(0, 110)), int(rng.choice([1, 1, 2, 3, 4]))
        wide, high, out = rng.uniform(14, 23), rng.uniform(9, 19), rng.uniform(21, 26)
        power = rng.choice([2.0, 2.0, 3.0, 5.0, 9.0])  # 2: ellipse; 9: about a rectangle
        droop, tilt = rng.uniform(-0.3, 0.3), rng.uniform(-0.25, 0.25)
        angle = np.linspace(0, 2 * np.pi, 40)
        u, v = (np.sign(f(angle)) * np.abs(f(angle)) ** (2 / power) for f in (np.cos, np.sin))
        turn = rng.normal(0, 3)
        move = cv2.getRotationMatrix2D((64, EYES_Y), turn, 1)
        middle_y = EYES_Y + rng.uniform(-3, 6)
        outlines = []
        for side in (-1, 1):
            far = wide * rng.uniform(0.9, 1.1)
            lens = np.stack(
                [64 + side * (out + far * u * (1 + droop * v)), middle_y + high * (v + tilt * u)], 1
            )
            outlines.append(lens @ move[:, :2].T + move[:, 2])
        if rng.random() < 0.55:
            lenses = np.zeros((128, 128), np.uint8)
            cv2.fillPoly(lenses, [np.round(lens).astype(np.int32) for lens in outlines], 255, cv2.LINE_AA)
            share = lenses.astype(np.float32) / 255 * rng.uniform(0.3, 1.0)
            glass = (
                rng.uniform(5, 90)
                + rng.uniform(-1, 1) * (PLACES[1] - EYES_Y)
                + rng.normal(0, 0.4) * (PLACES[0] - 64)
            )
            for _ in range(int(rng.integers(0, 4))):
                place, size = rng.uniform([30, 10], [98, 40]), rng.uniform(2, [14, 10])
                far = (((PLACES.transpose(1, 2, 0) - place) / size) ** 2).sum(axis=2)
                glass = glass + rng.uniform(-30, 120) * np.exp(-far)
            image = image * (1 - share) + share * glass
        elif rng.random() < 0.3:
            place = outlines[int(rng.integers(2))].mean(axis=0)
            cv2.line(
                image,
                *(tuple((place + rng.normal(0, 8, 2)).astype(int)) for _ in range(2)),
                230,
                2,
                cv2.LINE_AA,
            )
        for lens in outlines:
            cv2.polylines(image, [np.round(lens).astype(np.int32)], True, tone, thick, cv2.LINE_AA)
            temple = lens[np.argmax(np.abs(lens[:, 0] - 64))]
            end = (int(64 + np.sign(temple[0] - 64) * 64), int(temple[1] + rng.normal(-2, 4)))
            cv2.line(image, tuple(temple.astype(int)), end, tone, thick, cv2.LINE_AA)
        inner = [lens[np.argmin(np.abs(lens[:, 0] - 64))].astype(int) for lens in outlines]
        cv2.line(image, *(tuple(place) for place in inner), tone, max(1, thick), cv2.LINE_AA)
        return image

    def _covered(self, image: np.ndarray) -> tuple[np.ndarray, float]:
        """The picture with something before the face, perhaps mirrored; and the share of the core that it covers."""
        rng = self.rng
        kind = str(rng.choice(COVERS))
        if kind == "strands":
            image, cover = self._strands(image)
        else:
            image, cover = self._shapes(image, kind)
        if rng.random() < 0.35:
            share = np.clip((np.arange(128) - 64) / 6 + 0.5, 0, 1)
            share = 1 - share if rng.random() < 0.5 else share
            image, cover = (view * (1 - share) + view[:, ::-1] * share for view in (image, cover))
        return image.clip(0, 255).astype(np.float32), float((cover[CORE] > 0.5).mean())

    def torn(self, image: np.ndarray) -> np.ndarray:
        """The picture with a part at another place, as wrong landmarks leave it, or with streaks."""
        rng = self.rng
        image = image.copy()
        is_right, far = rng.random() < 0.5, int(rng.choice([-1, 1]) * rng.uniform(8, 24))
        kind = rng.choice(
            ["half up or down", "half aside", "lower part aside", "streaks", "corner", "corner"]
        )
        if kind == "corner":
            return self._torn_corner(image)
        if kind == "streaks":
            first, last = int(rng.uniform(68, 80)), int(rng.uniform(92, 112))
            image[first:last] = image[first] + rng.normal(0, 2, (last - first, 1))
        elif kind == "lower part aside":
            first = int(rng.uniform(66, 84))
            image[first:] = np.roll(image, far, axis=1)[first:]
        else:
            border = int(rng.uniform(52, 76))
            moved = np.roll(image, far, axis=0 if kind == "half up or down" else 1)
            part = slice(border, None) if is_right else slice(None, border)
            image[:, part] = moved[:, part]
        return image

    def seen_torn(self, image: np.ndarray) -> np.ndarray:
        """The picture torn so that at least 4 % of the core differ by half of its contrast."""
        while True:
            other = self.torn(image)
            if (np.abs(other - image)[CORE] > 0.5 * image[CORE].std()).mean() >= 0.04:
                return other

    def _torn_corner(self, image: np.ndarray) -> np.ndarray:
        """The picture with a corner of the mouth, an eye or a cheek pulled away, smeared or turned."""
        rng = self.rng
        side = rng.choice([-1, 1])
        places = ([64 + side * 18, MOUTH_Y], [64 + side * 24, EYES_Y], [64 + side * 30, 55], [64, MOUTH_Y])
        place = np.array(places[rng.choice(4, p=(0.55, 0.15, 0.15, 0.15))]) + rng.normal(0, 3, 2)
        from_place = PLACES - place[:, np.newaxis, np.newaxis]
        size, hard = rng.uniform(10, 20, 2), rng.uniform(1.0, 4.0)
        far = np.sqrt(((from_place / size[:, np.newaxis, np.newaxis]) ** 2).sum(axis=0))
        near = 1 / (1 + np.exp((far - 1) * size.mean() / hard))
        kind, angle = rng.choice(["pulled", "smeared", "turned"]), rng.uniform(0, 2 * np.pi)
        along = np.array([np.cos(angle), np.sin(angle)])[:, np.newaxis, np.newaxis]
        if kind == "pulled":
            move = along * rng.uniform(7, 16)
        elif kind == "smeared":  # what lies along one direction is the same
            move = -along * (from_place * along).sum(axis=0) * rng.uniform(0.75, 1.0) + along * rng.uniform(
                -6, 6
            )
        else:
            turn = rng.choice([-1, 1]) * rng.uniform(0.5, 1.2)
            c, s = np.cos(turn) - 1, np.sin(turn)
            move = np.stack([c * from_place[0] - s * from_place[1], s * from_place[0] + c * from_place[1]])
        where = (PLACES + near * move).astype(np.float32).transpose(1, 2, 0)
        return cv2.remap(image, where, None, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)

    def _strands(self, image: np.ndarray, beside: float | None = None) -> tuple[np.ndarray, np.ndarray]:
        """Strands anywhere, or those that lie further out than a place beside the middle, -64 to 64."""
        rng = self.rng
        image, cover = image.copy(), np.zeros((128, 128), np.float32)
        low, high = np.sort(rng.uniform(0, 70, 2))
        tone, is_right = rng.uniform(10, 200), rng.random() < 0.5
        if beside is not None:
            low, high, is_right = rng.uniform(-15, 0), 64 - abs(beside), beside > 0
        along = np.linspace(0, 1, 10)
        for _ in range(int(rng.uniform(20, 160))):
            x = rng.uniform(low, high)
            x = 127 - x if is_right else x
            x = x + rng.normal(0, 6) * np.sin(along * rng.uniform(1, 4)) + rng.normal(0, 6) * along
            y = rng.uniform(-20, 30) + along * rng.uniform(40, 140)
            strand, thick = (
                [np.round(np.stack([x, y], axis=1)).astype(np.int32)],
                int(rng.choice([1, 1, 2, 3])),
            )
            cv2.polylines(image, strand, False, tone * rng.uniform(0.6, 1.4), thick, cv2.LINE_AA)
            cv2.polylines(cover, strand, False, 1.0, thick)
        return image, (cv2.GaussianBlur(cover, (0, 0), 2) > 0.3).astype(np.float32)

    def _shapes(self, image: np.ndarray, kind: str) -> tuple[np.ndarray, np.ndarray]:
        rng = self.rng
        skin = float(np.median(image[40:80, 45:83]))
        is_skin = kind == "hand" or rng.random() < 0.3
        tone = skin * rng.uniform(0.75, 1.2) if is_skin else rng.uniform(5, 240)
        grain = rng.choice([1.0, 2.0, 4.0])
        texture = cv2.GaussianBlur(
            rng.normal(0, 1, (128, 128)), (0, 0), grain, sigmaY=grain * rng.choice([1, 4])
        )
        texture *= rng.choice([2, 6, 25]) / max(float(texture.std()), 1e-3)
        ramp = (np.arange(128) - 64) * rng.normal(0, 0.004, (2, 1))
        light = 1 + ramp[0] + ramp[1][:, np.newaxis]
        cover = np.zeros((128, 128), np.float32)
        for mask in self._masks(kind):
            inward = cv2.distanceTransform((mask > 127).astype(np.uint8), cv2.DIST_L2, 3)
            shade = 1 - rng.uniform(0.1, 0.5) * np.clip(1 - inward / rng.uniform(2, 9), 0, 1)
            if rng.random() < 0.7:
                shadow = cv2.GaussianBlur(mask, (0, 0), rng.uniform(2, 5)).astype(np.float32) / 255
                image = image * (1 - rng.uniform(0.05, 0.4) * shadow * (mask < 128))
            share = cv2.GaussianBlur(mask, (0, 0), np.exp(rng.uniform(-0.7, 1.6))).astype(np.float32) / 255
            image = image * (1 - share) + share * (tone * light * shade + texture)
            cover = np.maximum(cover, share)
        return image, cover

    def _masks(self, kind: str) -> list[np.ndarray]:
        """Masks of the parts of something, 255 inside."""
        rng, mask = self.rng, np.zeros((128, 128), np.uint8)
        if kind == "hand":
            return self._fingers()
        if kind == "ellipse":
            place, size = rng.uniform([5, 20], [123, 125]).astype(int), rng.uniform(10, [40, 45]).astype(int)
            cv2.ellipse(mask, tuple(place), tuple(size), rng.uniform(0, 180), 0, 360, 255, -1, cv2.LINE_AA)
            return [mask]
        if kind == "microphone":
            place, radius = rng.normal([64, MOUTH_Y + 12], [12, 10]), rng.uniform(8, 16)
            end = place + np.array([rng.uniform(-30, 30), 80])
            ends = [tuple(np.round(point).astype(int).tolist()) for point in (place, end)]
            cv2.line(mask, *ends, 255, max(1, int(radius * rng.uniform(0.5, 1))), cv2.LINE_AA)
            size = int(radius), int(radius * rng.uniform(1, 1.4))
            cv2.ellipse(mask, ends[0], size, rng.uniform(-25, 25), 0, 360, 255, -1, cv2.LINE_AA)
            return [mask]
        if kind == "head":
            place = 64 + rng.choice([-1, 1]) * rng.uniform(58, 110), rng.uniform(45, 100)
            x, y = np.round(place).astype(int).tolist()
            cv2.ellipse(mask, (x, y), (55, 75), 0, 0, 360, 255, -1, cv2.LINE_AA)
            cv2.rectangle(mask, (x - 66, y + 58), (x + 66, 127), 255, -1)
            return [mask]
        if kind == "polygon":
            corners = int(rng.integers(3, 8))
            angle, radius = np.sort(rng.uniform(0, 2 * np.pi, corners)), rng.uniform(10, 38, corners)
            outline = (
                rng.uniform([10, 20], [118, 125])
                + np.stack([np.cos(angle), np.sin(angle)], 1) * radius[:, None]
            )
        elif kind == "half":
            y = np.linspace(-5, 135, 9)
            x = rng.uniform(12, 60) + 6 * np.sin(np.linspace(0, rng.uniform(1, 6), 9) + rng.uniform(0, 6))
            outline = np.concatenate([np.stack([x, y], 1), [[-5, 135], [-5, -5]]])
            outline[:, 0] = outline[:, 0] if rng.random() < 0.5 else 127 - outline[:, 0]
        else:
            x = np.linspace(-5, 133, 7)
            y = rng.uniform(60, 108) + rng.normal(0, 4, 7) + rng.normal(0, 0.12) * (x - 64)
            outline = np.concatenate([np.stack([x, y], 1), [[133, 133], [-5, 133]]])
            if kind == "top":
                outline[:, 1] = 110 - outline[:, 1]
        cv2.fillPoly(mask, [np.round(outline).astype(np.int32)], 255, cv2.LINE_AA)
        return [mask]

    def _fingers(self) -> list[np.ndarray]:
        rng, parts = self.rng, []
        angle = rng.uniform(-np.pi, np.pi) if rng.random() < 0.3 else rng.normal(-np.pi / 2, 0.6)
        along = np.array([np.cos(angle), np.sin(angle)])
        across, radius = np.array([-along[1], along[0]]), rng.uniform(4.5, 8)
        base = rng.uniform([15, 35], [113, 125]) - along * rng.uniform(5, 15)
        if rng.random() < 0.75:
            palm = np.zeros((128, 128), np.uint8)
            ends = [tuple((base - along * far).astype(int)) for far in (40, 5)]
            cv2.line(palm, *ends, 255, int(rng.uniform(35, 60)), cv2.LINE_AA)
            parts.append(palm)
        for finger in range(int(rng.integers(2, 5))):
            start = base + across * (finger - 1.5) * radius * rng.uniform(1.6, 2.1)
            length = rng.uniform(20, 45)
            way = [
                start - along * 8,
                start + along * length / 2 + across * rng.normal(0, 2),
                start + along * length + across * rng.normal(0, 3),
            ]
            mask = np.zeros((128, 128), np.uint8)
            cv2.polylines(mask, [np.round(way).astype(np.int32)], False, 255, int(1.9 * radius), cv2.LINE_AA)
            parts.append(mask)
        return parts


def write_pictures(file: Path, scenes: list[Path], fold: int, seed: int, count: int) -> None:
    """The network's inputs of the people of a fold, (count, 64, 64, 1) float16, and whether each is whole."""
    drawn = read_scenes(scenes)
    chosen = drawn["fold"] == fold
    source = Pictures({name: values[chosen] for name, values in drawn.items()}, seed)
    rows = [source.draw() for _ in range(count)]
    inputs = np.array([normalised(image) for image, _ in rows], dtype=np.float16)
    np.savez(file, inputs=inputs, whole=np.array([not broken for _, broken in rows]))


def train(
    files: list[Path], model: Path, seed: int, steps: int, rate: float, start: Path | None, paint: bool
) -> None:
    """Trains a network on pictures; writes it for TensorFlow Lite, and its weights beside it."""
    import torch
    from view_network import as_tflite, trained

    drawn = read_scenes(files)
    network = trained(drawn["inputs"], drawn["whole"], seed, steps, rate, start, paint)
    torch.save(network.state_dict(), model.with_suffix(".pt"))
    model.write_bytes(as_tflite(network))


def fitted_threshold(
    log_odds: np.ndarray, whole: np.ndarray, broken: np.ndarray, passed: np.ndarray
) -> float:
    """The log-odds below which the gates stop 95 % of the broken views; more if 2 % of the whole ones allow it."""
    of_broken = np.where(passed[broken], log_odds[broken], -np.inf)
    needed, allowed = np.quantile(of_broken, 0.95, method="higher"), np.quantile(log_odds[whole], 0.02)
    return float(max(needed, (needed + allowed) / 2))


def judge(files: list[Path], models: list[Path], earlier: Path, known: list[int]) -> None:
    """Prints the shares that the gates stop. Each view is scored by the network that trained without its fold.

    Its log-odds and those of the earlier network are averaged; people that the earlier one knew are left out. The
    threshold of a fold is fitted to the views of the other folds, each scored in the same way.
    """
    scenes = read_scenes(files)
    chosen = ~np.isin(scenes["person"], known)
    scenes = {name: values[chosen] for name, values in scenes.items()}
    passed, broken, kinds, folds = (scenes[name] for name in ("reason", "broken", "kind", "fold"))
    passed = passed == ""
    whole, bad = passed & (broken == 0), broken == 1
    networks = [[Model(model.resolve()) for model in (earlier, of_fold)] for of_fold in models]
    odds = np.array(
        [log_odds(image, networks[fold]) for image, fold in zip(scenes["image"], folds, strict=True)]
    )
    offsets = [
        -fitted_threshold(odds[others], whole[others], bad[others], passed[others])
        for others in (folds != fold for fold in range(FOLDS))
    ]
    print("Offsets of the folds:", ", ".join(f"{offset:.2f}" for offset in offsets))
    shipped = -fitted_threshold(odds, whole, bad, passed)
    print(f"Offset fitted to all folds: {shipped:.2f}")
    odds = odds + np.array(offsets)[folds]
    low = odds < 0  # a score below 0.5
    print("\n| scenes | whole | dropped by view_score | broken | dropped by an earlier gate | passed on to"
          " view_score | of these dropped | of all broken dropped |\n|---|---|---|---|---|---|---|---|")  # fmt: skip

    def row(name: str, chosen: np.ndarray) -> None:
        fine, wrong = whole & chosen, bad & chosen
        print(
            f"| {name} | {fine.sum()} | {_share(low[fine])} | {wrong.sum()} | {(wrong & ~passed).sum()} |"
            f" {(wrong & passed).sum()} | {_share(low[wrong & passed])} | {_share((low | ~passed)[wrong])} |"
        )

    for kind in KINDS:
        row(kind, kinds == kind)
    for fold in range(FOLDS):
        row(f"fold {fold}", folds == fold)
    row("all", np.ones(len(kinds), bool))
    people = scenes["person"]
    lost = {person: low[whole & (people == person)] for person in sorted(set(people))}
    worst = sorted(lost, key=lambda person: -lost[person].sum())[:8]
    print(
        f"\n{len(lost)} people, {sum(values.any() for values in lost.values())} of them lose a whole view. Those with"
        " most: " + ", ".join(f"{lost[n].sum()} of {len(lost[n])} (number {n})" for n in worst) + "."
    )
    area = roc_auc_score(whole[whole | bad & passed], odds[whole | bad & passed])
    print(f"Area under the curve, whole against broken ones that passed the earlier gates: {area:.3f}.")
    pictures = Pictures(scenes, seed=9)
    torn = [
        log_odds(pictures.seen_torn(image.astype(np.float32)).clip(0, 255).astype(np.uint8), networks[fold])
        + offsets[fold]
        for image, fold in zip(scenes["image"][whole], folds[whole], strict=True)
    ]
    print(f"Torn on purpose: {_share(np.array(torn) < 0)} of {len(torn)} dropped.")
    print(
        "\n| threshold | whole dropped | broken dropped, of those passed on | of all broken |\n|---|---|---|---|"
    )
    for limit in (0.02, 0.05, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 0.95):
        low = odds < np.log(limit / (1 - limit))
        print(
            f"| {limit} | {_share(low[whole])} | {_share(low[bad & passed])} | {_share((low | ~passed)[bad])} |"
        )


def judge_real(folders: list[Path]) -> None:
    """Prints how many faces of each folder view_score stops, nothing drawn: all of a photo, a film's every 0.3 s.

    Faces of less than 40 px, and those that the gates of the pose drop, are left out.
    """
    backend, limits = create_backend("embedded"), FaceConfig()
    print("| folder | faces | stopped | which |\n|---|---|---|---|")
    for folder in folders:
        names, scores = [], []
        for name, rgb in frames_in(folder):
            for face in backend.faces(rgb):
                pose = fit_pose(face.landmarks68)
                if abs(pose.yaw_deg) > limits.max_yaw_deg or abs(pose.pitch_deg) > limits.max_pitch_deg:
                    continue
                if face.box_xyxy[2] - face.box_xyxy[0] >= 40:
                    names.append(name)
                    scores.append(view_score(frontalize(rgb, face.landmarks68).image))
        low = np.array(scores) < LEAST
        stopped = ", ".join(f"{names[n]} {scores[n]:.2f}" for n in np.nonzero(low)[0])
        print(f"| {folder.name} | {len(scores)} | {low.sum()}, {_share(low)} | {stopped} |")


def frames_in(folder: Path) -> Iterator[tuple[str, np.ndarray]]:
    """Photos, and frames of films 0.3 s apart, with the name of the file."""
    for path in sorted(folder.iterdir()):
        if path.suffix in PHOTOS:
            yield path.name, cv2.imread(str(path), cv2.IMREAD_COLOR_RGB)
        elif path.suffix in FILMS:
            with open_film(path) as film:
                for time_s in np.arange(0.2, film.duration_s - 0.1, 0.3):
                    yield f"{path.name} {time_s:.1f} s", film.frame_at(float(time_s)).rgb


def _share(values: np.ndarray) -> str:
    """A share in percent with its 95 % Wilson interval."""
    if not len(values):
        return "-"
    low, high = wilson_interval(int(values.sum()), len(values))
    return f"{np.mean(values):.1%} ({100 * low:.1f} to {100 * high:.1f})"


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    steps = parser.add_subparsers(dest="step", required=True)
    scenes = steps.add_parser("scenes")
    scenes.add_argument("file", type=Path)
    scenes.add_argument("photos", type=Path, nargs="*")
    scenes.add_argument("--seed", type=int, required=True)
    scenes.add_argument("--count", type=int, default=SCENES)
    scenes.add_argument("--hard", action="store_true", help="for training: the hard kinds more often")
    pictures = steps.add_parser("pictures")
    pictures.add_argument("file", type=Path)
    pictures.add_argument("scenes", type=Path, nargs="+")
    pictures.add_argument("--fold", type=int, choices=range(FOLDS), required=True)
    pictures.add_argument("--seed", type=int, required=True)
    pictures.add_argument("--count", type=int, default=PICTURES)
    training = steps.add_parser("train")
    training.add_argument("files", type=Path, nargs="+")
    training.add_argument("--model", type=Path, required=True)
    training.add_argument("--seed", type=int, required=True)
    training.add_argument("--steps", type=int, default=STEPS)
    training.add_argument("--rate", type=float, default=2e-3, help="of learning, at the first step")
    training.add_argument("--paint", action="store_true", help="tear and cover whole pictures at each step")
    training.add_argument("--start", type=Path, help="weights (.pt) of an earlier training to go on from")
    judging = steps.add_parser("judge")
    judging.add_argument("files", type=Path, nargs="+")
    judging.add_argument("--models", type=Path, nargs=FOLDS, required=True)
    judging.add_argument("--earlier", type=Path, required=True, help="the network that is averaged with each")
    judging.add_argument("--known", type=int, nargs="*", default=[], help="people that trained it, left out")
    real = steps.add_parser("real")
    real.add_argument("folders", type=Path, nargs="+")
    asked = parser.parse_args()
    if asked.step == "scenes":
        write_scenes(asked.file, asked.photos, asked.seed, asked.count, HARD if asked.hard else KINDS)
    elif asked.step == "pictures":
        write_pictures(asked.file, asked.scenes, asked.fold, asked.seed, asked.count)
    elif asked.step == "train":
        train(asked.files, asked.model, asked.seed, asked.steps, asked.rate, asked.start, asked.paint)
    elif asked.step == "judge":
        judge(asked.files, asked.models, asked.earlier, asked.known)
    else:
        judge_real(asked.folders)


if __name__ == "__main__":
    main()
