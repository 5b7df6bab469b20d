"""Random numbers that depend on what they are for, not on when they were drawn.

Every draw is a hash of the seed, a purpose and the keys of the thing drawn for (customer, day, ...). So a community
simulated to a later end has the same history up to the earlier end, and customers can be made in any chunk.
"""

import hashlib

import numpy as np
import numpy.typing as npt
from scipy.special import ndtri

Ints = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]
Bits = npt.NDArray[np.uint64]

_HEX = np.frombuffer(b"0123456789abcdef", dtype=np.uint8)
_UUID_DIGITS = [i for i in range(36) if i not in (8, 13, 18, 23)]
_STEP = np.uint64(0x9E3779B97F4A7C15)
_MULTIPLY_1 = np.uint64(0xBF58476D1CE4E5B9)
_MULTIPLY_2 = np.uint64(0x94D049BB133111EB)


def _mix(x: Bits) -> Bits:
    """Mix 64 bits (the finaliser of splitmix64: Steele, Lea, Flood 2014), in place."""
    x ^= x >> np.uint64(30)
    x *= _MULTIPLY_1
    x ^= x >> np.uint64(27)
    x *= _MULTIPLY_2
    x ^= x >> np.uint64(31)
    return x


class Draws:
    """Seeded draws. The keys of one call are integers or integer arrays that broadcast against each other."""

    def __init__(self, seed: int) -> None:
        self.seed = seed

    def bits(self, purpose: str, *keys: Ints | int) -> Bits:
        """64 random bits for each combination of keys."""
        digest = hashlib.blake2b(f"{self.seed}/{purpose}".encode(), digest_size=8).digest()
        state: Bits = np.array([int.from_bytes(digest, "little")], dtype=np.uint64)
        with np.errstate(over="ignore"):
            for key in keys:
                part = np.asarray(key, dtype=np.int64).astype(np.uint64)
                state = _mix(np.asarray((part + np.uint64(1)) * _STEP ^ state, dtype=np.uint64))
        return state

    def uniform(self, purpose: str, *keys: Ints | int) -> Floats:
        """Uniform on the open interval (0, 1)."""
        high: Floats = (self.bits(purpose, *keys) >> np.uint64(11)).astype(np.float64)
        high += 0.5
        high *= 2.0**-53
        return high

    def normal(self, purpose: str, *keys: Ints | int) -> Floats:
        """Standard normal."""
        result: Floats = ndtri(self.uniform(purpose, *keys))
        return result

    def uuids(self, purpose: str, *keys: Ints | int) -> list[str]:
        """One text in the form of a version 4 UUID for each combination of keys."""
        high, low = self.bits(purpose, *keys, 0), self.bits(purpose, *keys, 1)
        raw = np.ascontiguousarray(np.stack([high, low], axis=1)).view(np.uint8)
        text = np.full((len(raw), 36), ord("-"), dtype=np.uint8)
        digits = np.empty((len(raw), 32), dtype=np.uint8)
        digits[:, 0::2] = _HEX[raw >> 4]
        digits[:, 1::2] = _HEX[raw & 15]
        digits[:, 12] = ord("4")
        digits[:, 16] = _HEX[8 + (raw[:, 8] & 3)]
        text[:, _UUID_DIGITS] = digits
        joined = text.tobytes().decode("ascii")
        return [joined[start : start + 36] for start in range(0, len(joined), 36)]
