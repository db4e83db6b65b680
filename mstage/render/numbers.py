"""How numbers are written for people: measured ones to four digits, given ones as they were given.

What two numbers mean is told by how they are written, beside the name above them: `1 to 2` is a range over seeds,
`[1, 2]` the interval of a detector or an estimate, `(1, 2)` that of a fit, `1 .. 2` a band of theory.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from mstage.analysis.samples import Spread

COUNTING_CLOCKS = ("step", "tokens", "samples", "record")
LARGEST_IN_FULL = 1e8  # on a clock that counts


def number(value: float | None, digits: int = 4) -> str:
    """A measured number to some significant digits; whole ones below a million in full; nothing for what is missing."""
    if value is None or math.isnan(value):
        return ""
    if math.isinf(value):
        return "inf" if value > 0 else "-inf"
    if value == int(value) and abs(value) < 1e6:
        return str(int(value))
    scientific = f"{value:.{digits - 1}e}"
    magnitude = int(scientific.partition("e")[2])
    if -4 <= magnitude < 6:
        return f"{value:.{max(digits - 1 - magnitude, 0)}f}"
    return _short_exponent(scientific)


def given(value: object) -> str:
    """A coordinate, a setting or a tick with the digits that it has: `0.1`, `1e-5`, `400`, `tanh`; yes and no."""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if not isinstance(value, float):
        return str(value)
    if not 1e6 <= abs(value) < math.inf:
        return _short_exponent(f"{value:.10g}")
    mantissa, _, exponent = f"{value:.9e}".partition("e")
    return f"{mantissa.rstrip('0').rstrip('.')}e{int(exponent)}"


def on_clock(value: float | None, clock: str, digits: int = 4) -> str:
    """A place on a clock: a whole number where the clock counts (`12,000` of steps), as measured where it does not."""
    if value is None or clock not in COUNTING_CLOCKS or not abs(value) < LARGEST_IN_FULL:
        return number(value, digits)
    return f"{round(value):,}"


def interval(ends: tuple[float, float] | None, digits: int = 4, clock: str = "") -> str:
    """The interval of something detected or estimated, `[low, high]`; nothing where there is none."""
    return f"[{', '.join(on_clock(end, clock, digits) for end in ends)}]" if ends else ""


def fit_interval(ends: tuple[float, float] | None, digits: int = 4) -> str:
    """The interval of a fitted number, `(low, high)`; nothing where there is none."""
    return f"({', '.join(number(end, digits) for end in ends)})" if ends else ""


def band(low: float | None, high: float | None) -> str:
    """What a formula's own error allows, `low .. high`; nothing where it states none."""
    return f"{number(low)} .. {number(high)}" if low is not None and high is not None and low < high else ""


def middle(spread: Spread | None, digits: int = 4, clock: str = "") -> str:
    """The median of a spread, or nothing where there is none."""
    return on_clock(spread.median, clock, digits) if spread else ""


def spread_range(spread: Spread | None, digits: int = 4, clock: str = "") -> str:
    """The range over seeds, `least to greatest`, or nothing where all values are written alike."""
    if spread is None or on_clock(spread.least, clock, digits) == on_clock(spread.greatest, clock, digits):
        return ""
    return " to ".join(on_clock(end, clock, digits) for end in (spread.least, spread.greatest))


def counted(count: int, what: str) -> str:
    """`1 run`, `3 runs`."""
    return f"{count:,} {what}" if count == 1 else f"{count:,} {what}s"


def size(count: float) -> str:
    """Bytes with a binary unit."""
    for unit in ("B", "KiB", "MiB", "GiB", "TiB"):
        if count < 1024 or unit == "TiB":
            break
        count /= 1024
    return f"{count:.0f} {unit}" if unit == "B" or count >= 100 else f"{count:.1f} {unit}"


def duration(seconds: float) -> str:
    """Seconds as a person would say them: `0.4 s`, `12 s`, `3 min 05 s`, `2 h 10 min`, `3 d 4 h`."""
    if seconds < 9.95:
        return f"{seconds:.1f} s"
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min {whole % 60:02d} s"
    if whole < 48 * 3600:
        return f"{whole // 3600} h {whole % 3600 // 60:02d} min"
    return f"{whole // 86400} d {whole % 86400 // 3600} h"


def _short_exponent(text: str) -> str:
    """`1.5e-05` as `1.5e-5`."""
    mantissa, e, exponent = text.partition("e")
    return f"{mantissa}e{int(exponent)}" if e else text
