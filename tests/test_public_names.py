"""The public names: all there, none hidden by a module of the same name, and free until used."""

from __future__ import annotations

import pkgutil
import subprocess
import sys
from importlib import import_module
from types import ModuleType

import mstage


def test_no_module_takes_the_place_of_a_public_name() -> None:
    for module in pkgutil.walk_packages(mstage.__path__, "mstage."):
        if not module.name.endswith("__main__"):
            import_module(module.name)
    for name in mstage.__all__:
        assert not isinstance(getattr(mstage, name), ModuleType), name
        assert getattr(mstage, name).__doc__, name
    assert mstage.__version__ == "0.1.0"


def test_import_costs_nothing() -> None:
    code = "import sys, mstage; print(sorted(m for m in sys.modules if m.split('.')[0] in ('jax', 'numpy', 'xarray')))"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout == "[]\n"
