"""Tears and microphones painted into normalised pictures of whole faces while a network trains."""

import cv2
import numpy as np
from face_scenes import CORE

#: Of whole pictures, the shares that are torn and that get a microphone.
TORN, WITH_MICROPHONE = 0.14, 0.08
#: The core at the side of the network's input, and x and y of its pixels, (2, 64, 64).
SMALL_CORE = CORE[::2, ::2] | CORE[1::2, 1::2]
Y, X = np.mgrid[:64, :64]


def painted(views: np.ndarray, whole: np.ndarray, rng: np.random.Generator) -> None:
    """Tears and covers some whole pictures, (n, 64, 64), in place; they are no longer whole."""
    for number in np.nonzero(whole)[0]:
        choice = rng.random()
        if choice < TORN + WITH_MICROPHONE:
            other = (_torn if choice < TORN else _with_microphone)(views[number], rng)
            if other is not None:
                views[number], whole[number] = other, False


def _torn(view: np.ndarray, rng: np.random.Generator) -> np.ndarray | None:
    """A rectangle or an ellipse, most often at a corner of the mouth, shows another place; None if little differs."""
    high, wide = rng.integers(8, 19, 2)
    side = rng.choice([-1, 1])
    places = (
        (38, 32 + side * rng.uniform(3, 14)),
        (12, 32 + side * 12),
        (28, 32 + side * rng.uniform(0, 12)),
        (rng.uniform(12, 50), rng.uniform(18, 46)),
    )
    middle_y, middle_x = places[rng.choice(4, p=(0.6, 0.12, 0.13, 0.15))]
    top, left = int(middle_y + rng.normal(0, 2) - high / 2), int(middle_x + rng.normal(0, 2) - wide / 2)
    angle, far = rng.uniform(0, 2 * np.pi), rng.uniform(3, 10)
    down, right = round(far * np.sin(angle)), round(far * np.cos(angle))
    share = np.zeros((64, 64), np.float32)
    if rng.random() < 0.6:
        share[max(top, 0) : top + high, max(left, 0) : left + wide] = 1
    else:
        far_y, far_x = (Y - top - high / 2) / (high / 2), (X - left - wide / 2) / (wide / 2)
        share[far_y**2 + far_x**2 < 1] = 1
    if rng.random() < 0.5:
        share = cv2.GaussianBlur(share, (0, 0), rng.uniform(0.5, 1.5))
    move = np.array([[1, 0, right], [0, 1, down]], np.float32)
    moved = cv2.warpAffine(view, move, (64, 64), borderMode=cv2.BORDER_REPLICATE)
    torn = view * (1 - share) + moved * share
    is_seen = (np.abs(torn - view)[SMALL_CORE] > 0.5 * view[SMALL_CORE].std()).mean() >= 0.04
    return torn if is_seen else None


def _with_microphone(view: np.ndarray, rng: np.random.Generator) -> np.ndarray | None:
    """A ball with a handle, plain, striped, with a grid or rough; None if it covers little of the core."""
    y, x, radius = rng.uniform(36, 52), rng.normal(32, 6), rng.uniform(6, 11)
    ball = ((Y - y) / radius) ** 2 + ((X - x) / (radius * rng.uniform(0.75, 1))) ** 2 < 1
    handle = np.zeros((64, 64), np.float32)
    ends = (int(x), int(y)), (int(x + rng.uniform(-16, 16)), int(y + 40))
    cv2.line(handle, *ends, 1, max(1, int(radius * rng.uniform(0.4, 1.0))), cv2.LINE_AA)
    share = np.maximum(ball.astype(np.float32), handle)
    tone = np.full((64, 64), rng.uniform(-2.6, 1.5), np.float32)
    kind, wave, strong = rng.integers(4), 2 * np.pi / rng.uniform(2, 5), rng.uniform(0.2, 1.5)
    if kind == 1:
        tone += strong * np.sin(wave * Y + rng.uniform(0, 6))
    elif kind == 2:
        tone += strong * 0.5 * (np.sin(wave * Y) + np.sin(wave * X))
    elif kind == 3:
        tone += strong * cv2.GaussianBlur(rng.normal(0, 1, (64, 64)).astype(np.float32), (0, 0), 0.7)
    if rng.random() < 0.7:
        share = cv2.GaussianBlur(share, (0, 0), rng.uniform(0.3, 1.2))
    covered = (view * (1 - share) + share * tone).clip(-3, 3)
    return covered if (share[SMALL_CORE] > 0.5).mean() >= 0.075 else None
