"""The ``power`` directory of devices that have no power management of their own."""

from __future__ import annotations

from backend.simhost.tree import Attr, Entry

_VALUES = {
    "async": "disabled",
    "control": "auto",
    "runtime_active_kids": "0",
    "runtime_active_time": "0",
    "runtime_enabled": "disabled",
    "runtime_status": "unsupported",
    "runtime_suspended_time": "0",
    "runtime_usage": "0",
}


def _constant(value: str) -> Attr:
    data = f"{value}\n".encode()
    return Attr(lambda owner: data)


POWER: dict[str, Entry] = {
    "autosuspend_delay_ms": Attr(lambda owner: b""),
    **{name: _constant(value) for name, value in _VALUES.items()},
}
