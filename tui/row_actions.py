"""What can be done with the row under the cursor, and for what cannot, why not."""

from __future__ import annotations

from dataclasses import dataclass

from backend.migration.evacuation import leavers
from backend.model.device import DeviceKind
from backend.model.holder import Holder
from backend.model.host import Host
from backend.model.vm import Vm, VmManager
from backend.present.tree import Row, holder_key
from backend.present.view import View
from tui.actions import Action, on_rows
from tui.changes import CHANGES

MIGRATE = "change.migrate"
EVACUATE = "change.evacuate"
READ_ONLY = "read-only: W switches write mode on"
"""Why a change cannot be made that would fit."""


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
    return sorted(found, key=lambda choice: (choice.why_not != "", choice.why_not != READ_ONLY))


def _why_not(action: Action, host: Host, row: Row, writing: bool) -> str:
    kind, _, what = action.id.partition(".")
    if kind == "jump":
        target = target_of(row, what)
        return "" if target.key else target.why_not
    if action.id == MIGRATE:
        return why_no_migration(host, row) or ("" if writing else READ_ONLY)
    if action.id == EVACUATE:
        return why_no_evacuation(host) or ("" if writing else READ_ONLY)
    if kind != "change":
        return ""
    reason = CHANGES[what].why_not(host, row.subject) if what in CHANGES else ""
    return reason or ("" if writing else READ_ONLY)


def vm_of(host: Host, row: Row) -> Vm | None:
    """Return the VM that a row is, or the one that holds its device; None where it is neither."""
    holders = row.device.holders if row.device is not None else (row.subject,)
    found = (host.vms.get(one.pid) for one in holders if isinstance(one, Holder) and one.pid is not None)
    return next((vm for vm in found if vm is not None), None)


def why_no_migration(host: Host, row: Row) -> str:
    """Return why no VM can be moved from this row, as far as a glance tells; "" when that is to be looked into."""
    vm = vm_of(host, row)
    if vm is None:
        return "no VM is seen here"
    if not vm.qemu:
        return f"{vm.program} is no QEMU"
    if vm.incoming:
        return f"{vm.name} waits to receive a VM itself"
    if vm.manager is VmManager.LIBVIRT:
        return "" if host.source == "live" else f"{vm.name} belongs to libvirt, which this host is without"
    return "" if vm.monitors else f"{vm.name} was started without a monitor (-qmp)"


def why_no_evacuation(host: Host) -> str:
    """Return why nothing can leave the host; "" when that is to be looked into."""
    return "" if leavers(host) else "no VM is seen on this host"


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
