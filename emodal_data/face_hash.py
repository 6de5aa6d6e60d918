"""A perceptual hash of face pictures, to find one scene that came in twice: as a second copy of a film, or a rerun."""

import cv2
import numpy as np
import numpy.typing as npt

#: Bits of a hash.
BITS = 256
#: Faces that differ in no more bits than this show the same frame. Encoding a picture again, halving its size,
#: noise or another brightness change up to 14 bits, a shift by a pixel up to 34; faces of different sample films
#: differ in 50 and more, those of real talkers in 62.
NEAR_BITS = 28

_SIDE = 16
#: Hashes compared at once; keeps the table of distances at a few tens of megabytes.
_BLOCK = 1024


def face_hash(image: npt.NDArray[np.uint8]) -> bytes:
    """The hash of a frontal face: signs of its 16x16 lowest cosine coefficients about their median.

    image: (128, 128) uint8. Returns 32 bytes. Method: the DCT hash of Zauner, Implementation and Benchmarking of
    Perceptual Image Hash Functions (2010), with 256 bits instead of 64 because all frontal faces look alike.
    """
    small = cv2.resize(image, (64, 64), interpolation=cv2.INTER_AREA).astype(np.float32)
    low = cv2.dct(small)[:_SIDE, :_SIDE].ravel()
    bits = low > np.median(low[1:])
    bits[0] = False  # mere brightness
    return np.packbits(bits).tobytes()


def near_any(hashes: list[bytes], others: list[bytes], most_bits: int = NEAR_BITS) -> npt.NDArray[np.bool_]:
    """Whether each hash differs from any of the others in at most `most_bits` bits. Returns (len(hashes),)."""
    one, two = _words(hashes), _words(others)
    near = np.zeros(len(one), dtype=bool)
    for i in range(0, len(one), _BLOCK):
        for j in range(0, len(two), _BLOCK):
            differing = np.bitwise_count(one[i : i + _BLOCK, None] ^ two[None, j : j + _BLOCK])
            near[i : i + _BLOCK] |= (differing.sum(axis=2, dtype=np.int16) <= most_bits).any(axis=1)
    return near


def _words(hashes: list[bytes]) -> npt.NDArray[np.uint64]:
    return np.frombuffer(b"".join(hashes), dtype="<u8").reshape(len(hashes), BITS // 64)
