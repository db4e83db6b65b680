"""Which numbers does a text log hold whose format is not known?

Nearly every training loop prints its numbers behind their names: `Epoch 3, step 120: train loss 0.31, lr 1e-4`,
`{'loss': 1.2, 'epoch': 0.4}`, `loss=0.31`. So a line is read as pairs of a name and a number. A line is a record if it
has a loss, or a clock and something else. A clock on a line of its own (`Epoch 3/10`) holds for the lines below it. A
progress (`[640/60000`) is counted on over the epochs; one with another total belongs to another loop.
"""

from __future__ import annotations

import math
import re
import time
from typing import NamedTuple

from mstage.errors import InputError
from mstage.readers.logs.log import Columns, GrowingColumns, Log, series_of
from mstage.readers.logs.names import EPOCH, STEP, clock_kind, loss_rank
from mstage.readers.logs.record_columns import columns_of
from mstage.readers.logs.text_patterns import PRESETS, TextPattern
from mstage.readers.logs.time_limits import TooSlowError, at_most

LONGEST_LINE = 4_000
LONGEST_HEAD = 4 * 2**20  # characters searched for a preset; some logs begin with the source of their program
MAX_TEXT = 64 * 2**20  # characters, which take about ten seconds
PATTERN_SECONDS = 3.0  # of processor time that a user's pattern may take, and again for every MAX_TEXT characters
SECONDS_A_ROW = 4e-6  # more, for what the pattern finds
MIN_SECONDS = 0.5
MAX_LINES = 2_000_000  # with a number
MAX_NAMES = 100_000  # different words before a number; most programs have few
WORDS_OF_NAME = 5  # words before a number that may be its name
_WORD = r"(?!(?:nan|NaN|inf|Infinity)\b)[A-Za-z_][\w./\-]{0,60}+"
# Possessive: no character is matched twice, so that a line takes a time linear in its length. A match is a run of words
# with the number behind it if there is one, a progress, or something to step over.
_PAIR = re.compile(
    rf"[^A-Za-z_\d]*+(?:(?<![\w./])({_WORD}(?: [\[(]?{_WORD}\)?)*)"
    r"(?:[\"']?\s?[:=]?>?\s?[\"'(\[]{0,2}\s?"
    r"([-+]?(?:\d++(?:\.\d*+)?(?:[eE][-+]?\d++)?|\.\d++(?:[eE][-+]?\d++)?|(?:nan|NaN|inf|Infinity)\b)))?"
    r"|(?<![\w./:])(\d++)\s?/\s?(\d++)(?![\w./:]| \d\d:\d\d)"
    r"|[\w./]++|\Z)"
)
_WITH_NUMBER = re.compile(r"^[^\n]*(?:\d|nan|NaN|inf|Inf)[^\n]*", re.MULTILINE)
_ROUND = re.compile(r"\[(\d{1,9})\] ")  # round of a boosting library
_ESCAPES = re.compile(r"\x1b\[[0-9;?]*+[A-Za-z]|\x08++")
_SPACES = re.compile(r"[ \t]{2,}|\t")
_STOP_WORDS = {
    "of", "is", "was", "at", "the", "with", "and", "for", "a", "on", "in", "to", "info", "debug", "rank",
}  # fmt: skip
PROGRESS = "batch"
WAY_OUT = (
    "Say with --pattern how its lines are written, or hand on those that count, as in "
    "`grep loss LOG | mstage detect-stages -`."
)


class TextReader:
    """Reads a text log, all at once or as it grows.

    Args:
        source: What the user calls it.
        pattern: How its lines are written; None finds pairs of names and numbers.
    """

    def __init__(self, source: str, pattern: TextPattern | None = None) -> None:
        self._source = source
        self._pattern = pattern
        self._columns = GrowingColumns(source)
        self._pairs = _Pairs()
        self._read = 0
        self._seconds = 0.0  # that a pattern of the user has taken

    def feed(self, text: str) -> None:
        """Read on: whole lines.

        Raises:
            InputError: There is too much of it.
        """
        self._read += len(text)
        if self._pattern is None and self._read > MAX_TEXT:
            raise InputError(
                f"{self._source}: is a text log of more than {MAX_TEXT >> 20} MiB; expected less. {WAY_OUT}"
            )
        if "\x1b" in text or "\x08" in text:
            text = _ESCAPES.sub("", text)
        text = _SPACES.sub(" ", text.replace("\r", "\n"))
        found = self._found(self._pattern, text) if self._pattern else [columns_of(self._pairs.records(text))]
        for columns in found:
            self._columns.add(columns)
        if self._pairs.lines > MAX_LINES or len(self._pairs.meanings) > MAX_NAMES:
            raise InputError(
                f"{self._source}: is a text log of more than {MAX_LINES:,} lines with numbers, or with more than "
                f"{MAX_NAMES:,} different words before them; expected fewer. {WAY_OUT}"
            )

    def _found(self, pattern: TextPattern, text: str) -> list[Columns]:
        """What a pattern finds; the time of a user's own is limited in proportion to the text and to what it finds."""
        if pattern in PRESETS.values():
            return pattern.columns(text)
        begun = time.process_time()
        left = PATTERN_SECONDS * (1 + self._read / MAX_TEXT) + SECONDS_A_ROW * self._columns.rows - self._seconds
        try:
            with at_most(max(left, MIN_SECONDS)):
                found = pattern.columns(text)
        except TooSlowError:
            raise InputError(
                f"{self._source}: --pattern takes too long on it: it can match a line in very many ways, or "
                f"lines are very long; expected one that fits in one way. Write it without repeats within repeats."
            ) from None
        self._seconds += time.process_time() - begun
        return found

    def log(self) -> Log:
        """What has been read so far."""
        kind = self._pattern.format if self._pattern else "a text log"
        return Log(self._source, kind, series_of(self._columns.joined()))


def preset_of(text: str) -> TextPattern | None:
    """The preset whose lines a text has, None if there is none."""
    head = text[:LONGEST_HEAD].replace("\r", "\n")
    return next((pattern for pattern in PRESETS.values() if pattern.matches(head)), None)


class _Meaning(NamedTuple):
    """What the words before a number say: its name, the kind of clock if it is one, and whether it is a loss."""

    name: str
    clock: str | None
    is_loss: bool


class _Pairs:
    """Finds names and numbers in lines, and remembers the clocks that hold for the lines below."""

    def __init__(self) -> None:
        self._clocks: dict[str, tuple[str, float]] = {}  # by kind: name and value
        self._progress = (0, 0)  # so far in this round, its length
        self._before = 0  # of the rounds before it
        self._epoch = math.nan
        self.lines = 0  # with a number
        self.meanings: dict[str, _Meaning] = {}  # of the words before numbers

    def records(self, text: str) -> list[dict[str, float]]:
        """The records among the lines of a text."""
        found = []
        for match in _WITH_NUMBER.finditer(text):
            line = match[0]
            self.lines += 1
            if self.lines > MAX_LINES or len(self.meanings) > MAX_NAMES:
                break  # the log is refused by the caller
            if len(line) <= LONGEST_LINE:
                record = self._record(line)
                if record:
                    found.append(record)
        return found

    def _record(self, line: str) -> dict[str, float] | None:
        record: dict[str, float] = {}
        progress = None
        kinds: dict[str, tuple[str, float]] = {}
        has_loss = False
        for key, value, done, total in _PAIR.findall(line):
            if not value:
                if done:
                    progress = progress or (int(done[:15]), int(total[:15]))
                continue
            meaning = self.meanings.get(key)
            if meaning is None:
                meaning = self.meanings[key] = _meaning(key)
            name, kind, is_loss = meaning
            if name in record or not name:
                continue
            record[name] = found = float(value)
            has_loss |= is_loss
            if kind:
                kinds[kind] = (name, found)
        if not record:
            return None
        if not kinds and (begin := _ROUND.match(line)):
            kinds[STEP] = ("iteration", float(begin[1]))
            record["iteration"] = float(begin[1])
        says_something = len(record) > len(kinds)
        self._clocks |= kinds
        if not (has_loss or (says_something and kinds)):
            return None
        for kind, (name, value) in self._clocks.items():
            if kind not in kinds:
                record.setdefault(name, value)
        if progress and STEP not in kinds and has_loss and progress[1] == (self._progress[1] or progress[1]):
            record[PROGRESS] = self._counted_on(progress, self._clocks.get(EPOCH, ("", 0.0))[1])
        return record

    def _counted_on(self, progress: tuple[int, int], epoch: float) -> float:
        """A progress that restarts in every epoch as one that does not."""
        done = progress[0]
        begins_anew = done < self._progress[0] or (done == self._progress[0] and epoch != self._epoch)
        if begins_anew and self._progress[1]:
            self._before += self._progress[1]
        self._progress, self._epoch = progress, epoch
        return float(self._before + done)


def _meaning(key: str) -> _Meaning:
    """What the words before a number say.

    Of `INFO Epoch` the end is a clock; `with validation loss of` is a validation loss.
    """
    last = " ".join(key.rsplit(" ", WORDS_OF_NAME)[-WORDS_OF_NAME:])
    parts = last.replace("(", " ").replace(")", " ").split()
    for start in range(len(parts)):
        name = " ".join(parts[start:])
        kind = clock_kind(name)
        if kind:
            return _Meaning(name, kind, is_loss=False)
    while parts and parts[0].lower() in _STOP_WORDS:
        parts = parts[1:]
    while parts and parts[-1].lower() in _STOP_WORDS:
        parts = parts[:-1]
    name = " ".join(parts)
    return _Meaning(name, None, loss_rank(name) is not None)
