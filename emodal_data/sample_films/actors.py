"""Makes an actor from a portrait (face, skin, hair, clothes), who can turn the head and show expressions.

The texture is made once per actor. A pose gives an inverse map, which layer.py applies to the texture.
"""

import math
from dataclasses import dataclass, replace

import cv2
import numpy as np
import numpy.typing as npt
from scipy.spatial import Delaunay

from emodal_data.face import canonical_face, fit_pose
from emodal_data.sample_films.clothes import dressed
from emodal_data.sample_films.expressions import MOUTH_RIM, closed_face, jaw_displacement
from emodal_data.sample_films.looks import FACE_OVAL, eye_weight, face_mask, recoloured
from emodal_data.sample_films.masks import soft_mask
from emodal_data.sample_films.materials import Picture
from emodal_data.sample_films.meshes import STEP_PX, Floats, Grid, Ints, Map, inverse_map
from emodal_data.sample_films.portraits import FACE_WIDTH_PX, Portrait, portraits

#: The head turns about this point, between the ears, cm in the canonical face's axes.
PIVOT_CM = np.array([0.0, -2.0, -5.0])
#: Hair and ears turn as if they were this far in front of the pivot.
HAIR_DEPTH_CM = 1.8
#: Share of the actors of each portrait in everyday clothes instead of those of the photo.
DRESSED = (1.0, 0.6, 0.6)
#: Share of another photographed face in an actor's: at more than half, the actor would be a third person.
OTHER_FACE = (0.15, 0.5)
#: Opening of the mouth in the texture: warping can close an open mouth, but cannot open a closed one.
OPEN_MOUTH_CM = 1.3


@dataclass(frozen=True)
class Turn:
    """Pose of the head in degrees. yaw: nose to the right of the picture; pitch: up; roll: clockwise.

    emodal_data/face/ measures the same angles in the same order.
    """

    yaw_deg: float
    pitch_deg: float
    roll_deg: float

    def rotation(self) -> Floats:
        """(3, 3), axes x right, y up, z toward the viewer: about y, then about x, then in the picture's plane."""
        (yaw_cos, yaw_sin), (pitch_cos, pitch_sin), (roll_cos, roll_sin) = (
            (math.cos(math.radians(angle)), math.sin(math.radians(angle)))
            for angle in (self.yaw_deg, self.pitch_deg, self.roll_deg)
        )
        about_y = np.array([[yaw_cos, 0, yaw_sin], [0, 1, 0], [-yaw_sin, 0, yaw_cos]])
        about_x = np.array([[1, 0, 0], [0, pitch_cos, pitch_sin], [0, -pitch_sin, pitch_cos]])
        in_plane = np.array([[roll_cos, roll_sin, 0], [-roll_sin, roll_cos, 0], [0, 0, 1]])
        return np.asarray(in_plane @ about_x @ about_y)


@dataclass(frozen=True, eq=False)
class Actor:
    """One identity.

    texture: (h, w, 3) RGB and alpha: (h, w), the person facing the camera, mouth open. face_cm: (468, 3) the neutral
    face. texture_px: (n, 2) place of every vertex in the texture: the face, then the ring around the head
    (`ring`), then the vertices that never move. triangles: (t, 3) vertex numbers. eyes: (h, w) weight of eye_weight().
    """

    texture: Picture
    alpha: Picture
    face_cm: Floats
    texture_px: Floats
    triangles: Ints
    ring: slice
    still: slice
    eyes: npt.NDArray[np.float32]
    pivot_px: Floats
    px_per_cm: float

    @property
    def moving_box(self) -> tuple[float, float, float, float]:
        """x0, y0, x1, y1 in the texture: outside of this box nothing moves, whatever the pose."""
        (x0, y0), (x1, y1) = (f(self.texture_px[self.still], axis=0) for f in (np.min, np.max))
        return float(x0), float(y0), float(x1), float(y1)

    @property
    def size(self) -> tuple[int, int]:
        """Width and height of the texture."""
        return self.texture.shape[1], self.texture.shape[0]

    def face_px(self, turn: Turn, displacement_cm: Floats, scale: float) -> Floats:
        """(468, 3) vertices in the rendered picture at `scale`: x, y px, and depth in px, larger is nearer."""
        turned = (self.face_cm + displacement_cm - PIVOT_CM) @ turn.rotation().T * [1.0, -1.0, 1.0]
        placed = turned * self.px_per_cm
        placed[:, :2] += self.pivot_px
        return np.asarray(placed * scale)

    def vertices_px(self, turn: Turn, displacement_cm: Floats, scale: float) -> tuple[Floats, Floats]:
        """All vertices in the rendered picture at `scale`, (n, 2) px, and their depth, (n,)."""
        face = self.face_px(turn, displacement_cm, scale)
        yaw, pitch, roll = (math.radians(a) for a in (turn.yaw_deg, turn.pitch_deg, turn.roll_deg))
        # Hair follows the face only partly; more would show that the photo is flat.
        follow = np.array([math.sin(yaw), -math.sin(pitch)]) * (HAIR_DEPTH_CM * self.px_per_cm)
        spin = np.array([[math.cos(roll), -math.sin(roll)], [math.sin(roll), math.cos(roll)]])
        ring = (self.texture_px[self.ring] - self.pivot_px + follow) @ spin.T + self.pivot_px
        around = np.concatenate([ring, self.texture_px[self.ring.stop :]]) * scale
        # Hair and body lie behind the face.
        depth = np.concatenate([face[:, 2], np.full(len(around), -1e3)])
        return np.concatenate([face[:, :2], around]), depth

    def posed(self, turn: Turn, displacement_cm: Floats, grid: Grid) -> Map:
        """Inverse map of the rendered picture at the cells of a grid, (rows, columns, 2)."""
        target, depth = self.vertices_px(turn, displacement_cm, grid.scale)
        middle = np.array([grid.left, grid.top]) + STEP_PX // 2
        cells = (grid.columns, grid.rows)
        return inverse_map((target - middle) / STEP_PX, depth, self.texture_px, self.triangles, cells)


def draw_actor(portrait: int, rng: np.random.Generator) -> Actor:
    """A new identity from a portrait: a share of another face, other proportions, skin, hair and clothes."""
    everyone = portraits()
    host = everyone[portrait]
    donor = everyone[int(rng.choice([0, 2]))]
    blend = float(rng.uniform(*OTHER_FACE)) if donor is not host else 0.0
    rgb = _blended(host, donor, blend)
    # A generator of its own: what the rest of the film draws does not depend on how an actor looks.
    look = np.random.default_rng(rng.integers(1 << 63, size=6))
    rgb, alpha = recoloured(rgb, host, look), host.alpha
    if look.random() < DRESSED[portrait]:
        rgb, alpha = dressed(rgb, alpha, host.points[152, :2], FACE_WIDTH_PX, look)
    face_cm = _proportions(closed_face(), rng)
    actor = _mesh(rgb, alpha, host, face_cm)
    actor = _mirrored(actor) if rng.random() < 0.5 else actor
    return replace(actor, eyes=eye_weight(actor.texture_px, actor.alpha.shape))


def _blended(host: Portrait, donor: Portrait, share: float) -> Picture:
    """The host's picture with `share` of the donor's face blended in, matched in colour, with a soft edge."""
    if share == 0.0:
        return host.rgb
    height, width = host.rgb.shape[:2]
    triangles = canonical_face().triangles
    mapped = inverse_map(
        host.points[:, :2], -host.points[:, 2], donor.points[:, :2], triangles, (width, height)
    )
    warped = cv2.remap(donor.rgb, mapped, None, cv2.INTER_LINEAR).astype(np.float32)
    inside = face_mask(host)
    weights = inside[:, :, None]
    own = host.rgb.astype(np.float32)
    mean_own = (own * weights).sum((0, 1)) / weights.sum()
    mean_donor = (warped * weights).sum((0, 1)) / weights.sum()
    warped *= mean_own / np.maximum(mean_donor, 1.0)
    mixed = own + (warped - own) * (weights * share)
    return _uint8(np.clip(mixed, 0, 255))


def _proportions(face_cm: Floats, rng: np.random.Generator) -> Floats:
    """A neutral face with other proportions: width, length, jaw, brow, nose, mouth, depth."""
    x, y, z = face_cm.T.copy()
    draw = np.clip(rng.normal(0.0, 1.0, 8), -2.0, 2.0)
    low = np.clip(-(y + 2.0) / 7.0, 0.0, 1.0)
    high = np.clip((y - 2.0) / 6.0, 0.0, 1.0)
    x *= 1 + 0.035 * draw[0] + 0.06 * draw[1] * low + 0.03 * draw[2] * high
    near_nose = np.exp(-((x / 2.2) ** 2)) * np.exp(-(((y + 1.0) / 2.0) ** 2))
    mouth = np.exp(-(((y + 4.3) / 1.5) ** 2)) * np.exp(-((x / 3.2) ** 2))
    x *= 1 + 0.12 * draw[3] * near_nose + 0.07 * draw[4] * mouth
    y = y * (1 + 0.03 * draw[5]) + 0.12 * draw[6] * np.exp(-(((y - 4.6) / 1.2) ** 2)) - 0.35 * draw[2] * low
    z = z * (1 + 0.08 * draw[7]) + 0.4 * draw[3] * near_nose
    return np.stack([x, y, z], axis=1)


def _mesh(rgb: Picture, alpha: Picture, host: Portrait, face_cm: Floats) -> Actor:
    """The actor whose texture is the portrait turned to the camera, with the mouth opened and filled."""
    pose = fit_pose(host.points)
    height, width = rgb.shape[:2]
    columns, rows = np.linspace(0, width, 5), np.linspace(0, height, 5)
    border = [(x, y) for x in columns for y in (0.0, height)] + [
        (x, y) for y in rows[1:-1] for x in (0.0, width)
    ]
    # Vertices around the head and at the collar do not move: the neck stretches, the clothes do not.
    chin, centre = host.points[152, :2], host.points[:, :2].mean(axis=0)
    collar = chin + np.array([(dx, 0.55) for dx in (-0.6, -0.3, 0.0, 0.3, 0.6)]) * FACE_WIDTH_PX
    still = np.concatenate([centre + (host.head_ring - centre) * 1.15, collar])
    still = np.clip(still, 1.0, [width - 1.0, height - 1.0])
    outside = np.concatenate([host.head_ring, still, np.array(border)])
    ring_end = 468 + len(host.head_ring)
    photo = Actor(
        texture=rgb,
        alpha=alpha,
        face_cm=face_cm,
        texture_px=np.concatenate([host.points[:, :2], outside]),
        triangles=_triangles(host, outside),
        ring=slice(468, ring_end),
        still=slice(ring_end, ring_end + len(still)),
        eyes=np.zeros((height, width), np.float32),
        pivot_px=pose.project(PIVOT_CM[None])[0],
        px_per_cm=pose.scale_px_per_cm,
    )
    jaw_cm = jaw_displacement() * OPEN_MOUTH_CM
    # The hair is rotated back by the photo's roll; the face faces the camera whatever its pose in the photo.
    around, depth = photo.vertices_px(Turn(0.0, 0.0, -pose.roll_deg), jaw_cm, 1.0)
    vertices = np.concatenate([photo.face_px(Turn(0.0, 0.0, 0.0), jaw_cm, 1.0)[:, :2], around[468:]])
    mapped = inverse_map(vertices, depth, photo.texture_px, photo.triangles, photo.size)
    texture = cv2.remap(rgb, mapped, None, cv2.INTER_LINEAR)
    alpha = cv2.remap(alpha, mapped, None, cv2.INTER_LINEAR)
    _paint_mouth(texture, vertices[list(MOUTH_RIM)])
    return replace(photo, texture=_uint8(texture), alpha=_uint8(alpha), texture_px=vertices)


def _triangles(host: Portrait, outside: Floats) -> Ints:
    """Triangles of the face, and those that connect it with the rest of the picture."""
    oval = np.array(FACE_OVAL)
    corners = np.concatenate([host.points[oval, :2], outside])
    numbers = np.concatenate([oval, 468 + np.arange(len(outside))])
    joins = Delaunay(corners).simplices
    joins = joins[(joins >= len(oval)).any(axis=1)]
    return np.concatenate([canonical_face().triangles, numbers[joins]]).astype(np.intp)


def _paint_mouth(texture: npt.NDArray[np.generic], rim: Floats) -> None:
    """Fill the opened mouth: dark, with the upper row of teeth and a tongue. rim: (20, 2) px."""
    (left, top), (right, bottom) = rim.min(axis=0), rim.max(axis=0)
    centre, height = (left + right) / 2, bottom - top
    inside = np.full(texture.shape, (52, 16, 18), np.uint8)
    for middle_y, half_width, half_height, colour in (
        (bottom, 0.36 * (right - left), 0.3 * height, (130, 60, 60)),
        (top, 0.36 * (right - left), 0.27 * height, (180, 170, 160)),
    ):
        axes = (round(half_width), round(half_height))
        cv2.ellipse(inside, (round(centre), round(middle_y)), axes, 0, 0, 360, colour, -1)
    inside = cv2.GaussianBlur(inside, (0, 0), 2.0)
    weight = soft_mask(texture.shape[:2], rim, soft_px=1.2)[:, :, None]
    texture[...] = (texture + (inside.astype(np.float32) - texture) * weight).astype(np.uint8)


def _mirrored(actor: Actor) -> Actor:
    """The same person, mirrored."""
    width, _ = actor.size
    partner = canonical_face().mirror
    texture_px = actor.texture_px * [-1.0, 1.0] + [width, 0.0]
    texture_px[:468] = texture_px[:468][partner]
    # Face vertices change places with their mirror partners, and so do the triangles that connect them with the rest.
    triangles = actor.triangles.copy()
    joins = triangles[898:]
    triangles[898:] = np.where(joins < 468, partner[np.minimum(joins, 467)], joins)
    return replace(
        actor,
        texture=_uint8(actor.texture[:, ::-1]),
        alpha=_uint8(actor.alpha[:, ::-1]),
        face_cm=actor.face_cm[partner] * [-1.0, 1.0, 1.0],
        texture_px=texture_px,
        triangles=triangles,
        pivot_px=np.array([width - actor.pivot_px[0], actor.pivot_px[1]]),
    )


def _uint8(picture: npt.NDArray[np.generic]) -> Picture:
    return np.ascontiguousarray(picture.astype(np.uint8))
