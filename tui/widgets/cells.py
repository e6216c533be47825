"""Text measured in terminal cells: a letter takes one, a wide character two, a combining mark none."""

from __future__ import annotations

from rich.cells import cell_len, set_cell_size


def width_of(text: str) -> int:
    """Return how many cells ``text`` takes."""
    return len(text) if text.isascii() else cell_len(text)


def fit(text: str, width: int, ellipsis: str) -> str:
    """Return ``text`` in exactly ``width`` cells: padded, or cut with ``ellipsis`` at its end."""
    return pad(shorten(text, width, ellipsis), width)


def pad(text: str, width: int) -> str:
    """Return ``text`` with blanks behind it up to ``width`` cells."""
    return text + " " * (width - width_of(text))


def shorten(text: str, width: int, ellipsis: str) -> str:
    """Return ``text``, or as much of it as fits into ``width`` cells with ``ellipsis`` behind it."""
    if width_of(text) <= width:
        return text
    if width <= 0:
        return ""
    return set_cell_size(text, width - 1).rstrip() + ellipsis


def shorten_middle(text: str, width: int, ellipsis: str) -> str:
    """Return ``text``, or its two ends around ``ellipsis``: the ends of a UUID tell it from its neighbours."""
    if width < _TWO_ENDS or width_of(text) <= width or not text.isascii():
        return shorten(text, width, ellipsis)
    tail = (width - 1) // 2
    return text[: width - 1 - tail] + ellipsis + text[-tail:]


def shorten_telling(text: str, width: int, ellipsis: str) -> str:
    """Return ``text``, or its words as far as they fit; of one that ends in a number, as interfaces do, both ends.

    ``ens1f0 8/64 VFs`` loses ``VFs``, and ``vf12 enp129s0f0v12`` becomes ``vf12 enp1…0v12``: the number tells which.
    ``+2`` at the end, of two more, stays.
    """
    if width_of(text) <= width:
        return text
    head, plus, more = text.rpartition(" +")
    if plus and more.isdigit() and (room := width - len(more) - 2) >= _LEAST_WORD:
        return f"{shorten_telling(head, room, ellipsis)} +{more}"
    kept: list[str] = []
    for word in text.split(" "):
        room = width - sum(width_of(one) + 1 for one in kept)
        if width_of(word) <= room:
            kept.append(word)
            continue
        if kept and word == "VFs":
            return " ".join(kept)
        if kept and word[:1].isdigit():  # 12 of 128 is another number
            return shorten(text, min(width, width_of(" ".join(kept)) + 1), ellipsis)
        if room < _LEAST_WORD:
            return shorten(text, width, ellipsis)
        tail = (room - 1) // 2
        if word[-1:].isdigit() and word.isascii():
            return " ".join([*kept, word[: room - 1 - tail] + ellipsis + word[-tail:]])
        break
    return shorten(text, width, ellipsis)


_LEAST_WORD = 6
"""Of a word, so many cells are shown or none."""

_TWO_ENDS = 11
"""In less, only the beginning is kept."""


def wrap(text: str, width: int) -> list[str]:
    """Return ``text`` in lines of at most ``width`` cells, broken at blanks or slashes where there are any."""
    if width <= 0:
        return []
    lines: list[str] = []
    line = ""
    for word in text.split(" "):
        joined = f"{line} {word}" if line else word
        if width_of(joined) <= width:
            line = joined
            continue
        if line:
            lines.append(line)
        while width_of(word) > width:
            head = set_cell_size(word, width).rstrip() or word[:1]
            head = head[: head.rfind("/", len(head) // 2) + 1] or head
            lines.append(head)
            word = word[len(head) :]
        line = word
    if line or not lines:
        lines.append(line)
    return lines
