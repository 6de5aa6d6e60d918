"""Near hashes are found exactly: what comparing every pair finds, and nothing else."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from emodal_data.dataset.split import near_duplicates as near_hashes
from emodal_data.dataset.split.near_duplicates import near_any, near_pairs


def every_pair(hashes: list[bytes], others: list[bytes], most_bits: int) -> list[bool]:
    def differing(one: bytes, two: bytes) -> int:
        return (int.from_bytes(one) ^ int.from_bytes(two)).bit_count()

    return [any(differing(one, two) <= most_bits for two in others) for one in hashes]


def flipped(one: bytes, bits: np.ndarray) -> bytes:
    all_bits = np.unpackbits(np.frombuffer(one, np.uint8))
    all_bits[bits] ^= 1
    return np.packbits(all_bits).tobytes()


@given(st.integers(0, 2**32 - 1), st.integers(0, 60), st.sampled_from([1, 40, 1 << 20]), st.booleans())
def test_it_finds_what_comparing_every_pair_finds(
    seed: int, most_bits: int, block: int, is_few: bool
) -> None:
    draw = np.random.default_rng(seed)
    others = [draw.bytes(32) for _ in range(30)]
    copies = [flipped(one, draw.choice(256, n, replace=False)) for n, one in enumerate(others * 2)]
    hashes = [draw.bytes(32), *copies, others[0]]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(near_hashes, "_BLOCK_PAIRS", block)
        patch.setattr(near_hashes, "_FEW_PAIRS", 1 << 16 if is_few else 0)
        assert near_any(hashes, others, most_bits).tolist() == every_pair(hashes, others, most_bits)


@given(st.integers(0, 255), st.integers(0, 2000))
def test_it_holds_when_all_of_the_others_are_alike(bits: int, others: int) -> None:
    one = flipped(bytes(32), np.arange(bits))
    crowd = [b"\xff" * 32] * others
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(near_hashes, "_FEW_PAIRS", 0)
        assert near_any([one], [*crowd, bytes(32)], 28)[0] == (
            bits <= 28 or (others > 0 and 256 - bits <= 28)
        )


def test_nothing_is_near_to_nothing() -> None:
    assert near_any([], [bytes(32)], 28).shape == (0,)
    assert near_any([bytes(32)], [], 28).tolist() == [False]


@pytest.mark.parametrize("seed", range(3))
def test_pairs_tell_what_hangs_together(seed: int) -> None:
    draw = np.random.default_rng(seed)
    kinds = [np.frombuffer(draw.bytes(32), np.uint8) for _ in range(12)]
    hashes = []
    for _ in range(60):
        one = kinds[draw.integers(len(kinds))].copy()
        one[draw.integers(32, size=6)] ^= np.uint8(1) << draw.integers(8, size=6).astype(np.uint8)
        hashes.append(one.tobytes())
    hashes += hashes[:5]
    one, two = near_pairs(hashes, 8)
    found = components(set(zip(one.tolist(), two.tolist(), strict=True)), len(hashes))
    numbers = [int.from_bytes(each) for each in hashes]
    near = {(i, j) for i, a in enumerate(numbers) for j, b in enumerate(numbers) if (a ^ b).bit_count() <= 8}
    assert all((numbers[i] ^ numbers[j]).bit_count() <= 8 for i, j in zip(one, two, strict=True))
    assert found == components(near, len(hashes))


def components(pairs: set[tuple[int, int]], count: int) -> list[int]:
    """The smallest place that each place is joined with."""
    names = list(range(count))
    for _ in range(count):
        for i, j in pairs:
            names[i] = names[j] = min(names[i], names[j])
    return names
