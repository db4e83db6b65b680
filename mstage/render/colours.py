"""The colour of each kind of stage: the same in every table and drawing.

Cyan, yellow and magenta stay apart for the common kinds of colour blindness; what they say is also written out.
"""

from __future__ import annotations

KIND_COLOURS = {"plateau": "cyan", "descent": "yellow", "rise": "magenta"}
