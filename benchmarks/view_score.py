"""Trains and judges the network behind `view_score`, in steps that keep their results in a folder.

    python benchmarks/view_score.py scenes FOLDER/choose-1.npz PHOTOS... --people even --seed 1
    python benchmarks/view_score.py scenes FOLDER/judge.npz PHOTOS... --people odd --seed 3
    python benchmarks/view_score.py train FOLDER/choose-*.npz --model emodal_data/face/view_score.tflite
    python benchmarks/view_score.py judge FOLDER/judge.npz

PHOTOS: folders of photos and films of people. The people that judge are others than those that train the network.
"""

import argparse
import sys
import time
from pathlib import Path

import cv2
import numpy as np
import pyarrow.parquet as pq
from matplotlib.cbook import get_sample_data
from skimage import data

sys.path.insert(0, str(Path(__file__).parents[1]))
sys.path.insert(0, str(Path(__file__).parent))

from face_scenes import CORE, KINDS, draw_scene, is_broken

from emodal_data.clips.gates import face_gate
from emodal_data.core.config import FaceConfig
from emodal_data.core.errors import Dropped
from emodal_data.face import create_backend, find_face, fit_pose
from emodal_data.face.view_score import normalised, view_score
from emodal_data.media import open_film
from tests.face.rendered import Actor

#: All gates but the one that is trained.
OTHER_GATES = FaceConfig(min_view_score=0.0)
SCENES = 1000


def photos_in(folders: list[Path]) -> list[np.ndarray]:
    with get_sample_data("grace_hopper.jpg") as file:
        hopper = cv2.imdecode(np.frombuffer(file.read(), np.uint8), cv2.IMREAD_COLOR_RGB)
    photos = [np.asarray(data.astronaut()), hopper]
    for path in sorted(path for folder in folders for path in folder.iterdir()):
        if path.suffix in (".jpg", ".png"):
            photos.append(cv2.imread(str(path), cv2.IMREAD_COLOR_RGB))
        elif path.suffix in (".mpg", ".mp4"):
            with open_film(path) as film:
                photos.append(film.frame_at(1.4).rgb)
    return photos


def people_in(folders: list[Path], which: str) -> list[Actor]:
    """Every second person whose face is large and looks at the camera: the even or the odd ones."""
    backend = create_backend("embedded")
    people = [
        Actor(photo, backend, face)
        for photo in photos_in(folders)
        for face in backend.faces(photo)
        if face.box_xyxy[2] - face.box_xyxy[0] >= 90
        and abs(fit_pose(face.landmarks68).yaw_deg) < 22
        and face.landmark_score > 0.6
    ]
    return people[0 if which == "even" else 1 :: 2]


def write_scenes(file: Path, folders: list[Path], which: str, seed: int, count: int) -> None:
    """For each scene: kind, person, frontal picture and its truth, broken (1, 0; -1 between), the reason of a gate."""
    backend, rng = create_backend("embedded"), np.random.default_rng(seed)
    people = people_in(folders, which)
    rows = []
    for number in range(count):
        kind, person = KINDS[number % len(KINDS)], int(rng.integers(len(people)))
        scene = draw_scene(people[person], kind, rng)
        image, broken, reason = np.zeros_like(scene.truth), -1, ""
        try:
            found = find_face(scene.rgb, backend, OTHER_GATES)
            face = backend.faces(scene.rgb)[0]
            image, verdict = found.image, is_broken(found.image, scene, face.landmarks68)
            broken = -1 if verdict is None else int(verdict)
            failed = face_gate(found.measures, OTHER_GATES)
            reason = "" if failed is None else str(failed[0])
        except Dropped as drop:
            reason = str(drop.reason)
            broken = int((scene.covered > 0).any())
        rows.append((kind, person, image, scene.truth, broken, reason))
    names = ("kind", "person", "image", "truth", "broken", "reason")
    np.savez_compressed(
        file, **{name: np.array(c) for name, c in zip(names, zip(*rows, strict=True), strict=True)}
    )
    print(f"{len(people)} people, {count} scenes")


def read_scenes(files: list[Path]) -> dict[str, np.ndarray]:
    parts = [dict(np.load(file)) for file in files]
    return {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}


class Pictures:
    """Frontal pictures, whole and broken: drawn scenes, mixed people, and covers painted on frontal views."""

    def __init__(
        self, scenes: dict[str, np.ndarray], seed: int, more_whole: np.ndarray | None = None
    ) -> None:
        self.rng = np.random.default_rng(seed)
        passed = scenes["reason"] == ""
        images = scenes["image"].astype(np.float32)
        self.whole, self.broken = (images[passed & (scenes["broken"] == value)] for value in (0, 1))
        bare = scenes["truth"][passed & (scenes["kind"] != "glasses")].astype(np.float32)
        if more_whole is not None:
            self.whole = np.concatenate([self.whole, more_whole])
        self.faces = np.concatenate([self.whole, bare])

    def draw(self) -> tuple[np.ndarray, bool]:
        rng = self.rng
        choice = rng.random()
        if choice < 0.22:
            return self._varied(self._one(self.broken)), True
        if choice < 0.3:
            return self._varied(self.torn(self._with_glasses(self._mixed(), 0.15))), True
        if choice < 0.5:
            while True:
                image, covered = self._covered(self._with_glasses(self._mixed(), 0.15))
                if covered >= 0.07:
                    return self._varied(image), True
        image = self._mixed() if rng.random() < 0.6 else self._one(self.whole)
        if rng.random() < 0.15:
            other, covered = self._covered(image)
            image = other if covered < 0.01 else image
        return self._varied(self._with_glasses(image, 0.2)), False

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

    def _with_glasses(self, image: np.ndarray, share: float) -> np.ndarray:
        rng = self.rng
        if rng.random() >= share:
            return image
        image, tone, thick = image.copy(), float(rng.uniform(0, 90)), int(rng.choice([1, 1, 2, 3]))
        y, wide, high, out = (
            44 + rng.normal(0, 2),
            rng.uniform(14, 20),
            rng.uniform(9, 17),
            rng.uniform(21, 25),
        )
        for side in (-1, 1):
            x = 64 + side * out
            if rng.random() < 0.5:
                cv2.ellipse(
                    image, (int(x), int(y)), (int(wide), int(high)), 0, 0, 360, tone, thick, cv2.LINE_AA
                )
            else:
                corners = [(int(x + s * wide), int(y + s * 0.8 * high)) for s in (-1, 1)]
                cv2.rectangle(image, *corners, tone, thick, cv2.LINE_AA)
            temple = (int(x + side * wide), int(y - 2)), (64 + side * 60, int(y - 4))
            cv2.line(image, *temple, tone, thick, cv2.LINE_AA)
        cv2.line(
            image, (int(64 - out + wide), int(y)), (int(64 + out - wide), int(y)), tone, thick, cv2.LINE_AA
        )
        return image

    def _covered(self, image: np.ndarray) -> tuple[np.ndarray, float]:
        """The picture with something before the face, perhaps mirrored; and the share of the core that it covers."""
        rng = self.rng
        kind = str(rng.choice(["hand", "hand", "hand", "ellipse", "polygon", "half", "strands", "bottom"]))
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
        kind = rng.choice(["half up or down", "half aside", "lower part aside", "streaks"])
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

    def _strands(self, image: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        rng = self.rng
        image, cover = image.copy(), np.zeros((128, 128), np.float32)
        low, high = np.sort(rng.uniform(0, 70, 2))
        tone, is_right = rng.uniform(10, 140), rng.random() < 0.5
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
            share = cv2.GaussianBlur(mask, (0, 0), rng.uniform(0.5, 2)).astype(np.float32) / 255
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


def images_of(dataset: Path) -> np.ndarray:
    """The frontal pictures of a dataset without its augmented samples, each three times: they are few."""
    coded = [
        row["image"]["bytes"]
        for file in sorted((dataset / "data").glob("*.parquet"))
        for row in pq.read_table(file, columns=["image", "augmentation"]).to_pylist()
        if row["augmentation"] == "none"
    ]
    images = [cv2.imdecode(np.frombuffer(png, np.uint8), cv2.IMREAD_GRAYSCALE) for png in coded]
    return np.array(images * 3, dtype=np.float32)


def train(files: list[Path], model: Path, pictures: int, epochs: int, dataset: Path | None) -> None:
    import tensorflow as tf
    from tensorflow import keras

    keras.utils.set_random_seed(0)
    whole = None if dataset is None else images_of(dataset)
    start, source = time.perf_counter(), Pictures(read_scenes(files), 5, whole)
    inputs, labels = np.empty((pictures, 64, 64, 1), np.float32), np.empty(pictures, np.float32)
    for number in range(pictures):
        image, broken = source.draw()
        inputs[number], labels[number] = normalised(image), not broken
    print(f"{pictures} pictures in {time.perf_counter() - start:.0f} s")
    layers = keras.layers
    x = view = layers.Input((64, 64, 1), batch_size=None)
    for channels in (12, 24, 32, 32):
        x = layers.Conv2D(channels, 3, strides=2, padding="same", use_bias=False)(x)
        x = layers.ReLU()(layers.BatchNormalization()(x))
    x = layers.Dropout(0.4)(layers.Flatten()(x))
    x = layers.Dropout(0.3)(layers.Dense(24, activation="relu")(x))
    network = keras.Model(view, layers.Dense(1)(x))
    rate = keras.optimizers.schedules.CosineDecay(2e-3, epochs * (pictures // 128))
    loss = keras.losses.BinaryCrossentropy(from_logits=True, label_smoothing=0.02)
    network.compile(keras.optimizers.AdamW(rate, weight_decay=1e-3), loss)
    network.fit(inputs, labels, batch_size=128, epochs=epochs, verbose=0)
    print(f"trained after {time.perf_counter() - start:.0f} s")
    export = keras.Sequential([layers.Input(batch_shape=(1, 64, 64, 1)), network])
    converter = tf.lite.TFLiteConverter.from_keras_model(export)
    model.write_bytes(converter.convert())


def judge(files: list[Path]) -> None:
    """Prints the shares that the gates stop, at the default threshold and at others."""
    scenes = read_scenes(files)
    scores = np.array([view_score(image) for image in scenes["image"]])
    passed, broken = scenes["reason"] == "", scenes["broken"]
    print("| scenes | whole | of these dropped by view_score < 0.5 | broken | dropped by an earlier gate | passed on to"
          " view_score | of these dropped | of all broken dropped |\n|---|---|---|---|---|---|---|---|")  # fmt: skip
    for kind in (*KINDS, "all"):
        of_kind = (scenes["kind"] == kind) | (kind == "all")
        whole, bad = of_kind & passed & (broken == 0), of_kind & (broken == 1)
        left = bad & passed
        low = scores < 0.5
        print(
            f"| {kind} | {whole.sum()} | {_share(low[whole])} | {bad.sum()} | {(bad & ~passed).sum()} |"
            f" {left.sum()} | {_share(low[left])} | {_share((low | ~passed)[bad])} |"
        )
    pictures = Pictures(scenes, seed=9)
    torn = [view_score(pictures.torn(image).clip(0, 255).astype(np.uint8)) for image in pictures.whole]
    print(f"\nTorn on purpose: {_share(np.array(torn) < 0.5)} of {len(torn)} dropped.")
    print(
        "\n| threshold | whole dropped | broken dropped, of those passed on | of all broken |\n|---|---|---|---|"
    )
    whole, bad = passed & (broken == 0), broken == 1
    for limit in (0.05, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9):
        low = scores < limit
        print(
            f"| {limit} | {_share(low[whole])} | {_share(low[bad & passed])} | {_share((low | ~passed)[bad])} |"
        )


def _share(values: np.ndarray) -> str:
    return f"{np.mean(values):.1%}" if len(values) else "-"


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    steps = parser.add_subparsers(dest="step", required=True)
    scenes = steps.add_parser("scenes")
    scenes.add_argument("file", type=Path)
    scenes.add_argument("photos", type=Path, nargs="*")
    scenes.add_argument("--people", choices=("even", "odd"), required=True)
    scenes.add_argument("--seed", type=int, required=True)
    scenes.add_argument("--count", type=int, default=SCENES)
    training = steps.add_parser("train")
    training.add_argument("files", type=Path, nargs="+")
    training.add_argument("--model", type=Path, required=True)
    training.add_argument("--pictures", type=int, default=22_000)
    training.add_argument("--epochs", type=int, default=10)
    training.add_argument("--whole", type=Path, help="a dataset of sample films, whose faces are whole")
    judging = steps.add_parser("judge")
    judging.add_argument("files", type=Path, nargs="+")
    asked = parser.parse_args()
    if asked.step == "scenes":
        write_scenes(asked.file, asked.photos, asked.people, asked.seed, asked.count)
    elif asked.step == "train":
        train(asked.files, asked.model, asked.pictures, asked.epochs, asked.whole)
    else:
        judge(asked.files)


if __name__ == "__main__":
    main()
