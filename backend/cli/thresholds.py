"""The thresholds of config.toml."""

from __future__ import annotations

import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from backend.cli.amounts import scaled
from backend.cli.exits import CommandError
from backend.counters.all import SETS
from backend.counters.thresholds import is_called
from backend.model.counters import Counter
from backend.model.figures import whole_unit
from backend.model.ids import BadIdError, KernelName
from backend.model.severity import Severity
from backend.model.threshold import Threshold
from backend.present.filter import suggest

_KEYS = ("counter", "above", "below", "clear", "for", "severity")
_LONGEST = 86400.0
_SPARE = 0.1
"""Share of the limit that a value must be inside of it to be well again, where the file says nothing."""


def parse_thresholds(tables: Mapping[str, Any], file: Path) -> tuple[Threshold, ...]:
    """Return the thresholds that the section [thresholds] holds. Raises ``CommandError``."""
    return tuple(_Table(name, table, file).threshold() for name, table in tables.items())


class _Table:
    """One table, ``[thresholds.NAME]``."""

    def __init__(self, name: str, table: Any, file: Path) -> None:
        self._place = f"{file}: thresholds.{name[:64]}"
        self._name = name
        try:
            KernelName.parse(name)
        except BadIdError:
            raise CommandError(f"{self._place}: a name has letters, digits and _ . : + - only") from None
        if not isinstance(table, dict):
            raise CommandError(f"{self._place} must be a section: write [thresholds.{name}] on a line of its own")
        for key in table:
            if key not in _KEYS:
                hint = suggest(key, _KEYS) or f"; known: {', '.join(_KEYS)}"
                raise CommandError(f"{self._place}: unknown key {key[:64]}{hint}")
        self._table = table

    def threshold(self) -> Threshold:
        """Return the threshold."""
        name, counter = self._counter()
        if ("above" in self._table) == ("below" in self._table):
            raise CommandError(f"{self._place}: write either above or below, as in above = 1000")
        above = "above" in self._table
        unit = whole_unit(counter)
        limit = self._number("above" if above else "below") * unit
        spare = abs(limit) * _SPARE
        clear = self._number("clear") * unit if "clear" in self._table else limit - spare if above else limit + spare
        if clear > limit if above else clear < limit:
            side = "more than above" if above else "less than below"
            raise CommandError(f"{self._place}: clear is {side}: it would be told and taken back at once, for ever")
        return Threshold(self._name, name, limit, above, clear, self._seconds(), self._severity())

    def _counter(self) -> tuple[str, Counter]:
        name = self._table.get("counter")
        known = dict(_counters())
        if name in known:
            return name, known[name]
        hint = suggest(name, known) if isinstance(name, str) else ""
        measures = ", ".join(one for one in known if "." not in one)
        said = "counter is missing" if name is None else f"no counter {str(name)[:64]!r}"
        raise CommandError(f"{self._place}: {said}{hint}; write {measures}, or SET.COUNTER as in hwmon.temp1_input")

    def _number(self, key: str) -> float:
        value = self._table[key]
        number = scaled(value) if isinstance(value, str) else value
        if isinstance(number, bool) or not isinstance(number, int | float) or not math.isfinite(number):
            raise CommandError(f'{self._place}: {key} must be a number, as in 1000 or "1.5M", not {value!r}')
        return float(number)

    def _seconds(self) -> float:
        value = self._table.get("for", 10)
        if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value <= _LONGEST:
            raise CommandError(f"{self._place}: for must be a number of seconds from 0 to 86400, not {value!r}")
        return float(value)

    def _severity(self) -> Severity:
        value = self._table.get("severity", Severity.WARNING.value)
        if value not in list(Severity):
            raise CommandError(f"{self._place}: severity must be info, warning or error, not {value!r}")
        return Severity(value)


def _counters() -> list[tuple[str, Counter]]:
    """Return every name that a threshold may have, measures first, with a counter that it means."""
    all_of = [(of.id, counter) for of in SETS for counter in of.counters]
    measures = {counter.measure.value: counter for _, counter in reversed(all_of) if counter.measure.value}
    assert all(is_called(of, counter, f"{of}.{counter.id}") for of, counter in all_of)
    return [*measures.items(), *((f"{of}.{counter.id}", counter) for of, counter in all_of)]
