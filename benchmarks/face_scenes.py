"""Draws faces of known pose behind hands, hair, microphones, cups, telephones and other heads.

Bare ones are drawn too: bowed, side-lit, blocky, with glasses, beards, make-up, open and crooked mouths, a tongue.

The truth of a scene is the same face seen from the front without anything before it; `is_broken` compares.
"""

import copy
from dataclasses import dataclass
from unittest import mock

import cv2
import numpy as np

from emodal_data.face import LANDMARKS68, frontal, frontalize
from emodal_data.face.surface import canonical_surface
from tests.face.rendered import PX_PER_CM as CM
from tests.face.rendered import SIZE_PX, Actor

SURFACE = canonical_surface()
CORE = SURFACE.inside & (np.abs(SURFACE.x_cm) < 5.5) & (SURFACE.y_cm > -8)
#: What can be before a face; scenes of the other kinds show all of it, but for hair at its edge.
OCCLUDERS = (
    "hand at the cheek",
    "hand at the mouth",
    "hand at the eye",
    "hand at the brow",
    "hair",
    "microphone",
    "other head",
    "cup",
    "telephone",
)
BARE = (
    "clear",
    "glasses",
    "dark glasses",
    "bowed or raised",
    "side light",
    "half in shadow",
    "low side light",
    "blocks",
    "beard",
    "make-up",
    "crooked mouth",
    "wide open mouth",
    "tongue",
)
KINDS = (*BARE, "hair at the edge", *OCCLUDERS)
#: The inner border of the lips in the mesh: the upper one and the lower one, both from one corner to the other.
UPPER_LIP = [78, 191, 80, 81, 82, 13, 312, 311, 310, 415, 308]
LOWER_LIP = [78, 95, 88, 178, 87, 14, 317, 402, 318, 324, 308]
#: Shares of the core that are covered, and the difference from the truth (see difference), of whole and broken views.
WHOLE, BROKEN = (0.02, 0.7), (0.08, 1.0)


@dataclass(frozen=True, eq=False)
class Scene:
    """A frame of a face. rgb: (400, 400, 3). covered: (400, 400) 255 where something is before the face.

    truth: (128, 128) the frontal picture of the bare face. landmarks: (468, 2) exact pixels.
    """

    kind: str
    rgb: np.ndarray
    covered: np.ndarray
    truth: np.ndarray
    landmarks: np.ndarray
    yaw_deg: float
    pitch_deg: float


def draw_scene(actor: Actor, kind: str, rng: np.random.Generator) -> Scene:
    yaw, pitch, roll = rng.uniform(-42, 42), rng.uniform(-12, 12), rng.uniform(-12, 12)
    if kind == "bowed or raised":
        yaw, pitch = rng.uniform(-30, 30), rng.choice([-1, 1]) * rng.uniform(15, 35)
    open_cm = max(0.0, rng.normal(0, 0.7))
    if kind == "wide open mouth":
        open_cm = rng.uniform(1.5, 3.0)
    lamp = {"side light": "side", "half in shadow": "half", "low side light": "low"}.get(
        kind, "side" if rng.random() < 0.25 else ""
    )
    if kind == "crooked mouth":
        actor = _crooked(actor, rng)
    if kind == "tongue":
        open_cm = rng.uniform(0.3, 1.2)
    lit = _opened(_lit(_painted(actor, kind, rng), lamp, rng), open_cm)
    mouth = _Mouth(open_cm, has_tongue_out=kind == "tongue", rng=rng)
    drawn, straight = lit.draw(yaw, pitch, roll), lit.draw()
    points = drawn.landmarks468
    bare, front = mouth.on(drawn.rgb, points), mouth.on(straight.rgb, straight.landmarks468)
    near = -1 if yaw > 0 else 1  # the side of the picture with the half that is seen better
    side = near if rng.random() < 0.7 else -near
    rgb = bare
    if kind == "glasses":
        style = rng.uniform([10, 0.12], [60, 0.35])
        rgb, front = _glasses(bare, points, *style), _glasses(front, straight.landmarks468, *style)
    elif kind == "dark glasses":
        lenses = _Lenses(rng)
        rgb, front = lenses.on(bare, points), lenses.on(front, straight.landmarks468)
    elif kind.startswith("hand"):
        cheek = points[205 if side < 0 else 425] * 0.6 + points[123 if side < 0 else 352] * 0.4
        place = {
            "cheek": cheek,
            "mouth": points[13],
            "eye": points[159 if side < 0 else 386],
            "brow": points[105 if side < 0 else 334],
        }[kind.split()[-1]]
        rgb = _hand(bare, points, place + rng.normal(0, 0.6 * CM, 2), rng)
    elif kind == "hair":
        rgb = _hair(bare, points, side, rng.uniform(0.1, 0.9), rng)
    elif kind == "hair at the edge":
        for each in (-1, 1):
            rgb = _hair(rgb, points, each, rng.uniform(-0.15, 0.1), rng)
    elif kind == "cup":
        rgb = _cup(bare, points, rng)
    elif kind == "telephone":
        rgb = _telephone(bare, points, side, rng)
    elif kind == "microphone":
        place = points[17] + np.array([rng.normal(0, 0.8), rng.uniform(-1.5, 4)]) * CM
        rgb = _microphone(bare, place, rng)
    elif kind == "other head":
        rgb = _other_head(bare, points, side, rng.uniform(0.1, 0.95), rng)
    covered = np.zeros(bare.shape[:2], np.uint8)
    if kind not in BARE:
        covered[np.abs(rgb.astype(int) - bare).max(axis=2) > 6] = 255
    truth = frontalize(front, straight.landmarks468[LANDMARKS68]).image
    return Scene(kind, _encoded(rgb, kind, rng), covered, truth, points, yaw, pitch)


def is_broken(image: np.ndarray, scene: Scene, landmarks68: np.ndarray) -> bool | None:
    """Whether a frontal picture of the scene is broken; None if it lies between whole and broken.

    landmarks68: those that the picture was made with: they also carry the cover into it, mirrored like the face.
    """
    covered = float((frontal_cover(scene, landmarks68)[CORE] > 100).mean())
    differs = difference(image, scene.truth)
    if covered >= BROKEN[0] or differs >= BROKEN[1]:
        return True
    return False if covered <= WHOLE[0] and differs <= WHOLE[1] else None


def frontal_cover(scene: Scene, landmarks68: np.ndarray) -> np.ndarray:
    """What covers the face, in the frontal picture; it has no light that could be matched."""
    with (
        mock.patch.object(frontal, "_light", return_value=1),
        mock.patch.object(frontal, "_gain", return_value=1),
    ):
        return frontalize(scene.covered, landmarks68).image


def difference(image: np.ndarray, truth: np.ndarray) -> float:
    """Mean squared difference of the worst eighth of 16 px blocks of the core, in local contrasts.

    The truth is first turned, moved and stretched until it fits best: a head that is measured too long or too wide is
    whole. Each block may then lie 3 px elsewhere, and the whole face 6 px: landmarks err.
    """
    here = _local_contrast(image)
    there = _fitted(_local_contrast(truth), here)
    margin = 9
    wide = cv2.copyMakeBorder(there, *[margin] * 4, cv2.BORDER_REPLICATE)

    def shifted(down: int, right: int) -> np.ndarray:
        return (here - wide[margin + down :, margin + right :][:128, :128]) ** 2

    moves = [(down, right) for down in range(-6, 7, 2) for right in range(-4, 5, 2)]
    best_down, best_right = min(moves, key=lambda move: shifted(*move)[CORE].mean())
    least = np.min(
        [
            cv2.blur(shifted(down, right), (16, 16))
            for down in range(best_down - 3, best_down + 4)
            for right in range(best_right - 3, best_right + 4)
        ],
        axis=0,
    )
    blocks = [
        least[y + 8, x + 8]
        for y in range(0, 113, 8)
        for x in range(0, 113, 8)
        if CORE[y : y + 16, x : x + 16].mean() > 0.7
    ]
    return float(np.mean(sorted(blocks)[-max(3, len(blocks) // 8) :]))


def _fitted(truth: np.ndarray, image: np.ndarray) -> np.ndarray:
    """The truth after the affine map that fits it to the picture, if there is one that stretches by at most a fifth."""
    steps = (cv2.TERM_CRITERIA_COUNT | cv2.TERM_CRITERIA_EPS, 30, 1e-3)
    try:
        _, move = cv2.findTransformECC(
            image, truth, np.eye(2, 3, dtype=np.float32), cv2.MOTION_AFFINE, steps, None, 5
        )
    except cv2.error:  # it did not converge
        return truth
    stretch = np.linalg.svd(move[:, :2], compute_uv=False)
    if stretch.max() > 1.2 or stretch.min() < 1 / 1.2:
        return truth
    flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
    fitted = cv2.warpAffine(truth, move, truth.shape, flags=flags, borderMode=cv2.BORDER_REPLICATE)
    is_better = ((fitted - image)[CORE] ** 2).mean() < ((truth - image)[CORE] ** 2).mean()
    return fitted if is_better else truth


def _local_contrast(image: np.ndarray) -> np.ndarray:
    smooth = cv2.GaussianBlur(image.astype(np.float32), (0, 0), 1.5)
    detail = smooth - cv2.GaussianBlur(smooth, (0, 0), 14)
    return detail / (np.sqrt(cv2.GaussianBlur(detail**2, (0, 0), 20)) + 6)


def _lit(actor: Actor, lamp: str, rng: np.random.Generator) -> Actor:
    """The actor with light painted on the face, so that it turns with it."""
    if not lamp:
        return actor
    places = actor.places[:468]
    low, size = places.min(axis=0), np.ptp(places, axis=0)
    height, width = actor.photo.shape[:2]
    x = ((np.arange(width) - low[0]) / size[0] * 2 - 1)[np.newaxis]
    y = ((np.arange(height) - low[1]) / size[1] * 2 - 1)[:, np.newaxis]
    side = rng.choice([-1, 1])
    if lamp == "side":
        light = 1 + 0.45 * side * np.clip(x, -1.2, 1.2) + 0 * y
    elif lamp == "low":
        light = np.maximum(0.12, 0.55 + 0.6 * side * np.clip(x, -0.9, 0.9) + 0.35 * np.clip(y, -1, 1))
    else:
        light = 0.3 + 0.7 / (1 + np.exp(-6 * (x * side + 0.3 * y * rng.uniform(-1, 1))))
    lit = copy.copy(actor)
    lit.photo = np.clip(actor.photo * light[..., np.newaxis], 0, 255).astype(np.uint8)
    return lit


def _painted(actor: Actor, kind: str, rng: np.random.Generator) -> Actor:
    """The actor with a beard or make-up painted on the skin."""
    if kind not in ("beard", "make-up"):
        return actor
    places, painted = actor.places[:468], copy.copy(actor)
    mask = np.zeros(actor.photo.shape[:2], np.uint8)
    unit = np.linalg.norm(places[133] - places[362]) / 3.5  # about a centimetre

    def fill(*outlines: tuple[int, ...], value: int = 255) -> None:
        for outline in outlines:
            cv2.fillPoly(mask, [np.round(places[list(outline)]).astype(np.int32)], value)

    if kind == "beard":
        fill(
            (
                93,
                132,
                58,
                172,
                136,
                150,
                149,
                176,
                148,
                152,
                377,
                400,
                378,
                379,
                365,
                397,
                288,
                361,
                323,
                425,
                287,
                164,
                57,
                205,
            )
        )
        fill((61, 39, 0, 269, 291, 405, 17, 181), value=0)
        hairs = cv2.GaussianBlur(rng.normal(0, 1, mask.shape), (0, 0), max(0.6, 0.05 * unit))
        colour = _hair_colour(rng) + (hairs / hairs.std() * rng.uniform(8, 30))[..., np.newaxis]
        share = cv2.GaussianBlur(mask, (0, 0), 0.25 * unit).astype(np.float32) / 255 * rng.uniform(0.4, 0.95)
    else:
        fill((61, 40, 37, 0, 267, 270, 291, 321, 314, 17, 84, 91))
        fill((33, 160, 158, 133, 55, 105, 46), (263, 387, 385, 362, 285, 334, 276), value=150)
        colour = np.array([rng.uniform(60, 200), rng.uniform(0, 60), rng.uniform(10, 90)])
        share = cv2.GaussianBlur(mask, (0, 0), 0.12 * unit).astype(np.float32) / 255 * rng.uniform(0.4, 0.9)
    share = share[..., np.newaxis]
    painted.photo = np.clip(actor.photo * (1 - share) + colour * share, 0, 255).astype(np.uint8)
    return painted


def _crooked(actor: Actor, rng: np.random.Generator) -> Actor:
    """The actor with one corner of the mouth higher, and the mouth beside its place."""
    bent = copy.copy(actor)
    x, y = actor.vertices[:, 0], actor.vertices[:, 1]
    near = np.exp(-((x / 4) ** 2) - ((y - actor.vertices[[13, 14], 1].mean()) / 2.2) ** 2)
    tilt = rng.choice([-1, 1]) * rng.uniform(0.12, 0.35)
    bent.vertices = actor.vertices + np.stack([near * rng.normal(0, 0.4), near * tilt * x, 0 * x], axis=1)
    return bent


def _opened(actor: Actor, open_cm: float) -> Actor:
    """The actor with the jaw dropped; the corners of the mouth stay, so that it becomes an oval."""
    opened, lips = copy.copy(actor), actor.vertices
    x, y = lips[:, 0], lips[:, 1]
    half = np.abs(lips[[78, 308], 0]).mean()
    middle, corner = lips[[13, 14], 1].mean(), lips[[78, 308], 1].mean()
    below = middle + (corner - middle) * np.clip((x / half) ** 2, 0, 1) - y
    lip, jaw = np.sqrt(np.clip(1 - (x / half) ** 2, 0, 1)), np.clip(1.4 - np.abs(x) / 6, 0, 1)
    share = np.clip(below / 0.1 + 0.5, 0, 1) * (lip + (jaw - lip) * np.clip(below / 2, 0, 1))
    share[LOWER_LIP], share[UPPER_LIP] = lip[LOWER_LIP], 0.0
    opened.vertices = lips - np.outer(share * open_cm, [0, 1, 0])
    return opened


class _Mouth:
    """What an open mouth shows: a dark cavity, teeth, and a tongue within it or put out."""

    def __init__(self, open_cm: float, has_tongue_out: bool, rng: np.random.Generator) -> None:
        self.is_open, self.has_tongue_out = open_cm >= 0.25, has_tongue_out
        self.has_teeth, self.has_tongue, self.has_lower_teeth = rng.random(3) < (0.75, 0.6, 0.15)
        self.dark, self.white, self.red = rng.uniform(0.08, 0.3), rng.uniform(0.9, 1.3), rng.uniform(0.5, 0.9)
        self.teeth_cm, self.tongue_share = rng.uniform(0.35, 0.9), rng.uniform(0.2, 0.5)
        self.out_cm, self.wide_cm, self.aside = (
            rng.uniform(1.5, 3.5),
            rng.uniform(2, 3.2),
            rng.normal(0, 0.25),
        )

    def on(self, rgb: np.ndarray, points: np.ndarray) -> np.ndarray:
        if not self.is_open:
            return rgb
        upper, lower = points[UPPER_LIP], points[LOWER_LIP]
        down = (points[152] - points[10]) / np.linalg.norm(points[152] - points[10])
        across = points[308] - points[78]
        x, y = points[[205, 425, 164, 18]].astype(int).clip(0, SIZE_PX - 1).T
        skin = np.median(rgb[y, x], axis=0)
        inside = _filled(rgb.shape[:2], np.concatenate([upper, lower[::-1]]))
        out = _pasted(rgb, inside, self.dark * skin * [1.0, 0.6, 0.6])
        gap = float(np.linalg.norm(points[14] - points[13]))
        tongue = np.minimum(skin * [1.0, 0.75, 0.75], 255) * self.red
        if self.has_tongue and not self.has_tongue_out:
            raised = lower - down * (self.tongue_share * gap) - across * 0.1 * np.linspace(-1, 1, 11)[:, None]
            out = _pasted(out, np.minimum(inside, _filled(rgb.shape[:2], [*raised, *lower[::-1]])), tongue, 2)
        for has, edge, way in ((self.has_teeth, upper, down), (self.has_lower_teeth, lower, -down)):
            if has:
                high = min(self.teeth_cm * CM, 0.6 * gap)
                mask = np.minimum(inside, _filled(rgb.shape[:2], [*edge, *(edge + way * high)[::-1]]))
                out = _pasted(out, mask, np.minimum(self.white * skin.mean() * np.array([1, 0.97, 0.9]), 240))
        if self.has_tongue_out:
            start = (points[13] + points[14]) / 2 + down * 0.2 * gap
            end = start + down * self.out_cm * CM + across * self.aside * 0.5
            wide = 0.5 * self.wide_cm / 5 * max(float(np.linalg.norm(across)), 2 * CM)
            normal = np.array([-down[1], down[0]])
            turn = np.linspace(0, np.pi, 12)[:, None]
            rounded = end + wide * (np.cos(turn) * normal + np.sin(turn) * down)
            mask = _filled(
                rgb.shape[:2], [start + 0.85 * wide * normal, *rounded, start - 0.85 * wide * normal]
            )
            inward = cv2.distanceTransform((mask > 127).astype(np.uint8), cv2.DIST_L2, 3)
            shade = 0.6 + 0.4 * np.clip(inward / (0.5 * wide + 1), 0, 1)[..., np.newaxis]
            out = _pasted(out, mask, tongue * shade)
            groove = [tuple(np.round(point).astype(int)) for point in (start, (start + 2 * end) / 3)]
            cv2.line(out, *groove, (tongue * 0.7).tolist(), 1, cv2.LINE_AA)
        return out


def _filled(shape: tuple[int, ...], outline: np.ndarray | list[np.ndarray]) -> np.ndarray:
    """255 within an outline of pixels, (n, 2), with a soft border."""
    mask = np.zeros(shape, np.uint8)
    cv2.fillPoly(mask, [np.round(np.asarray(outline) * 8).astype(np.int32)], 255, cv2.LINE_AA, 3)
    return mask


class _Lenses:
    """Dark glasses: a pilot's, a wayfarer's or round, from the landmarks of a face."""

    def __init__(self, rng: np.random.Generator) -> None:
        self.outline = rng.choice(["pilot", "wayfarer", "round"])
        self.tones = np.sort(rng.uniform(5, 90, 2)) if rng.random() < 0.5 else np.full(2, rng.uniform(5, 50))
        self.dark, self.frame = rng.uniform(0.75, 1.0), rng.uniform(5, 80)
        self.size, self.gleam, self.thick = (
            rng.uniform(0.9, 1.25),
            rng.random() < 0.6,
            int(rng.integers(1, 5)),
        )

    def on(self, rgb: np.ndarray, points: np.ndarray) -> np.ndarray:
        out, inner_ends = rgb, []
        for inner, outer, brow, below, temple in ((133, 33, 105, 50, 127), (362, 263, 334, 280, 356)):
            across = points[outer] - points[inner]
            down = points[below] - points[brow]
            middle = (points[inner] + points[outer]) / 2 + 0.06 * down
            shape = {
                "pilot": [(-0.6, -0.35), (0.8, -0.35), (0.85, 0.0), (0.4, 0.45), (-0.2, 0.5), (-0.6, 0.1)],
                "wayfarer": [(-0.7, -0.33), (0.95, -0.4), (0.75, 0.33), (-0.55, 0.33)],
                "round": [(0.75 * np.cos(a), 0.4 * np.sin(a)) for a in np.linspace(0, 2 * np.pi, 20)],
            }[self.outline]
            lens = np.array([middle + self.size * (u * across + v * down) for u, v in shape])
            whole = [np.round(lens * 8).astype(np.int32)]
            mask = np.zeros(rgb.shape[:2], np.uint8)
            cv2.fillPoly(mask, whole, 255, cv2.LINE_AA, 3)
            height = np.clip((np.arange(SIZE_PX) - lens[:, 1].min()) / np.ptp(lens[:, 1]), 0, 1)
            glass = self.tones[0] + (self.tones[1] - self.tones[0]) * height[:, np.newaxis, np.newaxis]
            out = _pasted(out, (mask * self.dark).astype(np.uint8), glass)
            if self.gleam:
                ends = (lens[0] * 0.7 + lens[2] * 0.3, lens[0] * 0.45 + lens[2] * 0.55)
                cv2.line(out, *(tuple(end.astype(int)) for end in ends), (190,) * 3, 2, cv2.LINE_AA)
            frame = (self.frame,) * 3
            cv2.polylines(out, whole, True, frame, self.thick, cv2.LINE_AA, 3)
            far = lens[np.argmax((lens - points[inner]) @ across)]
            cv2.line(
                out,
                tuple(far.astype(int)),
                tuple(points[temple].astype(int)),
                frame,
                self.thick + 1,
                cv2.LINE_AA,
            )
            inner_ends.append(tuple(lens[np.argmin((lens - points[inner]) @ across)].astype(int)))
        cv2.line(out, *inner_ends, (self.frame,) * 3, self.thick + 1, cv2.LINE_AA)
        return out


def _encoded(rgb: np.ndarray, kind: str, rng: np.random.Generator) -> np.ndarray:
    """The frame after compression: strong blocks at half to full size, or little."""
    size = rgb.shape[1::-1]
    quality = rng.uniform(50, 95)
    if kind == "blocks":
        scale, quality = rng.uniform(0.5, 1.0), rng.uniform(12, 40)
        rgb = cv2.resize(rgb, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
    _, coded = cv2.imencode(".jpg", rgb[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, int(quality)])
    decoded = cv2.imdecode(coded, cv2.IMREAD_COLOR_RGB)
    return decoded if decoded.shape[1::-1] == size else cv2.resize(decoded, size)


def _pasted(rgb: np.ndarray, mask: np.ndarray, colour: np.ndarray, soft_px: float = 0.8) -> np.ndarray:
    """The picture with a colour, or another picture, where the mask is 255, over a soft border."""
    share = cv2.GaussianBlur(mask, (0, 0), soft_px).astype(np.float32)[..., np.newaxis] / 255
    return np.clip(rgb * (1 - share) + colour * share, 0, 255).astype(np.uint8)


def _hand(rgb: np.ndarray, points: np.ndarray, tip: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """A palm and four fingers in about the colour of the face, shaded at their edges, each with a shadow."""
    x, y = points[[50, 280, 101, 330, 6, 197]].astype(int).clip(0, SIZE_PX - 1).T
    colour = np.median(rgb[y, x], axis=0) * rng.uniform(0.75, 1.15) * rng.uniform(0.94, 1.06, 3)
    angle, radius = rng.uniform(-0.5, 0.5) - np.pi / 2, rng.uniform(0.75, 0.95) * CM
    along = np.array([np.cos(angle), np.sin(angle)])
    across = np.array([-along[1], along[0]])
    base = tip - along * 2 * CM
    parts = [(base - along * 4 * CM, base - along * CM, 3.3 * CM)]
    for finger, longer in enumerate((-0.6, 0.3, 0.4, -0.9)):
        start = base + across * ((finger - 1.5) * 1.75 * radius + rng.normal(0, 0.1 * radius))
        spread = 0.06 * (finger - 1.5)
        way = along * np.cos(spread) + across * np.sin(spread)
        parts.append((start - along * CM, start + way * (5.5 + longer) * CM * rng.uniform(0.6, 1.0), radius))
    texture = 2 * cv2.GaussianBlur(rng.normal(0, 4, rgb.shape[:2]), (0, 0), 2)[..., np.newaxis]
    for start, end, width in parts:
        mask = np.zeros(rgb.shape[:2], np.uint8)
        ends = [tuple(np.round(point * 8).astype(int)) for point in (start, end)]
        cv2.line(mask, *ends, 255, max(1, int(2 * width)), cv2.LINE_AA, 3)
        shadow = 0.25 * cv2.GaussianBlur(mask, (0, 0), 5).astype(np.float32) / 255 * (mask < 128)
        inward = cv2.distanceTransform((mask > 127).astype(np.uint8), cv2.DIST_L2, 3) / (0.7 * radius)
        shade = 0.62 + 0.38 * np.clip(inward, 0, 1)[..., np.newaxis]
        rgb = _pasted(rgb * (1 - shadow[..., np.newaxis]), mask, colour * shade + texture)
    return rgb


def _hair(
    rgb: np.ndarray, points: np.ndarray, side: int, reach: float, rng: np.random.Generator
) -> np.ndarray:
    """Strands that hang down from above the forehead, from the edge of the face as far as `reach` of its half."""
    out = np.ascontiguousarray(rgb)
    colour = np.array(_hair_colour(rng))
    edge, middle, top = points[127 if side < 0 else 356, 0], points[6, 0], points[10, 1]
    span = sorted([edge + side * 1.5 * CM, edge * (1 - reach) + middle * reach])
    along = np.linspace(0, 1, 14)
    for _ in range(220):
        x = (
            rng.uniform(*span)
            + (0.8 * np.sin(2 * along + rng.uniform(0, 1)) + rng.normal(0, 0.2) * along) * CM
        )
        y = top - 2 * CM + rng.uniform(-1, 1) * CM + along * rng.uniform(9, 17) * CM
        strand = np.round(np.stack([x, y], axis=1) * 8).astype(np.int32)
        tone = np.clip(colour * rng.uniform(0.5, 1.5), 0, 255).tolist()
        cv2.polylines(out, [strand], False, tone, int(rng.choice([1, 2, 3])), cv2.LINE_AA, 3)
    return out


def _microphone(rgb: np.ndarray, place: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    out = np.ascontiguousarray(rgb)
    tone, radius = rng.uniform(20, 70), rng.uniform(1.3, 2.0) * CM
    end = place + np.array([rng.uniform(-4, 4), 12]) * CM
    middle = tuple(place.astype(int))
    cv2.line(out, middle, tuple(end.astype(int)), (0.6 * tone,) * 3, int(0.9 * radius), cv2.LINE_AA)
    head = np.zeros(out.shape[:2], np.uint8)
    cv2.ellipse(head, middle, (int(radius), int(1.25 * radius)), rng.uniform(-20, 20), 0, 360, 255, -1)
    grid = tone * cv2.GaussianBlur(rng.uniform(0.6, 1.6, out.shape[:2]), (0, 0), 1)
    shine = tuple((place - [0.35 * radius, 0.5 * radius]).astype(int))
    out = _pasted(out, head, grid[..., np.newaxis])
    cv2.ellipse(
        out, shine, (int(0.3 * radius), int(0.4 * radius)), 0, 0, 360, (tone + 70,) * 3, -1, cv2.LINE_AA
    )
    return out


def _cup(rgb: np.ndarray, points: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """A cup before the mouth: a body that narrows, with a darker side and an ear."""
    place = points[13] + rng.normal(0, 0.8, 2) * CM
    wide, high = rng.uniform(3.2, 4.5) * CM, rng.uniform(7, 9) * CM
    top = place[1] - rng.uniform(0.2, 2.5) * CM
    corners = np.array([[-wide, 0], [wide, 0], [0.75 * wide, high], [-0.75 * wide, high]])
    body = corners + np.array([place[0], top])
    mask = np.zeros(rgb.shape[:2], np.uint8)
    cv2.fillPoly(mask, [np.round(body).astype(np.int32)], 255, cv2.LINE_AA)
    cv2.ellipse(mask, (int(place[0]), int(top)), (int(wide), int(0.25 * wide)), 0, 0, 360, 255, -1)
    ear = (int(place[0] + rng.choice([-1, 1]) * wide), int(top + 0.4 * high))
    cv2.ellipse(mask, ear, (int(0.5 * wide), int(0.25 * high)), 0, 0, 360, 255, int(0.6 * CM), cv2.LINE_AA)
    shade = 1 - 0.35 * np.clip((np.arange(SIZE_PX) - place[0]) / wide * rng.choice([-1, 1]), -1, 1)
    return _pasted(rgb, mask, rng.uniform(40, 200, 3) * shade[np.newaxis, :, np.newaxis])


def _telephone(rgb: np.ndarray, points: np.ndarray, side: int, rng: np.random.Generator) -> np.ndarray:
    """A telephone held before a cheek and a part of the mouth or the eye, aslant."""
    place = points[205 if side < 0 else 425] + rng.normal(0, 0.8, 2) * CM
    box = (
        tuple(place),
        tuple(rng.uniform([6.5, 13], [7.5, 16]) * CM * rng.uniform(0.6, 0.9)),
        rng.uniform(-35, 35),
    )
    mask = np.zeros(rgb.shape[:2], np.uint8)
    cv2.fillPoly(mask, [np.round(cv2.boxPoints(box)).astype(np.int32)], 255, cv2.LINE_AA)
    out = _pasted(rgb, mask, np.full(3, rng.uniform(5, 60)), 0.5)
    corner = cv2.boxPoints((tuple(place), tuple(np.array(box[1]) * 0.9), box[2]))
    cv2.polylines(out, [np.round(corner).astype(np.int32)], True, (rng.uniform(60, 160),) * 3, 2, cv2.LINE_AA)
    return out


def _glasses(rgb: np.ndarray, points: np.ndarray, tone: float, thick_cm: float) -> np.ndarray:
    frame = np.zeros(rgb.shape[:2], np.uint8)
    thick = max(1, int(thick_cm * CM))
    for inner, outer, temple in ((133, 33, 127), (362, 263, 356)):
        middle = (points[inner] + points[outer]) / 2 + [0, 0.2 * CM]
        half = int(max(3, 0.85 * np.linalg.norm(points[inner] - points[outer])))
        cv2.ellipse(frame, tuple(middle.astype(int)), (half, int(2 * CM)), 0, 0, 360, 255, thick, cv2.LINE_AA)
        cv2.line(frame, *(tuple(points[p].astype(int)) for p in (outer, temple)), 255, thick, cv2.LINE_AA)
    cv2.line(frame, *(tuple(points[p].astype(int)) for p in (133, 362)), 255, thick, cv2.LINE_AA)
    return _pasted(rgb, frame, np.array(tone), 0.3)


def _other_head(
    rgb: np.ndarray, points: np.ndarray, side: int, reach: float, rng: np.random.Generator
) -> np.ndarray:
    """The back of a head in front, out of focus, from the edge of the face as far as `reach` of its half."""
    edge, middle = points[127 if side < 0 else 356, 0], points[6, 0]
    x = edge * (1 - reach) + middle * reach + side * 7.5 * CM
    y = points[1, 1] + rng.uniform(-1, 5) * CM
    mask = np.zeros(rgb.shape[:2], np.uint8)
    cv2.ellipse(mask, (round(x), round(y)), (int(7.5 * CM), int(10 * CM)), 0, 0, 360, 255, -1)
    cv2.rectangle(mask, (int(x - 9 * CM), int(y + 8 * CM)), (int(x + 9 * CM), SIZE_PX - 1), 255, -1)
    texture = cv2.GaussianBlur(rng.normal(0, 60, rgb.shape[:2]), (0, 0), sigmaX=1.2, sigmaY=8)
    return _pasted(rgb, mask, _hair_colour(rng) + texture[..., np.newaxis], rng.uniform(1, 4))


def _hair_colour(rng: np.random.Generator) -> np.ndarray:
    return rng.choice([[40.0, 28, 20], [90, 60, 35], [25, 22, 22], [170, 140, 90]])
