"""Named random streams, each a function of the run's seed and a name alone.

Only raw 64-bit draws of Philox are used: NumPy promises its bits, and promises nothing of the kind for the
methods of `Generator`. The key is a hash of seed and name, so streams do not depend on the order in which they
are made.
"""

from __future__ import annotations

from hashlib import sha256

import numpy as np


class Stream:
    """A stream of raw 64-bit draws, and the few things that are made from them."""

    __slots__ = ("_bits",)

    def __init__(self, seed: int, *names: str) -> None:
        key = sha256("\0".join((str(seed), *names)).encode()).digest()[:16]
        self._bits = np.random.Philox(key=int.from_bytes(key, "little"))

    def raw(self, n: int) -> np.ndarray:
        """(n,) uint64, the next n draws."""
        return self._bits.random_raw(n)

    def uniform(self, n: int) -> np.ndarray:
        """(n,) float64 in [0, 1), from the upper 53 bits of each draw."""
        return (self.raw(n) >> np.uint64(11)) * 2.0**-53

    def permutation(self, n: int) -> np.ndarray:
        """(n,) int64, the numbers 0 .. n - 1 in random order."""
        draws = self.raw(n)
        nearly = (draws >> np.uint64(48)).astype(np.uint16).argsort(kind="stable")  # 16 bits are sorted by radix
        return nearly[draws[nearly].argsort(kind="stable")]  # as draws.argsort(kind="stable"), several times faster
