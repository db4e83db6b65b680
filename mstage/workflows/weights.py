"""The weight histories of a sweep, for the jobs that measure them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mstage.errors import InputError

if TYPE_CHECKING:
    import xarray as xr


def weight_histories(tree: xr.DataTree) -> list[tuple[xr.DataArray, xr.DataArray]]:
    """Output and input weights of each width.

    Raises:
        InputError: There are none.
    """
    found = [
        (node.dataset["output_weight"], node.dataset["input_weight"])
        for node in tree.subtree
        if "output_weight" in node.data_vars
    ]
    if not found:
        raise InputError(f"{tree.name or 'the tree'}: holds no weights; expected a sweep as `train` returns it")
    return found
