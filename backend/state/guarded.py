"""A closer look at one device: what no view shows of all, and what may wait for the device's lock."""

from __future__ import annotations

import contextlib
from dataclasses import dataclass

from backend.host.doors import HostDoors, StillWaiting
from backend.model.device import Device, DeviceKind
from backend.model.facts import FactState
from backend.model.text import clean
from backend.probe.attributes import note_of
from backend.probe.pci import BUS

DEADLINE = 1.0
"""Seconds after which a reading is left behind."""


@dataclass(frozen=True, slots=True)
class GuardedFact:
    """One such fact."""

    name: str
    """The attribute's name below the device."""
    value: str
    state: FactState
    reason: str = ""
    """Why there is no value: "no answer for 3 s (pid 17, waiting in sriov_numvfs_show)"."""


async def read_guarded_facts(doors: HostDoors, device: Device) -> tuple[GuardedFact, ...]:
    """Return ``driver_override``, and for a PF what the kernel guards with its lock.

    A PF whose ``sriov_numvfs`` does not come is being changed, or waits for a guest to let go of a VF.
    """
    if device.kind is DeviceKind.MDEV:
        return ()
    facts = []
    if device.reset_methods is None:
        for name in ("reset_method", "power/runtime_status"):
            with contextlib.suppress(OSError):
                value = clean(doors.files.read(f"{BUS}/{device.id}/{name}"))
                facts.append(GuardedFact(name, value, FactState.KNOWN))
    names = ["driver_override"]
    if device.sriov is not None:
        names += ["sriov_numvfs", "sriov_vf_total_msix"]
    for name in names:
        fact = await _read(doors, f"{BUS}/{device.id}/{name}", name)
        if fact is not None:
            facts.append(fact)
        if fact is not None and fact.state is FactState.STALE:
            break
    return tuple(facts)


async def _read(doors: HostDoors, path: str, name: str) -> GuardedFact | None:
    try:
        value = clean(await doors.guarded.read(path, deadline=DEADLINE))
    except StillWaiting as waiting:
        where = f" in {waiting.wchan}" if waiting.wchan else ""
        reason = f"no answer for {waiting.waited:.0f} s (pid {waiting.pid}, waiting{where})"
        return GuardedFact(name, "", FactState.STALE, reason)
    except FileNotFoundError:
        return None
    except OSError as error:
        note = note_of(error, name)
        return GuardedFact(name, "", note.state, note.reason)
    return GuardedFact(name, "" if value == "(null)" else value, FactState.KNOWN)
