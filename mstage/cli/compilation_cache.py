"""Keep what JAX compiles in the user's cache folder, so that the second `mstage train` starts at once.

This is for the command line alone, by environment variables that JAX reads when it is first imported: in a user's own
program the settings of JAX are his. What he has set himself stays.
"""

from __future__ import annotations

import os
import platform
from pathlib import Path
from zlib import crc32

import platformdirs

MAX_BYTES = 256 * 2**20
SETTINGS = {
    "JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS": "0.1",
    "JAX_PERSISTENT_CACHE_MIN_ENTRY_SIZE_BYTES": "-1",
    "JAX_COMPILATION_CACHE_MAX_SIZE": str(MAX_BYTES),  # the least recently used go first
}


def keep_compilations() -> None:
    """Name a folder to JAX, one for each kind of processor: a home may be shared, machine code is not."""
    if "JAX_COMPILATION_CACHE_DIR" in os.environ:
        return
    folder = platformdirs.user_cache_path("mstage") / "compiled" / _processor()
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError:
        return  # without a cache it only starts later
    if not os.access(folder, os.W_OK):
        return
    os.environ["JAX_COMPILATION_CACHE_DIR"] = str(folder)
    for name, value in SETTINGS.items():
        os.environ.setdefault(name, value)


def _processor() -> str:
    """A name for what this machine's processor can do."""
    try:
        lines = Path("/proc/cpuinfo").read_text("utf-8", "replace").splitlines()
    except OSError:
        lines = []
    features = next((line for line in lines if line.startswith(("flags", "Features"))), platform.processor())
    return f"{platform.machine()}-{crc32(features.encode()):08x}"
