"""What somebody might send to an agent to make it do what it should not, or fall over."""

from __future__ import annotations

import json
import random
from typing import Any

HELLO = b'{"kind":"hello","seq":0,"protocol":1}\n'

_TEXTS = (
    "", ".", "..", "/", "../../etc/shadow", "/etc/shadow", "0000:01:00.0/../../../../etc", "0000:01:00.0\n",
    "0000:01:00.0\x00",
    "0000:01:00.0", "0000:02:00.0", "ffff:ff:1f.7", "10000:e1:00.0", "0000:01:00.٠", "$(reboot)", "`id`", "; rm -rf /",
    "--write", "-rf", "%s%n", "\x1b]52;c;aGk=\x07", "\u202e", "[@click=app.quit]", "\ud7ff", "a" * 4096, "a" * 5000,
    "83b8f4f2-509f-382f-3c1e-e6bfe0fa1001", "{83b8f4f2-509f-382f-3c1e-e6bfe0fa1001}", "numvfs", "shell", "null",
    "/proc/self/mem",
    "/dev/sda", "file:///etc/passwd", "\\\\host\\share", "~root", "C:\\", "0", "1e9", "True",
)  # fmt: skip
_NUMBERS = (0, -1, 1, 7, 8, 255, 65535, 65536, 2**31, 2**53 - 1, 2**53, 2**63, 2**64, 10**400, 0.5, -0.0, 1e308)
_KINDS = (
    "hello",
    "plan",
    "run",
    "cancel",
    "leave",
    "log",
    "damage",
    "recover",
    "forget",
    "look",
    "close",
    "welcome",
    "done",
    "x",
)
_NAMES = (
    "kind", "seq", "protocol", "requests", "seen", "typed", "undoes", "settles", "operation", "verb", "arguments", "pf",
    "count", "guests", "autoprobe", "path", "device", "command", "__class__", "to",
)  # fmt: skip


def value(dice: random.Random, depth: int = 0) -> Any:
    """Return any JSON value."""
    roll = dice.random()
    if roll < 0.35:
        return dice.choice(_TEXTS)
    if roll < 0.55:
        return dice.choice(_NUMBERS)
    if roll < 0.65 or depth > 4:
        return dice.choice((None, True, False))
    if roll < 0.8:
        return [value(dice, depth + 1) for _ in range(dice.randrange(4))]
    return {dice.choice(_NAMES): value(dice, depth + 1) for _ in range(dice.randrange(5))}


def _asked(dice: random.Random) -> Any:
    there = dice.random() < 0.4
    arguments: dict[str, Any] = {
        "pf": dice.choice(("0000:01:00.0", "0000:02:00.0")) if there else dice.choice(_TEXTS),
        "count": dice.randrange(9) if dice.random() < 0.6 else dice.choice(_NUMBERS),
    }
    if dice.random() < 0.3:
        arguments[dice.choice(_NAMES)] = value(dice)
    if dice.random() < 0.2:
        del arguments[dice.choice(("pf", "count"))]
    return {"verb": "numvfs" if dice.random() < 0.8 else dice.choice(_TEXTS), "arguments": arguments}


def message(dice: random.Random, seq: int) -> bytes:
    """Return a line that looks like a message: often one that is understood, and asks for what there is not."""
    kind = dice.choice(("plan", "plan", "run")) if dice.random() < 0.5 else dice.choice(_KINDS)
    fields: dict[str, Any] = {"kind": kind, "seq": seq}
    if kind in ("plan", "run"):
        fields["requests"] = [_asked(dice) for _ in range(dice.choice((1, 1, 1, 2, 0)))]
    if kind == "run":
        fields["seen"] = [dice.choice(_TEXTS) for _ in range(dice.randrange(3))]
    if kind == "forget":
        fields["operation"] = dice.choice(_NUMBERS)
    while dice.random() < 0.25:
        fields[dice.choice(_NAMES)] = value(dice)
    return json.dumps(fields, ensure_ascii=dice.random() < 0.5).encode("utf-8", "surrogatepass") + b"\n"


def damaged(dice: random.Random, line: bytes) -> bytes:
    """Return a line with some of its bytes changed, missing, doubled or new."""
    data = bytearray(line)
    for _ in range(dice.randrange(1, 6)):
        place = dice.randrange(len(data) + 1)
        match dice.randrange(4):
            case 0:
                data[place:place] = dice.randbytes(dice.randrange(1, 9))
            case 1:
                del data[place : place + dice.randrange(1, 9)]
            case 2:
                data[place:place] = data[: dice.randrange(64)]
            case _:
                data[place : place + 1] = dice.choice((b"\n", b"\x00", b'"', b"{", b"[" * 200, b"\xff", b"\\u0000"))
    return bytes(data)


def session(dice: random.Random) -> bytes:
    """Return everything that one hostile face says."""
    lines = [HELLO] if dice.random() < 0.9 else []
    for seq in range(1, dice.randrange(2, 6)):
        line = message(dice, seq)
        lines.append(damaged(dice, line) if dice.random() < 0.3 else line)
    if dice.random() < 0.02:
        lines.append(
            dice.choice((b"[" * 2_000_000, b'{"a":' * 400_000, b'"' + b"a" * 9_000_000, b"[" + b"{}," * 2_000_000))
        )
    whole = b"".join(lines)
    return whole[: dice.randrange(len(whole) + 1)] if dice.random() < 0.1 else whole
