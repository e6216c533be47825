"""QMP's errors, with QEMU's own words."""

from __future__ import annotations


class QmpError(Exception):
    """An answer that is an error."""

    def __init__(self, text: str, kind: str = "GenericError") -> None:
        super().__init__(text)
        self.text = text
        self.kind = kind
