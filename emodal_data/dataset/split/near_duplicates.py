"""Near-duplicate search: pairs of hashes within a Hamming distance, found without comparing every pair."""

import itertools
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Words = npt.NDArray[np.uint64]
Places = npt.NDArray[np.int64]
Codes = npt.NDArray[np.int32]


@dataclass(frozen=True)
class _Band:
    """Some bits of many hashes as codes, in the order of the codes, so that hashes that are compared are neighbours.

    order: (hashes,) the original place of each. words: (words, hashes). codes: (hashes,). begin: first of each code.
    """

    order: Places
    words: Words
    codes: Codes
    begin: Places


#: Pairs compared at once: few enough for the cache of a core.
_BLOCK_PAIRS = 1 << 15
#: So many pairs are compared faster than they are searched for.
_FEW_PAIRS = 1 << 16
#: Bits of a band at most; a table of 2^18 places is small, and few pairs agree in as many bits by chance.
_BAND_BITS = 18
#: Hashes whose bits are put into another order at once; each bit takes a byte then.
_REORDERED = 1 << 16


def near_any(
    hashes: Sequence[bytes | None], others: Sequence[bytes | None], most_bits: int
) -> npt.NDArray[np.bool_]:
    """Whether each hash differs from any of the others in at most `most_bits` bits. Returns (len(hashes),).

    hashes, others: of one length, a multiple of 8 bytes; None, of clips without a picture, is near nothing.
    """
    near = np.zeros(len(hashes), dtype=bool)
    places, known = _known(hashes)
    near[places] = _near_any(known, _known(others)[1], most_bits)
    return near


def _known(hashes: Sequence[bytes | None]) -> tuple[Places, list[bytes]]:
    """The places of the hashes that are not None, and these hashes."""
    places = [place for place, one in enumerate(hashes) if isinstance(one, bytes)]
    return np.array(places, dtype=np.int64), [one for one in hashes if isinstance(one, bytes)]


def _near_any(hashes: list[bytes], others: list[bytes], most_bits: int) -> npt.NDArray[np.bool_]:
    same = set(others)  # equal hashes are the most frequent case, with the most pairs
    near = np.array([one in same for one in hashes], dtype=bool)
    if near.all() or not others or not hashes:
        return near
    for rows, _ in _near_pairs(hashes, others, most_bits, near):
        near[rows] = True
    return near


def near_pairs(hashes: Sequence[bytes | None], most_bits: int) -> tuple[Places, Places]:
    """Pairs of places (n,), (n,) in a list whose hashes differ in at most `most_bits` bits; None is near nothing.

    Enough pairs to find the connected components: equal hashes are paired with the first of them only.
    """
    places, known = _known(hashes)
    if not known:
        return places, places
    one, two = _pairs_of_known(known, most_bits)
    return places[one], places[two]


def _pairs_of_known(hashes: list[bytes], most_bits: int) -> tuple[Places, Places]:
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
    """Places of near pairs, in parts; a pair may occur more than once. done: hashes to skip from now on.

    Exact: hashes in `bands` bands of bits that differ in no more than most_bits differ in no bit of some band, or in
    a single bit of one of the first most_bits + 1 - bands; only such pairs are compared. Method: the multi-index
    hashing of Norouzi, Punjani and Fleet, Fast Exact Search in Hamming Space with Multi-Index Hashing (2014).
    """
    if len(hashes) * len(others) <= _FEW_PAIRS:
        one, two = _words(hashes), _words(others)
        rows, places = np.divmod(np.arange(len(hashes) * len(others)), len(others))
        yield _near(one, rows, two, places, most_bits)
        return
    width = 8 * len(hashes[0])
    bands = min(max(most_bits // 2 + 1, -(-width // _BAND_BITS)), width)
    # Neighbouring bits tend to agree, so a band takes every bands-th; they are put next to one another.
    order = [bit for band in range(bands) for bit in range(band, width, bands)]
    one, two = _words(hashes, order), _words(others, order)
    end = 0
    for band in range(bands):
        bits = range(end, end + len(range(band, width, bands)))
        end = bits.stop
        flips = [0, *(1 << bit for bit in range(len(bits)))] if band < most_bits + 1 - bands else [0]
        rows = np.flatnonzero(~done)
        mine, theirs = _in_order(one[:, rows], bits), _in_order(two, bits)
        if len(rows) <= len(others):
            for seekers, found in _agreeing(mine, theirs, flips, most_bits):
                yield rows[seekers], found
        else:  # the smaller set is looked up in the larger: a lookup costs as much as several comparisons
            for seekers, found in _agreeing(theirs, mine, flips, most_bits):
                yield rows[found], seekers


def _in_order(words: Words, bits: range) -> _Band:
    codes = _codes(words, bits)
    order = np.argsort(codes)
    begin = np.zeros((1 << len(bits)) + 1, dtype=np.int64)
    np.cumsum(np.bincount(codes, minlength=1 << len(bits)), out=begin[1:])
    return _Band(order, words[:, order], codes[order], begin)


def _agreeing(
    seekers: _Band, band: _Band, flips: list[int], most_bits: int
) -> Iterator[tuple[Places, Places]]:
    """Places of the pairs whose codes are equal after one of the flips, and that differ in at most most_bits."""
    for flip in flips:
        probes = seekers.codes ^ flip
        first = band.begin[probes]
        counts = band.begin[1:][probes] - first
        some = np.flatnonzero(counts)
        first, counts = first[some], counts[some]
        ends = np.cumsum(counts)
        edges = np.searchsorted(ends, np.arange(_BLOCK_PAIRS, ends[-1] if len(ends) else 0, _BLOCK_PAIRS))
        for begin, end in itertools.pairwise([0, *np.unique(edges), len(some)]):
            many, starts = counts[begin:end], ends[begin:end] - counts[begin:end]
            places = np.repeat(first[begin:end] - starts + starts[:1], many)
            places += np.arange(len(places))
            rows, places = _near(
                seekers.words, np.repeat(some[begin:end], many), band.words, places, most_bits
            )
            yield seekers.order[rows], band.order[places]


def _near(one: Words, rows: Places, two: Words, places: Places, most_bits: int) -> tuple[Places, Places]:
    """The pairs that differ in at most most_bits; a word or two rule out most of them."""
    differing = np.zeros(len(rows), dtype=np.uint16)
    for x, y in zip(one, two, strict=True):
        differing = differing + np.bitwise_count(x[rows] ^ y[places])
        close = np.flatnonzero(differing <= most_bits)
        rows, places, differing = rows[close], places[close], differing[close]
    return rows, places


def _words(hashes: list[bytes], order: Sequence[int] = ()) -> Words:
    """The hashes as 64-bit words, (words, hashes), with their bits in this order if one is given."""
    octets = np.frombuffer(b"".join(hashes), dtype=np.uint8).reshape(len(hashes), -1)
    if order:
        octets = np.concatenate(
            [_reordered(octets[at : at + _REORDERED], order) for at in range(0, len(octets), _REORDERED)]
        )
    return np.ascontiguousarray(np.ascontiguousarray(octets).view("<u8").T)


def _reordered(octets: npt.NDArray[np.uint8], order: Sequence[int]) -> npt.NDArray[np.uint8]:
    bits = np.unpackbits(octets, axis=1, bitorder="little")
    return np.packbits(np.take(bits, order, axis=1), axis=1, bitorder="little")


def _codes(words: Words, bits: range) -> Codes:
    """Some consecutive bits of each hash as a number, (hashes,)."""
    word, shift = divmod(bits.start, 64)
    codes: Words = words[word] >> np.uint64(shift)
    if shift + len(bits) > 64:
        codes |= words[word + 1] << np.uint64(64 - shift)
    return (codes & np.uint64((1 << len(bits)) - 1)).astype(np.int32)
