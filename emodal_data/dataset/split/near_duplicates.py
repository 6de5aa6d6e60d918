"""Near-duplicate search: pairs of hashes within a Hamming distance, found without comparing every pair."""

import itertools
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from emodal_data.core.places import as_arrow

Words = npt.NDArray[np.uint64]
Places = npt.NDArray[np.int64]
#: A list of bytes, or a Series of a table of clips.
Hashes = Sequence[bytes | None] | pd.Series

#: Faces whose hashes (face/perceptual_hash.py) differ in at most this many bits show the same frame. Encoding a picture
#: again, halving its size, noise or another brightness changes up to 14 bits, a shift by a pixel up to 34. Faces of
#: different sample films differ in at least 50, those of real talkers in 62. Of film frames that were changed in this
#: way and in which the face was found again, 87 of 100 are within the limit; so are 2 of 5,130 pairs of different
#: actors drawn from one base head. A difference hash with a limit of 18 bits does better there (90 of 100, none), but
#: such actors in one pose differ in only 15 of its bits, here in 32.
NEAR_BITS = 28


@dataclass(frozen=True)
class _Band:
    """Some bits of many hashes as codes, in the order of the codes, so that hashes that are compared are neighbours.

    order: (hashes,) the original place of each. codes: (hashes,). chains: (hashes,) the bits of the band and of those
    that follow it. begin: first of each code.
    """

    order: Places
    codes: Places
    chains: Words
    begin: Places


#: Pairs compared at once: few enough for the cache of a core, and for arrays that malloc does not map anew each time.
_BLOCK_PAIRS = 1 << 13
#: So many pairs are compared faster than they are searched for.
_FEW_PAIRS = 1 << 16
#: Bits of a band at most; a table of 2^18 places is small, and few pairs agree in as many bits by chance.
_BAND_BITS = 18
#: Hashes whose bits are put into another order at once; each bit takes a byte then.
_REORDERED = 1 << 16


def near_any(hashes: Hashes, others: Hashes, most_bits: int) -> npt.NDArray[np.bool_]:
    """Whether each hash differs from any of the others in at most `most_bits` bits. Returns (len(hashes),).

    hashes, others: of one length, a multiple of 8 bytes; null, of clips without a picture, is near nothing.
    """
    near = np.zeros(len(hashes), dtype=bool)
    if len(others):
        places, known = _known(hashes)
        near[places] = _near_any(known, _known(others)[1], most_bits)
    return near


def _known(hashes: Hashes) -> tuple[Places, pa.Array]:
    """The places of the hashes that are not null, and these hashes, of pa.binary(their length)."""
    values = as_arrow(hashes)
    known = values.drop_null()
    width = len(known[0].as_py()) if len(known) else 8
    return np.flatnonzero(values.is_valid()), known.cast(pa.binary(width))


def _near_any(hashes: pa.Array, others: pa.Array, most_bits: int) -> npt.NDArray[np.bool_]:
    if not len(others) or not len(hashes):
        return np.zeros(len(hashes), dtype=bool)
    # Equal hashes are the most frequent case, with the most pairs.
    near: npt.NDArray[np.bool_] = np.array(pc.is_in(hashes, others))
    for rows, _ in _near_pairs(hashes, others, most_bits, near):
        near[rows] = True
    return near


def near_pairs(hashes: Hashes, most_bits: int) -> tuple[Places, Places]:
    """Pairs of places (n,), (n,) in a list whose hashes differ in at most `most_bits` bits; null is near nothing.

    Enough pairs to find the connected components: equal hashes are paired with the first of them only.
    """
    places, known = _known(hashes)
    if not len(known):
        return places, places
    one, two = _pairs_of_known(known, most_bits)
    return places[one], places[two]


def _pairs_of_known(hashes: pa.Array, most_bits: int) -> tuple[Places, Places]:
    first = _first_equal(hashes)
    one, two = [np.arange(len(hashes))], [first]
    firsts = np.flatnonzero(first == one[0])
    different = hashes.take(pa.array(firsts))
    for rows, partners in _near_pairs(different, different, most_bits, np.zeros(len(different), dtype=bool)):
        once = rows < partners  # each hash is near itself, and each pair is found from both sides
        one.append(firsts[rows[once]])
        two.append(firsts[partners[once]])
    return np.concatenate(one), np.concatenate(two)


def _first_equal(hashes: pa.Array) -> Places:
    """The place of the first hash that is equal to each, (len(hashes),)."""
    codes = hashes.dictionary_encode().indices.to_numpy()  # numbered as they appear
    firsts = np.flatnonzero(np.diff(np.maximum.accumulate(codes), prepend=-1))
    return np.asarray(firsts[codes])


def _near_pairs(
    hashes: pa.Array, others: pa.Array, most_bits: int, done: npt.NDArray[np.bool_]
) -> Iterator[tuple[Places, Places]]:
    """Places of near pairs, in parts; a pair may occur more than once. done: hashes to skip from now on.

    Exact: if two hashes in `bands` bands of bits differ in no more than most_bits, some band differs in no bit, or in
    one bit if it is among the first most_bits + 1 - bands. From that band on, around the ring, any number of bands
    differ in no more bits than these allow together, and one more for each band after the first. So only pairs that
    agree in a band so far are compared, and most of them in the bands of one word.
    Methods: the multi-index hashing of Norouzi, Punjani and Fleet, Fast Exact Search in Hamming Space with Multi-Index
    Hashing (2014), and the chains of Qin and Xiao, Pigeonring: A Principle for Faster Thresholded Similarity Search
    (2018).
    """
    if len(hashes) * len(others) <= _FEW_PAIRS:
        rows, places = np.divmod(np.arange(len(hashes) * len(others)), len(others))
        yield _near(_words(hashes), rows, _words(others), places, most_bits)
        return
    width = 8 * hashes.type.byte_width
    bands = min(max(most_bits // 2 + 1, -(-width // _BAND_BITS)), width)
    # Neighbouring bits tend to agree, so a band takes every bands-th; they are put next to one another.
    order = [bit for band in range(bands) for bit in range(band, width, bands)]
    one, two = _words(hashes, order), _words(others, order)
    sizes = [len(range(band, width, bands)) for band in range(bands)]
    most = [int(band < most_bits + 1 - bands) for band in range(bands)]
    for band, size in enumerate(sizes):
        # The band and as many that follow as fit into a word.
        ends = list(itertools.accumulate(sizes[band:] + sizes[:band]))
        follow = sum(end <= 64 for end in ends)
        limit = follow - 1 + sum((most[band:] + most[:band])[:follow])
        flips = [0, *(1 << bit for bit in range(size))] if most[band] else [0]
        rows = np.flatnonzero(~done)
        begin = sum(sizes[:band])
        mine, theirs = (_in_order(words, begin, size, ends[follow - 1]) for words in (one[:, rows], two))
        if len(rows) <= len(others):
            for seekers, found in _agreeing(mine, theirs, flips, limit):
                seekers, found = _near(one, rows[seekers], two, found, most_bits)
                yield seekers, found
        else:  # the smaller set is looked up in the larger: a lookup costs as much as several comparisons
            for seekers, found in _agreeing(theirs, mine, flips, limit):
                found, seekers = _near(one, rows[found], two, seekers, most_bits)
                yield found, seekers


def _in_order(words: Words, begin: int, bits: int, chain_bits: int) -> _Band:
    """The hashes in the order of `bits` bits from `begin`; chain_bits: how many bits from there make the chain."""
    word, shift = divmod(begin, 64)
    chains = words[word] >> np.uint64(shift)
    if shift + chain_bits > 64:
        chains |= words[(word + 1) % len(words)] << np.uint64(64 - shift)
    chains &= np.uint64((1 << chain_bits) - 1)
    # A code and its place in one number: numbers are sorted several times faster than places.
    codes = chains & np.uint64((1 << bits) - 1)
    keys = codes << np.uint64(32) | np.arange(len(codes), dtype=np.uint64)
    keys.sort()
    order = (keys & np.uint64(0xFFFFFFFF)).astype(np.int64)
    codes = (keys >> np.uint64(32)).astype(np.int64)
    starts = np.zeros((1 << bits) + 1, dtype=np.int64)
    np.cumsum(np.bincount(codes, minlength=1 << bits), out=starts[1:])
    return _Band(order, codes, chains[order], starts)


def _agreeing(seekers: _Band, band: _Band, flips: list[int], limit: int) -> Iterator[tuple[Places, Places]]:
    """Places of the pairs whose codes are equal after one of the flips, and whose chains differ in at most `limit`."""
    steps = np.arange(_BLOCK_PAIRS)
    blocks = range(0, len(seekers.codes), _BLOCK_PAIRS)
    for flip, block in itertools.product(flips, blocks):
        probes = seekers.codes[block : block + _BLOCK_PAIRS] ^ flip
        first = band.begin[probes]
        counts = band.begin[1:][probes] - first
        some = np.flatnonzero(counts)
        first, counts = first[some], counts[some]
        some += block
        ends = np.cumsum(counts)
        edges = np.searchsorted(ends, np.arange(_BLOCK_PAIRS, ends[-1] if len(ends) else 0, _BLOCK_PAIRS))
        for begin, end in itertools.pairwise([0, *np.unique(edges), len(some)]):
            many, starts = counts[begin:end], ends[begin:end] - counts[begin:end]
            places = np.repeat(first[begin:end] - starts + starts[:1], many)
            if len(places) > len(steps):  # many with one code
                steps = np.arange(len(places))
            places += steps[: len(places)]
            differing = np.repeat(seekers.chains[some[begin:end]], many)
            differing ^= band.chains[places]
            close = np.flatnonzero(np.bitwise_count(differing) <= limit)
            if len(close):
                rows = some[begin:end][np.searchsorted(ends[begin:end] - starts[0], close, side="right")]
                yield seekers.order[rows], band.order[places[close]]


def _near(one: Words, rows: Places, two: Words, places: Places, most_bits: int) -> tuple[Places, Places]:
    """The pairs that differ in at most most_bits; a word or two rule out most of them."""
    differing = np.zeros(len(rows), dtype=np.uint16)
    for x, y in zip(one, two, strict=True):
        differing = differing + np.bitwise_count(x[rows] ^ y[places])
        close = np.flatnonzero(differing <= most_bits)
        rows, places, differing = rows[close], places[close], differing[close]
    return rows, places


def _words(hashes: pa.Array, order: Sequence[int] = ()) -> Words:
    """The hashes as 64-bit words, (words, hashes), with their bits in this order if one is given."""
    width = hashes.type.byte_width
    octets = np.frombuffer(hashes.buffers()[1], np.uint8, len(hashes) * width, hashes.offset * width)
    octets = octets.reshape(len(hashes), width)
    if order:
        octets = np.concatenate(
            [_reordered(octets[at : at + _REORDERED], order) for at in range(0, len(octets), _REORDERED)]
        )
    return np.ascontiguousarray(np.ascontiguousarray(octets).view("<u8").T)


def _reordered(octets: npt.NDArray[np.uint8], order: Sequence[int]) -> npt.NDArray[np.uint8]:
    bits = np.unpackbits(octets, axis=1, bitorder="little")
    return np.packbits(np.take(bits, order, axis=1), axis=1, bitorder="little")
