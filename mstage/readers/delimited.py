"""How does a text of columns become a frame, or why does it not?

pandas' C parser does the reading. A log is read as far as it goes, and a user's table is refused for the least flaw, so
each of them says which lines may be passed over.
"""

from __future__ import annotations

import warnings
from typing import IO, Any

import pandas as pd
from pandas.errors import EmptyDataError, ParserError, ParserWarning


class ColumnsError(Exception):
    """Why pandas cannot make columns of a text."""


def parse_columns(file: IO[str] | IO[bytes], separator: str, *, cuts_long_rows: bool, **options: Any) -> pd.DataFrame:
    """The cells of a text, as numbers where a whole column has nothing else.

    Args:
        file: The text.
        separator: Between two cells: a character, or a regular expression for spaces.
        cuts_long_rows: Whether a row may have more cells than there are names; the last ones are then lost.
        **options: Of `pandas.read_csv`.

    Raises:
        ColumnsError: It is no text of columns.
    """
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            warnings.simplefilter("ignore" if cuts_long_rows else "error", ParserWarning)
            frame: pd.DataFrame = pd.read_csv(file, sep=separator, index_col=False, low_memory=False, **options)
            return frame
    except (ParserError, ParserWarning, EmptyDataError, OverflowError, ValueError) as error:
        raise ColumnsError(str(error)) from None
