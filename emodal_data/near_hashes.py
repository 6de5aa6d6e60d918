"""Which hashes of one set nearly equal one of another, found without comparing every pair."""

import numpy as np
import numpy.typing as npt

#: Pairs compared at once; keeps the tables of differences at a few tens of megabytes.
_BLOCK_PAIRS = 1 << 20
#: Bits of a band at most; a table of 2^18 places is small, and few pairs agree in as many bits by chance.
_BAND_BITS = 18


def near_any(hashes: list[bytes], others: list[bytes], most_bits: int) -> npt.NDArray[np.bool_]:
    """Whether each hash differs from any of the others in at most `most_bits` bits. Returns (len(hashes),).

    Exact. Of most_bits // 2 + 1 bands of bits, one differs in a single bit at most when the whole differs in no
    more than most_bits: only pairs that agree so far in a band are compared. Method: the multi-index hashing of
    Norouzi, Punjani and Fleet, Fast Exact Search in Hamming Space with Multi-Index Hashing (2014).
    """
    same = set(others)  # the commonest case, and the one with the most pairs
    near = np.array([one in same for one in hashes], dtype=bool)
    if near.all() or not others:
        return near
    one, two = _bits(hashes), _bits(others)
    words_one, words_two = _words(hashes), _words(others)
    bands = min(max(most_bits // 2 + 1, -(-one.shape[1] // _BAND_BITS)), one.shape[1])
    for band in range(bands):
        codes, other_codes = _codes(one[:, band::bands]), _codes(two[:, band::bands])
        width = one[:, band::bands].shape[1]
        in_order = np.argsort(other_codes, kind="stable")
        first = np.zeros((1 << width) + 1, dtype=np.int64)  # where the others with a code begin in that order
        np.cumsum(np.bincount(other_codes, minlength=1 << width), out=first[1:])
        for flipped in (0, *(1 << bit for bit in range(width))):
            left = np.flatnonzero(~near)
            probes = codes[left] ^ flipped
            counts = first[probes + 1] - first[probes]
            for part in _blocks(counts):
                rows = np.repeat(left[part], counts[part])
                within = np.arange(len(rows)) - np.repeat(
                    np.cumsum(counts[part]) - counts[part], counts[part]
                )
                partners = in_order[np.repeat(first[probes[part]], counts[part]) + within]
                differing = np.bitwise_count(words_one[rows] ^ words_two[partners]).sum(
                    axis=1, dtype=np.int32
                )
                near[rows[differing <= most_bits]] = True
    return near


def _blocks(counts: npt.NDArray[np.int64]) -> list[npt.NDArray[np.int64]]:
    """The places with any pairs, in parts of about _BLOCK_PAIRS pairs."""
    places = np.flatnonzero(counts)
    part = np.cumsum(counts[places]) // _BLOCK_PAIRS
    return np.split(places, np.flatnonzero(np.diff(part)) + 1) if len(places) else []


def _bits(hashes: list[bytes]) -> npt.NDArray[np.uint8]:
    return np.unpackbits(np.frombuffer(b"".join(hashes), np.uint8).reshape(len(hashes), -1), axis=1)


def _codes(bits: npt.NDArray[np.uint8]) -> npt.NDArray[np.int64]:
    """Each row of bits as a number."""
    return bits @ (1 << np.arange(bits.shape[1], dtype=np.int64))


def _words(hashes: list[bytes]) -> npt.NDArray[np.uint64]:
    return np.frombuffer(b"".join(hashes), dtype="<u8").reshape(len(hashes), -1)
