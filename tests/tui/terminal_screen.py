"""What a terminal shows of what was written to it: as much of one as the screen uses."""

from __future__ import annotations

import re

from rich.cells import get_character_cell_size

_PIECES = re.compile(r"\x1b\[([0-9;?<>]*)([a-zA-Z])|\x1b\][^\x07]*\x07|\x1b\[[^a-zA-Z]*[a-zA-Z]|[\r\n]|[^\x1b\r\n]+")


def shown(written: bytes, columns: int, lines: int) -> list[str]:
    """Return the lines of a terminal of this size after all that was written."""
    grid = [[" "] * columns for _ in range(lines)]
    x = y = 0
    for piece in _PIECES.finditer(written.decode("utf-8", "replace")):
        arguments, command = piece[1], piece[2]
        if command == "H":
            row, _, column = (arguments or "1;1").partition(";")
            y, x = int(row or 1) - 1, int(column or 1) - 1
        elif command == "J" or (command == "h" and arguments == "?1049"):
            grid = [[" "] * columns for _ in range(lines)]
        elif command == "K" and y < lines:
            grid[y][x:] = [" "] * (columns - x)
        elif piece[0] == "\r":
            x = 0
        elif piece[0] == "\n":
            y += 1
        elif not piece[0].startswith("\x1b"):
            for sign in piece[0]:
                width = get_character_cell_size(sign)
                if not width and y < lines and 0 < x <= columns:
                    grid[y][x - 1] += sign
                elif y < lines and x + width <= columns:
                    grid[y][x : x + width] = [sign, *[""] * (width - 1)]
                    x += width
    return ["".join(line).rstrip() for line in grid]
