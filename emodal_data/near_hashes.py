"""Which hashes of one set nearly equal one of another, found without comparing every pair."""

from collections.abc import Iterator

import numpy as np
import numpy.typing as npt

Words = npt.NDArray[np.uint64]
Places = npt.NDArray[np.int64]

#: Pairs compared at once; keeps the tables of differences at a few tens of megabytes.
_BLOCK_PAIRS = 1 << 20
#: Bits of a band at most; a table of 2^18 places is small, and few pairs agree in as many bits by chance.
_BAND_BITS = 18


def near_any(hashes: list[bytes], others: list[bytes], most_bits: int) -> npt.NDArray[np.bool_]:
    """Whether each hash differs from any of the others in at most `most_bits` bits. Returns (len(hashes),).

    hashes, others: of one length, a multiple of 8 bytes.
    """
    same = set(others)  # the commonest case, and the one with the most pairs
    near = np.array([one in same for one in hashes], dtype=bool)
    if near.all() or not others:
        return near
    for rows, _ in _near_pairs(hashes, others, most_bits, near):
        near[rows] = True
    return near


def near_pairs(hashes: list[bytes], most_bits: int) -> tuple[Places, Places]:
    """Pairs of places (n,), (n,) in a list whose hashes differ in at most `most_bits` bits.

    Enough pairs to tell what hangs together: of equal hashes, each is paired with the first alone.
    """
    _, first, inverse = np.unique(np.array(hashes, dtype=object), return_index=True, return_inverse=True)
    one, two = [np.arange(len(hashes))], [first[inverse]]
    different = [hashes[place] for place in first]
    for rows, partners in _near_pairs(different, different, most_bits, np.zeros(len(different), dtype=bool)):
        one.append(first[rows])
        two.append(first[partners])
    return np.concatenate(one), np.concatenate(two)


def _near_pairs(
    hashes: list[bytes], others: list[bytes], most_bits: int, done: npt.NDArray[np.bool_]
) -> Iterator[tuple[Places, Places]]:
    """Places of near pairs, in parts; a pair may come more than once. done: hashes to pass over from now on.

    Exact: of most_bits // 2 + 1 bands of bits, one differs in a single bit at most when the whole differs in no more
    than most_bits, so only pairs that agree so far in a band are compared. Method: the multi-index hashing of
    Norouzi, Punjani and Fleet, Fast Exact Search in Hamming Space with Multi-Index Hashing (2014).
    """
    one, two = _words(hashes), _words(others)
    width = 64 * len(one)
    bands = min(max(most_bits // 2 + 1, -(-width // _BAND_BITS)), width)
    for band in range(bands):
        bits = range(band, width, bands)
        codes, other_codes = _codes(one, bits), _codes(two, bits)
        in_order = np.argsort(other_codes, kind="stable")
        partners = two[:, in_order]
        begin = np.zeros((1 << len(bits)) + 1, dtype=np.int64)  # where the partners with a code begin
        np.cumsum(np.bincount(other_codes, minlength=1 << len(bits)), out=begin[1:])
        for flipped in (0, *(1 << bit for bit in range(len(bits)))):
            left = np.flatnonzero(~done)
            probes = codes[left] ^ flipped
            for rows, places in _pairs(left, begin[probes], begin[probes + 1]):
                near_rows, near_places = _near(one, rows, partners, places, most_bits)
                yield near_rows, in_order[near_places]


def _pairs(left: Places, begin: Places, end: Places) -> Iterator[tuple[Places, Places]]:
    """Each row of `left` with each place from its begin to its end, about _BLOCK_PAIRS pairs at a time."""
    some = np.flatnonzero(end > begin)
    counts = end[some] - begin[some]
    blocks = np.cumsum(counts) // _BLOCK_PAIRS
    for part in np.split(np.arange(len(some)), np.flatnonzero(np.diff(blocks)) + 1):
        many = counts[part]
        offsets = np.repeat(begin[some[part]] - (np.cumsum(many) - many), many)
        yield np.repeat(left[some[part]], many), offsets + np.arange(len(offsets))


def _near(one: Words, rows: Places, two: Words, places: Places, most_bits: int) -> tuple[Places, Places]:
    """The pairs that differ in at most most_bits; most pairs are out of it after a word or two."""
    differing = np.zeros(len(rows), dtype=np.uint16)
    for x, y in zip(one, two, strict=True):
        differing = differing + np.bitwise_count(x[rows] ^ y[places])
        close = differing <= most_bits
        rows, places, differing = rows[close], places[close], differing[close]
    return rows, places


def _words(hashes: list[bytes]) -> Words:
    """The hashes as 64-bit words, (words, hashes)."""
    words = np.frombuffer(b"".join(hashes), dtype="<u8").reshape(len(hashes), -1)
    return np.ascontiguousarray(words.T)


def _codes(words: Words, bits: range) -> Places:
    """Some bits of each hash as a number, (hashes,)."""
    codes = np.zeros(words.shape[1], dtype=np.int64)
    for place, bit in enumerate(bits):
        codes |= ((words[bit // 64] >> np.uint64(bit % 64)) & np.uint64(1)).astype(np.int64) << place
    return codes
