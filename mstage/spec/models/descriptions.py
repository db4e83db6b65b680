"""What models are there, what does each compute, and what may be set? Read from their docstrings and declarations."""

from __future__ import annotations

import inspect
import re
from dataclasses import dataclass
from typing import Any

from mstage.spec.models import MODELS
from mstage.spec.parameters import REQUIRED, Number, Parameter, declared
from mstage.spec.text import spelled

_SECTION = re.compile(r"\w+:$")  # of a docstring, as `Attributes:`
_ARXIV = re.compile(r"arXiv (\d{4}\.\d{4,5})")


@dataclass(frozen=True)
class ParameterDescription:
    """A parameter of a model.

    Attributes:
        name: Its key in a sweep file.
        option: How it is given on the command line.
        default: Its value if it is given none, None if that is no value.
        default_text: The same in words.
        meaning: What it is.
        expected: What its values may be, empty where `meaning` says it.
        is_axis: Whether it takes several values, each of which is trained.
    """

    name: str
    option: str
    default: Any
    default_text: str
    meaning: str
    expected: str
    is_axis: bool

    @classmethod
    def of(cls, key: str, known: Parameter[Any, Any]) -> ParameterDescription:
        """What a declaration says."""
        name = f"--{spelled(key)}"
        option = f"{name} {known.metavar}" if known.metavar else f"{name}/--no-{spelled(key)}"
        held = None if known.default is REQUIRED else known.default
        default = held[0] if isinstance(held, tuple) and len(held) == 1 else held
        expected = known.rule if isinstance(known, Number) else ""
        is_axis = isinstance(known, Number) and known.is_axis
        return cls(key, option, default, known.shown_default(), known.help, expected, is_axis)


@dataclass(frozen=True)
class ModelDescription:
    """A model.

    Attributes:
        name: Its name, as `--model` takes it.
        equation: What it computes.
        notes: What else there is to say of it, as how its weights start.
        references: The papers that it is from or is studied in, and what they say of it.
        papers: The arXiv numbers among them.
        parameters: What may be set.
    """

    name: str
    equation: str
    notes: str
    references: str
    papers: tuple[str, ...]
    parameters: tuple[ParameterDescription, ...]

    @classmethod
    def of(cls, name: str) -> ModelDescription:
        """What the dataclass of a model says of itself."""
        paragraphs, references = [], ""
        for paragraph in (inspect.getdoc(MODELS[name]) or "").split("\n\n"):
            heading, *lines = paragraph.split("\n")
            if heading == "References:":
                references = " ".join(" ".join(lines).split())
            elif not _SECTION.match(heading):
                paragraphs.append(" ".join(paragraph.split()))
        found = declared(MODELS[name]).items()
        return cls(
            name=name,
            equation=paragraphs[0] if paragraphs else "",
            notes=" ".join(paragraphs[1:]),
            references=references,
            papers=tuple(_ARXIV.findall(references)),
            parameters=tuple(ParameterDescription.of(key, known) for key, known in found),
        )
