"""How the kernel reads what is written into its files (``kstrtou16``, ``kstrtobool``, ``sysfs_streq``)."""

from __future__ import annotations

import errno

from backend.simhost.tree import oops


def einval() -> OSError:
    """Return ``EINVAL``."""
    return oops(errno.EINVAL)


def number(data: bytes, low: int, high: int) -> int:
    """Return the number written, base by its prefix. Raises EINVAL (ERANGE never: numvfs maps both to it)."""
    text = data.decode("ascii", "replace")
    text = text.removesuffix("\n").removeprefix("+") if data else ""
    negative = text.startswith("-")
    digits = text.removeprefix("-")
    if not digits.isascii() or not digits.isalnum():
        raise einval()
    try:
        if digits[:2].lower() == "0x":
            value = int(digits[2:], 16)
        elif len(digits) > 1 and digits[0] == "0":
            value = int(digits, 8)
        else:
            value = int(digits, 10)
    except ValueError:
        raise einval() from None
    value = -value if negative else value
    if not low <= value <= high:
        raise einval()
    return value


def boolean(data: bytes) -> bool:
    """Return what ``kstrtobool`` makes of it: the first letters decide. Raises EINVAL."""
    head = data[:2].lower()
    if head[:1] in (b"y", b"t", b"1") or head == b"on":
        return True
    if head[:1] in (b"n", b"f", b"0") or head == b"of":
        return False
    raise einval()


def streq(data: bytes, word: str) -> bool:
    """Compare as ``sysfs_streq`` does: one newline at the end does not count."""
    return data.removesuffix(b"\n") == word.encode()


def word(data: bytes) -> str:
    """Return what was written, without the newline."""
    return data.decode("utf-8", "surrogateescape").removesuffix("\n")
