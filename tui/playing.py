"""How a recording is steered, wherever it is shown."""

from __future__ import annotations

from time import localtime, strftime

from tui.bridge import Player

_SEEK = {"comma": -10, "full_stop": 10, "left_curly_bracket": -600, "right_curly_bracket": 600}
"""Key → seconds."""


def steer(player: Player | None, key: str) -> bool:
    """Do what a key means to a recording; return whether it means anything."""
    if player is None:
        return False
    if key in _SEEK:
        player.seek(_SEEK[key])
    elif key == "p":
        player.pause(player.playing)
    elif key in ("plus", "equals_sign", "minus"):
        player.faster(-1 if key == "minus" else 1)
    else:
        return False
    return True


def told(player: Player) -> str:
    """Return the recorded time, and how it goes on."""
    way = f"{player.speed:g}x" if player.playing else "paused"
    return f"{strftime('%Y-%m-%d %H:%M:%S', localtime(player.now))}  {way}"
