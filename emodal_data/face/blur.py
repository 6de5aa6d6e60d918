"""The blur of a face's edges, measured at the resolution of the film.

The variance of the Laplacian is small for a blurred face, but also for a clear one in soft light. The ratio of the
gradients of an edge at two scales depends on its blur alone, whatever its contrast, once the slope of the light that
the edge lies on is taken away.
"""

import math

import cv2
import numpy as np
import numpy.typing as npt

from emodal_data.face.types import AnyPicture, Points

Gray = npt.NDArray[np.float32]

#: Gaussian scale of the finer gradient: a pixel of the 128 px picture, but at least so many of the film. The coarser
#: gradient and that of the light around have these times its scale.
_FINEST_PX, _COARSER, _LIGHT = 0.7, 2.5, 5.0
#: What pixels and finite differences add to the variance of an edge, measured on drawn edges.
_PIXEL_PX2 = 0.52
#: Edges count if they exceed the noise's gradients this many times; of these, the stronger half. Noise adds the square
#: of so many to the square of an edge.
_ABOVE_NOISE, _IN_EDGES = 4.0, 2.0
#: The least noise, in gray levels: without it the contours of a smooth picture, one level high, were sharp edges.
_LEAST_NOISE = 0.4
#: With fewer edges nothing is measured, and the face has the largest blur.
_FEWEST_EDGES, _LARGEST_PX = 12, 10.0
#: Blurs whose ratios of gradients are compared with that of the edges.
_BLURS_PX = np.linspace(0, _LARGEST_PX, 1001)
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
    # A larger face is measured in pixels of the picture: its blur of a pixel is as wide as that of a small face.
    shrink = min(1.0, 1 / scale)
    if shrink < 1:
        size = max(1, round((x1 - x0) * shrink)), max(1, round((y1 - y0) * shrink))
        part = cv2.resize(part, size, interpolation=cv2.INTER_AREA)
    pixels = shrink * scale
    gray = cv2.cvtColor(part, cv2.COLOR_RGB2GRAY).astype(np.float32)
    return min(edge_blur_px(gray, max(pixels, _FINEST_PX)) / pixels, _LARGEST_PX)


def edge_blur_px(gray: Gray, fine_px: float = 1.0) -> float:
    """Standard deviation of the Gaussian that blurs the strongest edges of a picture: their median, at most 10 px.

    gray: (h, w) in whole gray levels. fine_px: scale of the finer gradient. An edge of blur s, smoothed by a, has a
    gradient proportional to g(a) = 1 / sqrt(s^2 + a^2). Of the gradients at two scales a < b that at a third, c, is
    subtracted, with what the light around adds to all three; (g(a) - g(c)) / (g(b) - g(c)) falls with s. Source: Zhuo
    and Sim 2011 (defocus map estimation, without the third). Weak edges are left out, by a noise level of Immerkaer
    1996 that is robust to the edges.
    """
    scales_px = fine_px, _COARSER * fine_px, _LIGHT * fine_px
    whole, coarse, light = (_gradient(gray, scale_px) for scale_px in scales_px)
    fine, coarse = np.hypot(*(whole - light)), np.hypot(*(coarse - light))
    residual = np.abs(cv2.filter2D(gray, cv2.CV_32F, _NOISE_KERNEL))
    noise = max(_median_level(residual) / 0.6745 / 6.0, _LEAST_NOISE)
    noise_gradient = noise / (fine_px**2 * math.sqrt(8 * math.pi))
    # A ridge of the gradient is the middle of an edge. Coarse ridges would merge the edges of small faces.
    is_edge = (fine > _ABOVE_NOISE * noise_gradient) & (fine >= cv2.dilate(fine, np.ones((3, 3), np.uint8)))
    # Beside an edge little but the light's gradient is left, turned round.
    is_edge &= (whole * (whole - light)).sum(axis=0) > 0
    is_edge[:3] = is_edge[-3:] = is_edge[:, :3] = is_edge[:, -3:] = False
    if np.count_nonzero(is_edge) < _FEWEST_EDGES:
        return _LARGEST_PX
    is_edge &= fine >= np.median(fine[is_edge])
    # What noise adds to the largest gradient nearby, without which noise would sharpen the edges.
    edges = np.sqrt(fine[is_edge] ** 2 - (_IN_EDGES * noise_gradient) ** 2)
    ratio = np.median(edges / np.maximum(coarse[is_edge], 1e-6))
    g_fine, g_coarse, g_light = (1 / np.sqrt(_BLURS_PX**2 + scale_px**2) for scale_px in scales_px)
    falling = (g_fine - g_light) / (g_coarse - g_light)
    blur_px2 = float(np.interp(ratio, falling[::-1], _BLURS_PX[::-1])) ** 2
    return math.sqrt(max(blur_px2 - _PIXEL_PX2, 0.0))


def _median_level(values: Gray) -> float:
    """The median of values of at least 0, each cut to a whole number; four times as fast as numpy's."""
    up_to = np.cumsum(np.bincount(values.astype(np.uint16).ravel()))
    low, high = np.searchsorted(up_to, [(values.size - 1) // 2, values.size // 2], side="right")
    return float(low + high) / 2


def _gradient(gray: Gray, scale_px: float) -> Gray:
    """(2, h, w): to the right and down."""
    smooth = cv2.GaussianBlur(gray, (0, 0), scale_px)
    x, y = (cv2.Sobel(smooth, cv2.CV_32F, *along, ksize=1) for along in ((1, 0), (0, 1)))
    return np.asarray(np.stack([x, y]) / 2, dtype=np.float32)
