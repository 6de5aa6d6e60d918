"""Random numbers that are the same on every machine, in every process and with every version of NumPy.

Only the raw bits come from NumPy, whose bit generators never change. Its distributions may change between versions, so
the few that are needed are computed here from whole numbers.
"""

import hashlib

import numpy as np
import numpy.typing as npt

_EVEN_QUARTERS = 0x0000FFFF0000FFFF


class StableRandom:
    """A stream of random numbers that depends on its key alone: strings and numbers, in this order."""

    def __init__(self, *key: str | int) -> None:
        # Python's hash() differs from process to process; a digest does not.
        digest = hashlib.sha256("\x1f".join(str(part) for part in key).encode()).digest()
        self._bits = np.random.Philox(key=int.from_bytes(digest[:16], "little"))

    def index(self, count: int) -> int:
        """A whole number from 0 to count - 1; count up to 2**32."""
        return (int(self._bits.random_raw()) >> 32) * count >> 32

    def chance(self, percent: int) -> bool:
        """True this often."""
        return self.index(100) < percent

    def number(self, low: float, high: float, step: float) -> float:
        """One of low, low + step, ..., high: few enough digits to be written down without loss."""
        steps = round((high - low) / step)
        return round(low + self.index(steps + 1) * step, 6)

    def noise(self, count: int) -> npt.NDArray[np.float64]:
        """(count,) float64 of mean 0 and deviation 1, bell-shaped: each is the sum of four 16-bit draws."""
        # Sums of whole numbers are exact and blind to byte order; a logarithm has a last bit to differ in.
        # The four stay where they are in a draw's 64 bits, and are added two pairs at once, then the pairs.
        raw = self._bits.random_raw(count)
        pairs = (raw & _EVEN_QUARTERS) + (raw >> 16 & _EVEN_QUARTERS)
        noise: npt.NDArray[np.float64] = ((pairs & 0xFFFFFFFF) + (pairs >> 32)).astype(np.float64)
        noise -= 2 * 65535
        noise /= np.sqrt(4 * (65536.0**2 - 1) / 12)
        return noise
