"""How many runs move together, and how many samples of a run at once? As many as fit into a core's cache.

What a step works on is one array of shape (width, samples) a run, gone through several times. Small networks cost more
to start than to compute, so a block of them moves together; a block that leaves the cache is slower than single runs.
Where one run leaves it, its samples are gone through tile by tile, which makes such a step up to 2.5 times faster.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import numpy as np

MAX_RUNS = 16
CACHE_SHARE = 8  # of the second-level cache that one array of a block may take: several are alive at once
WHOLE_SHARE, TILE_SHARE = 0.6, 0.4  # of it that the array of all samples, or of a tile, may take
MAX_ZEROS = 0.1  # that tiles may add to the samples
LONG_TILE = 128  # samples from which on a product with many columns is as fast as with all samples
VECTOR_BYTES = 64  # of a processor's vector, or a multiple of it
MANY_INPUTS = 32  # above which products take most of the time of a step
FEW_COLUMNS = 4  # up to here a product goes column by column, see `products`
USUAL_CACHE = 2**21  # bytes, where the machine does not tell


def largest_block(bytes_each: int) -> int:
    """The most runs of a block, from the bytes of the largest array that a step of one run works on."""
    return int(np.clip(second_level_cache() // CACHE_SHARE // bytes_each, 1, MAX_RUNS))


def vector_zeros(samples: int, dtype: str, size: int = VECTOR_BYTES) -> int:
    """Zeros that fill the last vector, of `size` bytes, of a row of so many samples."""
    return -samples % (size // np.dtype(dtype).itemsize)


@dataclass(frozen=True)
class Tiles:
    """How the samples of a step are cut into tiles.

    Attributes:
        samples: n.
        size: Samples at once: whole vectors of the processor, for the compiler unrolls a short row that is not, one
            sample at a time (20 samples took four times as long as 24).
    """

    samples: int
    size: int

    @property
    def number(self) -> int:
        """How many tiles there are."""
        return -(-self.samples // self.size)

    @property
    def zeros(self) -> int:
        """Samples of zeros that fill the last tile. Any activation is 0 at 0, so with targets of 0 they add nothing."""
        return self.number * self.size - self.samples


def tiles(samples: int, width: int, dim: int, dtype: str, *, has_spare_cores: bool = False) -> Tiles:
    """The tiles of the samples of a step.

    With many inputs most of the time goes to products, to which a sample of zeros is like any other and a short tile is
    of no use.

    Args:
        samples: Of a step: the batch size, or all.
        width: Hidden neurons.
        dim: Inputs.
        dtype: Of the weights.
        has_spare_cores: Whether a device has more cores than one: the compiler then spreads over them what it does with
            all samples at once, and it does not do so with a tile.
    """
    itemsize = np.dtype(dtype).itemsize
    vector_bytes = VECTOR_BYTES // 2 if dim > MANY_INPUTS else VECTOR_BYTES
    vector, whole = vector_bytes // itemsize, samples + vector_zeros(samples, dtype, vector_bytes)
    cached = second_level_cache() / (width * itemsize)  # samples that the cache holds
    if has_spare_cores or whole <= WHOLE_SHARE * cached:
        return Tiles(samples, whole)
    largest = max(int(TILE_SHARE * cached) // vector * vector, vector)
    sizes = [Tiles(samples, size) for size in range(largest, 0, -vector)]
    chosen = next(one for one in sizes if one.samples + one.zeros <= (1 + MAX_ZEROS) * whole or one.size == vector)
    return Tiles(samples, whole) if dim > FEW_COLUMNS and chosen.size < LONG_TILE else chosen


def processors() -> int:
    """Cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


@lru_cache(maxsize=1)
def second_level_cache() -> int:
    """Bytes of a core's second-level cache."""
    try:
        text = Path("/sys/devices/system/cpu/cpu0/cache/index2/size").read_text("ascii").strip()
        return int(text.removesuffix("K")) * 1024
    except (OSError, ValueError):
        return USUAL_CACHE
