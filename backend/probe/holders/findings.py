"""What a look for holders found: plain data, so that it can come from another process."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import astuple, dataclass, fields
from typing import Any

from backend.model.facts import FactState, Note
from backend.model.holder import Holder, HolderKind
from backend.model.host import HolderScan
from backend.model.vm import Vm, VmDevice, VmManager


@dataclass(frozen=True, slots=True)
class Found:
    """One holder of one target."""

    target: str
    """``group:42``, ``node:vfio3`` or ``device:NAME``."""
    holder: Holder
    mapped: bool | None = None
    """Whether regions of the device are mapped into the holder; None when that cannot be told."""


@dataclass(frozen=True, slots=True)
class HolderFindings:
    """All holders found, and how complete the look was."""

    found: tuple[Found, ...]
    scan: HolderScan
    vms: tuple[Vm, ...] = ()
    """The VMs that run, whether they hold a device or not."""

    def to_json(self) -> dict[str, Any]:
        """Return plain values for a pipe."""
        rows = [(item.target, astuple(item.holder), item.mapped) for item in self.found]
        return {"found": rows, "scan": astuple(self.scan), "vms": [_plain_vm(vm) for vm in self.vms]}

    @classmethod
    def from_json(cls, data: dict[str, Any]) -> HolderFindings:
        """Return what ``to_json`` made plain."""
        found = tuple(
            Found(target, Holder(HolderKind(holder[0]), *holder[1:]), mapped)
            for target, holder, mapped in data["found"]
        )
        return cls(found, HolderScan(*data["scan"]), tuple(_vm(vm) for vm in data["vms"]))

    def by_target(self) -> dict[str, tuple[Found, ...]]:
        """Return the findings of each target, each holder once, the best evidence first."""
        return _grouped(self.found)


def _plain_vm(vm: Vm) -> dict[str, Any]:
    plain = {field.name: getattr(vm, field.name) for field in fields(Vm)}
    plain["devices"] = [astuple(device) for device in vm.devices]
    plain["notes"] = {name: astuple(note) for name, note in vm.notes.items()}
    return plain


def _vm(plain: dict[str, Any]) -> Vm:
    plain["manager"] = VmManager(plain["manager"])
    plain["monitors"] = tuple(plain["monitors"])
    plain["devices"] = tuple(VmDevice(*device) for device in plain["devices"])
    plain["notes"] = {name: Note(FactState(note[0]), *note[1:]) for name, note in plain["notes"].items()}
    return Vm(**plain)


def _grouped(found: Iterable[Found]) -> dict[str, tuple[Found, ...]]:
    groups: dict[str, dict[tuple[str, int | None], Found]] = {}
    for item in found:
        groups.setdefault(item.target, {}).setdefault((item.holder.name, item.holder.pid), item)
    return {target: tuple(items.values()) for target, items in groups.items()}
