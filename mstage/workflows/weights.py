"""The weight histories of a sweep, for the jobs that measure them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mstage.errors import InputError

if TYPE_CHECKING:
    import xarray as xr


def kept_weights(tree: xr.DataTree) -> list[tuple[xr.DataArray, xr.DataArray]]:
    """Output and input weights of each width; none where fewer than two snapshots were kept."""
    found = [
        (node.dataset["output_weight"], node.dataset["input_weight"])
        for node in tree.subtree
        if "output_weight" in node.data_vars
    ]
    return [weights for weights in found if weights[0].sizes["snapshot"] > 1]


def weight_histories(tree: xr.DataTree, source: object) -> list[tuple[xr.DataArray, xr.DataArray]]:
    """Output and input weights of each width.

    Args:
        tree: The sweep.
        source: Where it comes from: a path, which errors name, or the tree itself.

    Raises:
        InputError: Fewer than two snapshots of them were kept.
    """
    found = kept_weights(tree)
    if not found:
        name = (tree.name or "the tree") if source is tree else source
        raise InputError(f"{name}: has no snapshots of weights to compare; train with --snapshots N, N at least 2")
    return found
