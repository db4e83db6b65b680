"""Which models can a sweep train, and what of them can be set?"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from mstage.errors import UsageError, unknown_name
from mstage.spec.models import MODELS
from mstage.spec.models.descriptions import ModelDescription

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True)
class ModelList:
    """Models by their names.

    Attributes:
        models: The models; the first is the one that a sweep trains if it names none.
    """

    models: tuple[ModelDescription, ...]

    def to_dict(self) -> dict[str, Any]:
        """Plain values."""
        return {"models": [asdict(one) for one in self.models]}

    def to_dataframe(self) -> pd.DataFrame:
        """A row a parameter."""
        import pandas as pd

        return pd.DataFrame(
            [
                {"model": one.name, "equation": one.equation, **asdict(parameter)}
                for one in self.models
                for parameter in one.parameters
            ]
        )


def list_models(name: str | None = None) -> ModelList:
    """The models that a sweep can train, with their equations and parameters.

    Args:
        name: One of them; all when None.

    Raises:
        UsageError: There is none of that name.

    Example:
        >>> [one.name for one in list_models().models][0]
        'two-layer'
    """
    if name is not None and name not in MODELS:
        raise UsageError(unknown_name("model", name, list(MODELS)))
    return ModelList(tuple(ModelDescription.of(one) for one in MODELS if name in (None, one)))
