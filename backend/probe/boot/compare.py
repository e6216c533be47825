"""How a host differs from what was saved for it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass

from backend.model.boot import (
    BootState,
    Claim,
    Drift,
    DriverName,
    Identity,
    Lost,
    Saved,
    SavedFunction,
    SavedMdev,
    SavedPf,
    SavedVf,
    Subject,
)
from backend.model.device import Device
from backend.model.ids import DeviceId, KernelName, PciAddress
from backend.model.links import VfInfo
from backend.probe.boot.file import Entry
from backend.probe.boot.matching import find


@dataclass(frozen=True, slots=True)
class Placed:
    """What was saved, with the device of this host that each entry means."""

    entries: tuple[tuple[Entry, DeviceId], ...]
    lost: tuple[tuple[Entry, Lost], ...]


def place(saved: Saved, identities: Iterable[Identity]) -> Placed:
    """Return which device each entry means: a PF, a function, or the mdev itself. No two mean the same one."""
    there = list(identities)
    entries: list[tuple[Entry, DeviceId]] = []
    lost: list[tuple[Entry, Lost]] = []
    taken: dict[DeviceId, Identity] = {}
    functions: tuple[SavedPf | SavedFunction, ...] = (*saved.pf, *saved.function)
    for entry in functions:
        found = find(entry.identity, there)
        if isinstance(found, Lost):
            lost.append((entry, found))
        elif found in taken:
            why = f"{taken[found].name} means {found} too"
            lost.append((entry, Lost(entry.identity.name, why, "keep one of the two, or write more into its identity")))
        else:
            taken[found] = entry.identity
            entries.append((entry, found))
    entries += [(mdev, mdev.uuid) for mdev in saved.mdev]
    return Placed(tuple(entries), tuple(lost))


def parent_of(mdev: SavedMdev, there: Iterable[Identity], devices: Mapping[DeviceId, Device]) -> KernelName | Lost:
    """Return the name of the parent of a saved mdev."""
    if mdev.identity is None:
        assert mdev.parent is not None
        return mdev.parent
    found = find(mdev.identity, there)
    if isinstance(found, Lost):
        return Lost(mdev.uuid, f"its parent: {found.why}", found.remedy)
    if mdev.vf is None:
        return KernelName(found)
    pf = devices.get(found)
    vfs = pf.sriov.vfs if pf is not None and pf.sriov is not None else ()
    if mdev.vf >= len(vfs):
        why = f"its parent would be VF {mdev.vf} of {found}, which has {len(vfs)} VFs"
        return Lost(mdev.uuid, why, f"make VFs first: iovtop numvfs {found} {mdev.vf + 1}")
    return KernelName(vfs[mdev.vf])


def compare(file: str, placed: Placed, devices: Mapping[DeviceId, Device], claims: Iterable[Claim] = ()) -> BootState:
    """Return how devices differ from what was saved for them.

    What a picture of the host does not hold (the mode of a switch, vectors, ports) is not compared.
    """
    drift: list[Drift] = []
    names: list[str] = []
    theirs = {(claim.device, claim.subject): claim for claim in claims if claim.sure}
    for entry, name in placed.entries:
        names.append(str(name))
        device = devices.get(name)
        found = list(_differences(entry, name, device, devices))
        names += [vf for vf in _vfs(entry, device) if vf not in names]
        drift += [_decided(one, subject, theirs) for one, subject in found]
    return BootState(file, "", tuple(names), tuple(drift), tuple(lost for _, lost in placed.lost))


def _vfs(entry: Entry, pf: Device | None) -> list[str]:
    """Return the VFs that something is saved for, as far as they are there."""
    if not isinstance(entry, SavedPf) or pf is None or pf.sriov is None:
        return []
    vfs = pf.sriov.vfs
    return [str(vfs[index]) for saved in entry.vf for index in saved.index.indexes if index < len(vfs)]


def _decided(drift: Drift, subject: Subject, claims: Mapping[tuple[str, Subject], Claim]) -> Drift:
    claim = claims.get((drift.device, subject))
    return drift if claim is None else Drift(drift.device, drift.what, drift.saved, drift.live, claim.text)


_Found = Iterator[tuple[Drift, Subject]]


def _differences(entry: Entry, name: DeviceId, device: Device | None, devices: Mapping[DeviceId, Device]) -> _Found:
    if isinstance(entry, SavedMdev):
        if device is None:
            yield Drift(str(name), "mdev", str(entry.type), "none"), Subject.MDEV
        elif device.mdev_type and device.mdev_type != entry.type:
            yield Drift(str(name), "mdev", str(entry.type), device.mdev_type), Subject.MDEV
        return
    if device is None:
        return
    yield from _driver(device, entry.driver)
    if isinstance(entry, SavedPf):
        yield from _pf(entry, device, devices)


def _driver(device: Device, saved: DriverName | None) -> _Found:
    if saved is not None and saved != device.driver:
        yield Drift(str(device.id), "driver", saved or "none", device.driver or "none"), Subject.DRIVER


def _pf(entry: SavedPf, pf: Device, devices: Mapping[DeviceId, Device]) -> _Found:
    vfs: tuple[PciAddress, ...] = pf.sriov.vfs if pf.sriov is not None else ()
    name = str(pf.id)
    if entry.vfs is not None and entry.vfs != len(vfs):
        yield Drift(name, "number of VFs", str(entry.vfs), str(len(vfs))), Subject.VFS
    autoprobe = pf.sriov.autoprobe if pf.sriov is not None else None
    if entry.autoprobe is not None and autoprobe is not None and autoprobe != entry.autoprobe:
        yield Drift(name, "autoprobe", _switch(entry.autoprobe), _switch(autoprobe)), Subject.VFS
    for saved in entry.vf:
        for index in saved.index.indexes:
            vf = devices.get(vfs[index]) if index < len(vfs) else None
            if vf is not None:
                yield from _driver(vf, saved.driver)
                for what, wanted, live in _policy(saved, vf.policy):
                    yield Drift(str(vf.id), what, wanted, live), Subject.POLICY


def _policy(saved: SavedVf, live: VfInfo | None) -> Iterator[tuple[str, str, str]]:
    """Yield what differs in the policy of a VF; what its driver does not report is believed to be so."""
    if live is None:
        return
    compared: tuple[tuple[str, object, object, Callable[[object], str]], ...] = (
        ("MAC", saved.mac, live.mac, str),
        ("VLAN", saved.vlan, live.vlan.id, str),
        ("VLAN priority", saved.qos, live.vlan.qos, str),
        ("VLAN protocol", saved.proto, live.vlan.protocol, str),
        ("trust", saved.trust, live.trust, _switch),
        ("spoof check", saved.spoofcheck, live.spoofcheck, _switch),
        ("most Mbit/s", saved.rate, live.rate.max, str),
        ("least Mbit/s", saved.min_rate, live.rate.min, str),
        ("link", saved.link, live.link, str),
    )
    for what, wanted, found, words in compared:
        if wanted is not None and found is not None and wanted != found:
            yield what, words(wanted), words(found)


def _switch(on: object) -> str:
    return "on" if on else "off"
