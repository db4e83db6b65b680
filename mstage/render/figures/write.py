"""The figures of a sweep as files."""

from __future__ import annotations

import os
from contextlib import suppress
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING

import matplotlib as mpl

from mstage.errors import InputError, UsageError, unknown_name
from mstage.render.figures.losses import loss_curves, plateau_ends
from mstage.render.figures.scaling import scaling_fits
from mstage.render.figures.style import STYLE
from mstage.render.figures.weights import amplitude_distributions, cosine_maps, distance_v
from mstage.render.formats import FigureFormat

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from matplotlib.figure import Figure

    from mstage.analysis.summary.figure_data import FigureData

FIGURES: Mapping[str, tuple[str, Callable[[FigureData], Figure]]] = {
    "loss_curves": ("curves", loss_curves),
    "plateau_ends": ("ends", plateau_ends),
    "distance_v": ("distances", distance_v),
    "amplitude_distributions": ("amplitudes", amplitude_distributions),
    "cosine_maps": ("maps", cosine_maps),
    "scaling_fits": ("laws", scaling_fits),
}  # by file name: the field of `FigureData` that is shown, and the function that draws it
# No date, so that the same sweep gives the same bytes.
_METADATA: Mapping[FigureFormat, dict[str, str | None]] = {
    FigureFormat.PNG: {"Software": "mstage"},
    FigureFormat.PDF: {"Creator": "mstage", "CreationDate": None},
    FigureFormat.SVG: {"Creator": "mstage", "Date": None},
}


def draw_figure(data: FigureData, name: str) -> Figure:
    """Draw one figure.

    Args:
        data: What to show.
        name: One of `loss_curves`, `plateau_ends`, `distance_v`, `amplitude_distributions`, `cosine_maps` and
            `scaling_fits`.

    Raises:
        UsageError: There is no such figure.
        InputError: There is nothing to show in it.

    Example:
        >>> draw_figure(collect_figures("runs/demo"), "loss_curves").savefig("losses.pdf")
    """
    if name not in FIGURES:
        raise UsageError(unknown_name("figure", name, FIGURES))
    field, draw = FIGURES[name]
    if field in data.missing:
        raise InputError(f"no {name}: {data.missing[field]}")
    with mpl.rc_context(STYLE):
        return draw(data)


def write_figures(
    data: FigureData, folder: str | Path, formats: Sequence[str] = (FigureFormat.PNG,)
) -> tuple[Path, ...]:
    """Draw every figure that has something to show, and write it in each format.

    Args:
        data: What to show; `data.missing` tells what is left out and why.
        folder: Where the files go; made if it is not there. Files of the same name are replaced.
        formats: Of the files: `png`, `pdf`, `svg`.

    Returns:
        The files.

    Raises:
        InputError: A file cannot be written.
        UsageError: There is no such format.
    """
    folder, written = Path(folder), []
    with mpl.rc_context(STYLE):
        for name, (field, _) in FIGURES.items():
            if field in data.missing:
                continue
            figure = draw_figure(data, name)
            for one in FigureFormat.parse(",".join(formats)):
                held = BytesIO()
                figure.savefig(held, format=one, metadata=_METADATA[one])
                written.append(folder / f"{name}.{one}")
                _write(written[-1], held.getvalue())
    return tuple(written)


def _write(path: Path, content: bytes) -> None:
    """The whole file or none."""
    part = path.with_name(f".{path.name}.{os.getpid()}.part")  # another process may be writing the same figure
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        part.write_bytes(content)
        part.replace(path)
    except OSError as error:
        raise InputError(
            f"{path}: cannot be written ({error.strerror or error}); give another folder with --figures"
        ) from error
    finally:
        with suppress(OSError):
            part.unlink(missing_ok=True)
