"""Types and shapes of what simulate and analysis hand over are checked in tests: a wrong one is an error on its way.

The names that annotations need are imported for type checkers alone, so for these imports this is one.
"""

from __future__ import annotations

import pkgutil
import typing
from collections.abc import Iterator
from contextlib import contextmanager
from importlib import import_module

from beartype import BeartypeConf, beartype
from jaxtyping import config, install_import_hook

checked = beartype(conf=BeartypeConf(is_pep484_tower=True))  # an int is a float


def check(package: str, *needed: str) -> None:
    """Import a package, or a module, with all its functions and dataclasses checked.

    Args:
        package: Its name.
        needed: Packages of others that it needs, which are imported before as they are.
    """
    for name in needed:
        import_module(name)
    with install_import_hook(package, f"{__name__}.checked"):
        typing.TYPE_CHECKING = True
        try:
            for module in pkgutil.walk_packages(getattr(import_module(package), "__path__", []), f"{package}."):
                import_module(module.name)
        finally:
            typing.TYPE_CHECKING = False


@contextmanager
def unchecked() -> Iterator[None]:
    """What a user may do who has no type checker."""
    config.update("jaxtyping_disable", True)
    try:
        yield
    finally:
        config.update("jaxtyping_disable", False)
