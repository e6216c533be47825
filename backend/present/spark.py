"""A row of small bars: the last values of a figure, the newest at the right."""

from __future__ import annotations

from collections.abc import Sequence

_BARS = "▁▂▃▄▅▆▇"
"""None fills its cell: rows of bars below each other would run into one."""
_ASCII = "_.-~=+*#"


def spark(values: Sequence[float | None], *, ascii_only: bool = False) -> tuple[str, float]:
    """Return the bars, and the value that the highest of them stands for: the greatest, 0 where there is none.

    What is not known is a blank; zero is the lowest bar.
    """
    top = max((value for value in values if value is not None), default=0.0)
    bars = _ASCII if ascii_only else _BARS
    last = len(bars) - 1
    text = "".join(
        " " if value is None else bars[0] if top <= 0 else bars[min(last, round(value / top * last))]
        for value in values
    )
    return text, top
