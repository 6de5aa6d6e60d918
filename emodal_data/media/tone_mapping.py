"""Tone mapping of HDR frames: PQ and HLG signals to nits, then by one smooth curve to standard range in BT.709.

Formulas: SMPTE ST 2084 (PQ), ITU-R BT.2100 (HLG), BT.2087 (BT.2020 to BT.709 primaries).
"""

import numpy as np
from av.video.frame import VideoFrame
from av.video.reformatter import ColorPrimaries, ColorTrc
from numpy.typing import NDArray

_HDR = (int(ColorTrc.SMPTE2084), int(ColorTrc.ARIB_STD_B67))
#: Diffuse white of HDR (BT.2408), and the brightness that is mapped to white.
_WHITE_NITS, _PEAK_NITS = 203.0, 1000.0
_BT2020_TO_BT709 = np.array(
    [[1.6605, -0.5876, -0.0728], [-0.1246, 1.1329, -0.0083], [-0.0182, -0.1006, 1.1187]], np.float32
)
_LUMA_BT709 = np.array([0.2126, 0.7152, 0.0722], np.float32)


def is_hdr(frame: VideoFrame) -> bool:
    """Whether the frame's transfer function is PQ or HLG."""
    return int(frame.color_trc) in _HDR


def tone_mapped(rgb48: NDArray[np.uint16], frame: VideoFrame) -> NDArray[np.uint8]:
    """(h, w, 3) PQ or HLG signal at 16 bits -> (h, w, 3) uint8 in BT.709.

    Diffuse white (203 nits) is mapped to 76 % of the signal; highlights up to 1000 nits roll off above it.
    """
    signal = rgb48.astype(np.float32) / 65535.0
    nits = pq_nits(signal) if int(frame.color_trc) == _HDR[0] else hlg_nits(signal)
    light = nits / np.float32(_WHITE_NITS)
    if int(frame.color_primaries) in (int(ColorPrimaries.BT2020), int(ColorPrimaries.UNSPECIFIED)):
        light = np.asarray(np.maximum(light @ _BT2020_TO_BT709.T, 0.0), np.float32)
    luma = np.asarray(light @ _LUMA_BT709, np.float32)
    gain = _rolled_off(luma) / np.maximum(luma, 1e-6)
    shown = np.clip(light * gain[..., None], 0.0, 1.0)
    return np.rint(255.0 * np.power(shown, 1 / 2.4)).astype(np.uint8)


def pq_nits(signal: NDArray[np.float32]) -> NDArray[np.float32]:
    """SMPTE ST 2084: signal in [0, 1] to nits."""
    m1, m2, c1, c2, c3 = 0.1593017578125, 78.84375, 0.8359375, 18.8515625, 18.6875
    power = np.power(signal, 1 / m2)
    return np.asarray(
        10000.0 * np.power(np.maximum(power - c1, 0.0) / (c2 - c3 * power), 1 / m1), dtype=np.float32
    )


def hlg_nits(signal: NDArray[np.float32]) -> NDArray[np.float32]:
    """ITU-R BT.2100 HLG on a 1000 nit display: inverse OETF, then the system gamma of 1.2."""
    a, b, c = 0.17883277, 0.28466892, 0.55991073
    scene = np.where(signal <= 0.5, signal**2 / 3, (np.exp((signal - c) / a) + b) / 12)
    luma = scene @ np.array([0.2627, 0.6780, 0.0593])
    return np.asarray(1000.0 * scene * np.power(np.maximum(luma, 1e-6), 0.2)[..., None], dtype=np.float32)


def _rolled_off(luma: NDArray[np.float32]) -> NDArray[np.float32]:
    """Extended Reinhard: near-linear in the shadows, 1 at the peak (luma 1 is diffuse white)."""
    peak = _PEAK_NITS / _WHITE_NITS
    return np.asarray(luma * (1 + luma / peak**2) / (1 + luma), dtype=np.float32)
