"""Amounts as people type them: sizes, spans and moments of time."""

from __future__ import annotations

import argparse
import datetime
import re
from collections.abc import Callable

from backend.cli.exits import CommandError

_AMOUNT = re.compile(r"(\d{1,12}(?:\.\d{1,6})?)([a-z]?)\Z", re.ASCII | re.IGNORECASE)
_BYTES = {"": 1, "k": 1 << 10, "m": 1 << 20, "g": 1 << 30, "t": 1 << 40}
_POWERS = {"": 0, "k": 1, "m": 2, "g": 3, "t": 4}
_SECONDS = {"": 1, "s": 1, "m": 60, "h": 3600, "d": 86400}
_CLOCK = ("%H:%M", "%H:%M:%S")
_DATE = ("%Y-%m-%d %H:%M", "%Y-%m-%d %H:%M:%S", "%Y-%m-%dT%H:%M", "%Y-%m-%dT%H:%M:%S")


def whole(least: int) -> Callable[[str], int]:
    """Return a type of argument: a number from ``least`` on. It raises ``argparse.ArgumentTypeError``."""

    def parse(text: str) -> int:
        if not (text.isascii() and text.isdecimal()) or int(text) < least:
            raise argparse.ArgumentTypeError(f"{text!r} is not a number from {least}")
        return int(text)

    return parse


def parse_bytes(text: str, option: str, what: str = "bytes") -> int:
    """Return ``200M`` or ``1.5G`` in bytes. Raises ``CommandError``, which names ``option`` and ``what``."""
    found = _AMOUNT.match(text)
    if found is None or found[2].lower() not in _BYTES:
        raise CommandError(f"{option} {text[:64]}: write {what}, as in 200M or 1.5G")
    return int(float(found[1]) * _BYTES[found[2].lower()])


def scaled(text: str) -> float | None:
    """Return ``1.5M`` as a number, in powers of 1000 as the screen writes them; None for what is no amount."""
    found = _AMOUNT.match(text)
    if found is None or found[2].lower() not in _POWERS:
        return None
    return float(found[1]) * 1000.0 ** _POWERS[found[2].lower()]


def parse_seconds(text: str, option: str) -> float:
    """Return ``90``, ``10m`` or ``2h`` in seconds. Raises ``CommandError``, which names ``option``."""
    found = _AMOUNT.match(text)
    if found is None or found[2].lower() not in _SECONDS:
        raise CommandError(f"{option} {text[:64]}: write seconds, or as in 10m, 2h, 1d")
    return float(found[1]) * _SECONDS[found[2].lower()]


def parse_moment(text: str, option: str, first: float, last: float) -> float:
    """Return a moment between two others, in seconds since the epoch.

    It is a time of day or a date with one, as this machine's clock shows them, a span from the beginning (``+10m``) or
    one before the end (``-90``). Raises ``CommandError``, which names ``option``.
    """
    if text[:1] in ("+", "-"):
        span = parse_seconds(text[1:], option)
        return first + span if text[0] == "+" else last - span
    for form in _DATE:
        try:
            return datetime.datetime.strptime(text, form).timestamp()
        except ValueError:
            continue
    for form in _CLOCK:
        try:
            clock = datetime.datetime.strptime(text, form).time()
        except ValueError:
            continue
        day = datetime.datetime.fromtimestamp(first).date()
        found = datetime.datetime.combine(day, clock).timestamp()
        # A recording that goes past midnight has that time of day on its second day.
        return found if found >= first else found + 86400
    raise CommandError(f"{option} {text[:64]}: write a time as in 22:13, 2026-11-26 22:13, +10m or -90")
