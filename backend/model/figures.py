"""Figures with their units, as people write them."""

from __future__ import annotations

from backend.model.counters import Counter, CounterKind, Unit

PREFIXES = ("", "k", "M", "G", "T", "P")

_LEVELS = {
    Unit.MILLIDEGREES: (1e3, "°C"),
    Unit.MICROWATTS: (1e6, "W"),
    Unit.MEGATRANSFERS: (1e3, "GT/s"),
    Unit.LANES: (1, "lanes"),
    Unit.MEGAHERTZ: (1, "MHz"),
    Unit.ROTATIONS: (1, "rpm"),
}


_SHARE = 1e7
"""Nanoseconds in a second that are one percent."""
_WATT = 1e6


def whole_unit(counter: Counter) -> float:
    """Return how many of a counter's own steps make one of the unit that it is shown in: 1000 m°C are one °C."""
    if counter.kind is CounterKind.LEVEL:
        return _LEVELS.get(counter.unit, (1.0, ""))[0]
    return {Unit.NANOSECONDS: _SHARE, Unit.MICROJOULES: _WATT}.get(counter.unit, 1.0)


def text_of(value: float | None, scale: int, counter: Counter) -> str:
    """Return a figure with its unit: ``12.3 MB/s``, ``35 %``, ``41.9 °C``, ``4.07 GiB``; "" where there is none."""
    if value is None:
        return ""
    if counter.kind is CounterKind.LEVEL:
        if counter.unit in _LEVELS:
            divisor, unit = _LEVELS[counter.unit]
            return f"{value / divisor:.4g} {unit}"
        if counter.unit is Unit.BYTES:
            return bytes_text(value)
        return f"{number(value, scale)} {PREFIXES[scale]}{_plain(counter.unit)}".rstrip()
    if counter.unit is Unit.NANOSECONDS:
        return f"{value / _SHARE:.0f} %"
    if counter.unit is Unit.MICROJOULES:
        return f"{value / _WATT:.1f} W"
    return f"{number(value, scale)} {PREFIXES[scale]}{_plain(counter.unit)}/s"


def _plain(unit: Unit) -> str:
    return unit.value if unit in (Unit.BYTES, Unit.PACKETS) else ""


_SIZES = ("B", "KiB", "MiB", "GiB", "TiB")


def bytes_text(size: float) -> str:
    """Return a size in the largest unit that leaves at least one: ``16 KiB``, ``4.07 GiB``."""
    value, unit = float(size), _SIZES[0]
    for unit in _SIZES:
        if value < 1024 or unit == _SIZES[-1]:
            break
        value /= 1024
    return f"{value:.0f} {unit}" if value >= 100 or value.is_integer() else f"{value:.3g} {unit}"


def mebibytes(size: int) -> str:
    """Return a size in MiB, for what must be alike to the last of them: ``4096 MiB``."""
    return f"{size >> 20} MiB"


def number(value: float, scale: int) -> str:
    """Return a value in a power of 1000, three digits of it."""
    shown = value / 1000**scale
    if not shown:
        return "0"
    if scale == 0 and shown >= 10:
        return f"{shown:.0f}"
    return f"{shown:.2f}" if shown < 10 else f"{shown:.1f}" if shown < 100 else f"{shown:.0f}"


def fitting(value: float) -> int:
    """Return the power of 1000 that a value is best shown in."""
    scale = 0
    while scale < len(PREFIXES) - 1 and value >= 1000.0 ** (scale + 1):
        scale += 1
    return scale
