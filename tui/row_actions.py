"""What can be done with the row under the cursor, and for what cannot, why not."""

from __future__ import annotations

from dataclasses import dataclass

from backend.model.device import DeviceKind
from backend.model.host import Host
from backend.present.tree import Row, holder_key
from backend.present.view import View
from tui.actions import Action, on_rows
from tui.changes import CHANGES

_READ_ONLY = "read-only: W switches write mode on"


@dataclass(frozen=True, slots=True)
class Target:
    """Where a jump leads."""

    view: View
    key: str
    """"" when there is no such place."""
    why_not: str
    """Said then."""


@dataclass(frozen=True, slots=True)
class RowAction:
    """An action, as far as this row allows it."""

    action: Action
    why_not: str
    """Why it cannot be done here; "" when it can."""


def row_actions(host: Host, row: Row, *, writing: bool) -> list[RowAction]:
    """Return every action on rows, those that can be done first; without ``writing`` none that changes the host."""
    found = [RowAction(action, _why_not(action, host, row, writing)) for action in on_rows()]
    return sorted(found, key=lambda choice: (choice.why_not != "", choice.why_not != _READ_ONLY))


def _why_not(action: Action, host: Host, row: Row, writing: bool) -> str:
    kind, _, what = action.id.partition(".")
    if kind == "jump":
        target = target_of(row, what)
        return "" if target.key else target.why_not
    if kind != "change":
        return ""
    reason = CHANGES[what].why_not(host, row.subject) if what in CHANGES else ""
    return reason or ("" if writing else _READ_ONLY)


def target_of(row: Row, where: str) -> Target:
    """Return where the jump to the ``holder``, ``group``, ``device``, ``parent`` or ``node`` leads."""
    device = row.device
    if device is None:
        return Target(View.DEVICES, "", "this row is no device")
    if where == "holder":
        key = f"{holder_key(device.holders[0])}/{device.id}" if device.holders else ""
        return Target(View.HOLDERS, key, f"nobody is seen to hold {device.id}")
    if where == "group":
        key = f"group:{int(device.group)}" if device.group is not None else ""
        return Target(View.GROUPS, key, f"{device.id} is in no IOMMU group")
    if where == "device":
        return Target(View.DEVICES, str(device.id), "")
    parent = device.parent
    if device.kind is DeviceKind.MDEV and parent and ":" not in parent:
        parent = f"parent:{parent}"
    return Target(View.DEVICES, parent, f"{device.id} has no parent device")
