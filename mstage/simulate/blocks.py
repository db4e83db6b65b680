"""How many runs move together: as many as a core's cache holds, for small networks cost more to start than to compute.

What a step works on is one array of shape (width, samples) a run, gone through several times. A block whose arrays stay
in the cache hides what every operation costs to start; a larger one is slower than single runs (`make bench` measures
both).
"""

from __future__ import annotations

import os
from functools import lru_cache
from pathlib import Path

import numpy as np

MOST_RUNS = 16
CACHE_SHARE = 8  # of the second-level cache that one array of a block may take: several are alive at once
USUAL_CACHE = 2**21  # bytes, where the machine does not tell


def largest_block(width: int, samples: int, dtype: str) -> int:
    """The most runs of a block.

    Args:
        width: Hidden neurons.
        samples: Of a step: the batch size, or all.
        dtype: Of the weights.
    """
    bytes_each = width * samples * np.dtype(dtype).itemsize
    return int(np.clip(second_level_cache() // CACHE_SHARE // bytes_each, 1, MOST_RUNS))


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
