"""The journal of changes as text, and as data."""

from __future__ import annotations

import datetime
from collections.abc import Iterator, Sequence
from typing import Any

import msgspec

from backend.model.operation import Entry, Who
from backend.present.glyphs import Glyphs


def journal_lines(entries: Sequence[Entry]) -> Iterator[str]:
    """Yield one line for each operation, the newest last."""
    rows = [("", "WHEN", "WHO", "RESULT", "WHAT")]
    rows += [(str(one.operation), _when(one.began), who_text(one.who), result_text(one), _what(one)) for one in entries]
    widths = [max(len(row[column]) for row in rows) for column in range(4)]
    for row in rows:
        first = row[0].rjust(widths[0])
        others = (text.ljust(width) for text, width in zip(row[1:4], widths[1:], strict=True))
        yield "  ".join((first, *others, row[4])).rstrip()


def entry_lines(entry: Entry, glyphs: Glyphs) -> Iterator[str]:
    """Yield everything that the journal keeps of an operation."""
    yield f"operation {entry.operation}: {_what(entry)}"
    yield f"began: {_when(entry.began)}"
    yield f"asked for by: {who_text(entry.who)}"
    who = entry.who
    if who.login_uid is not None:
        yield f"login: uid {who.login_uid}"
    for name, value in (("over SSH from", who.ssh_client), ("terminal", who.terminal)):
        if value:
            yield f"{name}: {value}"
    records = {record.step: record for record in entry.steps}
    yield "steps:"
    for number, step in enumerate(entry.plan.steps):
        record = records.get(number)
        if record is None:
            state = "not begun"
        else:
            state = "begun, but never said to be done" if record.found is None else record.found or "done"
        yield f"  {number + 1} {step.text}: {state}"
        yield f"      {step.where}: {step.old or glyphs.none} {glyphs.arrow} {step.new or glyphs.none}"
    yield f"result: {result_text(entry)}{f', {entry.text}' if entry.text else ''}"


def result_text(entry: Entry) -> str:
    """Return how it ended, and after how long."""
    if entry.ended is None:
        return "not ended"
    return f"{entry.ended.value} ({entry.duration:.1f} s)"


def who_text(who: Who) -> str:
    """Return who asked: the user, and whoever became that user."""
    return f"{who.sudo_user} (sudo)" if who.sudo_user else who.user or f"uid {who.uid}"


def entry_data(entry: Entry) -> dict[str, Any]:
    """Return an operation as plain data."""
    data: dict[str, Any] = msgspec.to_builtins(entry, enc_hook=str)
    return {**data, "began": datetime.datetime.fromtimestamp(entry.began, datetime.UTC).isoformat()}


def _what(entry: Entry) -> str:
    return f"take back {entry.undoes}: {entry.plan.title}" if entry.undoes is not None else entry.plan.title


def _when(seconds: float) -> str:
    return datetime.datetime.fromtimestamp(seconds).astimezone().strftime("%Y-%m-%d %H:%M:%S")
