"""The blur of a face's edges, measured at the resolution of the film.

The variance of the Laplacian is small for a blurred face, but also for a clear one in soft light. The ratio of the
gradients of an edge at two scales depends on its blur alone: light and contrast change both alike.
"""

import math

import cv2
import numpy as np
import numpy.typing as npt

from emodal_data.face.types import AnyPicture, Points

Gray = npt.NDArray[np.float32]

#: Gaussian scale of the finer gradient, in pixels: of a small face, whose edges lie close together, and of a large one;
#: the coarser one has twice this scale. Between them it is a pixel of the 128 px picture.
_SMALL_FACE_PX, _LARGE_FACE_PX = 0.7, 1.0
#: What pixels and finite differences add to the variance of an edge, measured on drawn edges.
_PIXEL_PX2 = 0.52
#: A larger face is shrunk to this width first; its blur is then measured in larger pixels, which are enough.
_LONGEST_WIDTH_PX = 256.0
#: Edges count if they exceed the noise's gradients this many times; of these, the stronger half.
_ABOVE_NOISE = 4.0
#: With fewer edges nothing is measured, and the face has the largest blur.
_FEWEST_EDGES, _LARGEST_PX = 12, 10.0
#: Its response to noise of deviation 1 has deviation 6, and it cancels edges that are straight (Immerkaer 1996).
_NOISE_KERNEL = np.array([[1, -2, 1], [-2, 4, -2], [1, -2, 1]], dtype=np.float32)


def blur_px(rgb: AnyPicture, landmarks68: Points, scale: float) -> float:
    """Blur of a face's edges in pixels of its 128 px picture, at most 10; that of the film's own pixels does not count.

    rgb: (h, w, 3) uint8. landmarks68: (68, 2) pixels of it. scale: pixels of `rgb` per pixel of the 128 px picture.
    The number is the standard deviation of a Gaussian. A face of 64 px that fills its pixels has 0, like one of 300 px:
    its size is another measure.
    """
    low, high = landmarks68[17:].min(axis=0), landmarks68[17:].max(axis=0)
    margin = 0.05 * (high - low)
    height, width = rgb.shape[:2]
    x0, y0 = np.clip(np.floor(low - margin), 0, [width - 1, height - 1]).astype(int)
    x1, y1 = np.clip(np.ceil(high + margin), [x0 + 1, y0 + 1], [width, height]).astype(int)
    part = rgb[y0:y1, x0:x1]
    shrink = min(1.0, _LONGEST_WIDTH_PX / (128.0 * scale))
    if shrink < 1:
        size = max(1, round((x1 - x0) * shrink)), max(1, round((y1 - y0) * shrink))
        part = cv2.resize(part, size, interpolation=cv2.INTER_AREA)
    pixels = shrink * scale
    gray = cv2.cvtColor(part, cv2.COLOR_RGB2GRAY).astype(np.float32)
    measured_px = edge_blur_px(gray, min(max(pixels, _SMALL_FACE_PX), _LARGE_FACE_PX))
    return min(measured_px / pixels, _LARGEST_PX)


def edge_blur_px(gray: Gray, fine_px: float = _LARGE_FACE_PX) -> float:
    """Standard deviation of the Gaussian that blurs the strongest edges of a picture: their median, at most 10 px.

    gray: (h, w). fine_px: scale of the finer gradient. An edge of blur s, smoothed by a, has a gradient proportional to
    1 / sqrt(s^2 + a^2); the ratio R of its gradients at scales a < b gives s^2 = (b^2 - R^2 a^2) / (R^2 - 1). Source:
    Zhuo and Sim 2011 (defocus map estimation). Weak edges are left out, by a noise level of Immerkaer 1996 that is
    robust to the edges; it is for pixels of whole gray levels.
    """
    coarse_px = 2 * fine_px
    fine, coarse = _gradient(gray, fine_px), _gradient(gray, coarse_px)
    residual = np.abs(cv2.filter2D(gray, cv2.CV_32F, _NOISE_KERNEL))
    noise = _median_level(residual) / 0.6745 / 6.0
    least = _ABOVE_NOISE * noise / (fine_px**2 * math.sqrt(8 * math.pi))
    # A ridge of the gradient is the middle of an edge. Coarse ridges would merge the edges of small faces.
    is_edge = (fine > max(least, 1e-3)) & (fine >= cv2.dilate(fine, np.ones((3, 3), np.uint8)))
    is_edge[:3] = is_edge[-3:] = is_edge[:, :3] = is_edge[:, -3:] = False
    edges, coarse_edges = fine[is_edge], coarse[is_edge]
    if len(edges) < _FEWEST_EDGES:
        return _LARGEST_PX
    is_strong = edges >= np.median(edges)
    ratio2 = (edges[is_strong] / np.maximum(coarse_edges[is_strong], 1e-6)) ** 2
    blur_px2 = (coarse_px**2 - ratio2 * fine_px**2) / np.maximum(ratio2 - 1, 1e-3)
    return math.sqrt(min(max(float(np.median(blur_px2)) - _PIXEL_PX2, 0.0), _LARGEST_PX**2))


def _median_level(values: Gray) -> float:
    """The median of values of at least 0, each cut to a whole number; four times as fast as numpy's."""
    up_to = np.cumsum(np.bincount(values.astype(np.uint16).ravel()))
    low, high = np.searchsorted(up_to, [(values.size - 1) // 2, values.size // 2], side="right")
    return float(low + high) / 2


def _gradient(gray: Gray, scale_px: float) -> Gray:
    smooth = cv2.GaussianBlur(gray, (0, 0), scale_px)
    x, y = cv2.Sobel(smooth, cv2.CV_32F, 1, 0, ksize=1), cv2.Sobel(smooth, cv2.CV_32F, 0, 1, ksize=1)
    return np.asarray(cv2.magnitude(x, y) / 2, dtype=np.float32)
