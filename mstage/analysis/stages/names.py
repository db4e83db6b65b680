"""What are the stages of a curve called?

By the number of their kind and the kind: initial plateau, initial descent, secondary plateau, and so on. A descent has
the number of the plateau that it ends.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

    from mstage.analysis.stages.broken_lines import Kind

ORDINALS = ("initial", "secondary", "third", "fourth", "fifth", "sixth", "seventh", "eighth", "ninth", "tenth")


def stage_names(kinds: Iterable[Kind]) -> list[str]:
    """Names of stages in their order: a descent (or a rise) has the number of the plateau before it.

    A number goes up where its kind is used up, and at a plateau after a descent: so a curve that begins with a descent
    has an initial descent and then a secondary plateau.
    """
    names: list[str] = []
    number, used = 0, set[str]()
    for kind in kinds:
        if kind in used or (kind == "plateau" and "descent" in used):
            number, used = number + 1, set()
        used.add(kind)
        ordinal = ORDINALS[number] if number < len(ORDINALS) else _numbered(number + 1)
        names.append(f"{ordinal} {kind}")
    return names


def _numbered(number: int) -> str:
    """`11th`, `21st`, `32nd`, `43rd`."""
    ending = "th" if number % 100 in (11, 12, 13) else {1: "st", 2: "nd", 3: "rd"}.get(number % 10, "th")
    return f"{number}{ending}"
