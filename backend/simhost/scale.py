"""The scenario ``scale``: as many PFs, VFs and mdevs as asked for."""

from __future__ import annotations

import dataclasses

from backend.simhost.decode import ScenarioError
from backend.simhost.families import FAMILIES
from backend.simhost.models import MODELS
from backend.simhost.scenario import (
    FunctionSpec,
    MdevSpec,
    NetSpec,
    ParentSpec,
    PortSpec,
    Scenario,
    VfSpec,
    VmSpec,
)

_MODEL = "e810"
_PER_DOMAIN = 60
_MOST_VFS = 256
_MOST = 100_000
_HELD_OF = 8
"""Every eighth VF is held by a VM, two VFs to a VM."""


def expand(scenario: Scenario) -> Scenario:
    """Return the scenario with the functions, mdevs and VMs that its options ask for."""
    pfs, vfs, mdevs = (scenario.options.get(key, 0) for key in ("pfs", "vfs", "mdevs"))
    if pfs * (vfs + 2) + mdevs > _MOST:
        raise ScenarioError(f"scale: too many, at most {_MOST} functions and mdevs")
    if vfs > _MOST_VFS:
        raise ScenarioError(f"scale: at most {_MOST_VFS} VFs for each PF")
    sriov = MODELS[_MODEL].sriov
    assert sriov is not None
    span = (sriov.offset + vfs) // 256 + 1
    ports: list[PortSpec] = []
    functions: list[FunctionSpec] = []
    vms: list[VmSpec] = []
    passed = tuple(range(0, vfs, 2))
    for number in range(pfs):
        domain, slot = divmod(number, _PER_DOMAIN)
        bus = 1 + slot * span
        if bus + span > 255:
            raise ScenarioError("scale: too many VFs for the bus numbers of one domain")
        port = f"{domain:04x}:00:{1 + slot // 8:02x}.{slot % 8}"
        pf = f"{domain:04x}:{bus:02x}:00.0"
        ports.append(PortSpec(port, (bus, bus + span - 1), numa=number % 2))
        functions.append(
            FunctionSpec(
                pf,
                _MODEL,
                numa=number % 2,
                net=NetSpec(name=f"ens{number}f0np0", up=True, rate=1_000_000),
                vfs=vfs,
                autoprobe=False,
                vf=(VfSpec(index=passed, driver="vfio-pci"),),
            )
        )
        held = [i for i in passed if i % _HELD_OF == 0]
        for pair in range(0, len(held), 2):
            devices = tuple(_vf(domain, bus, sriov.offset + sriov.stride * i) for i in held[pair : pair + 2])
            vms.append(VmSpec(name=f"vm-{len(vms)}", pid=10_000 + len(vms), devices=devices))
    parents, created = _mdevs(mdevs)
    return dataclasses.replace(
        scenario,
        port=tuple(ports),
        function=tuple(functions),
        mdev_parent=parents,
        mdev=created,
        vm=tuple(vms),
    )


def _vf(domain: int, bus: int, offset: int) -> str:
    rid = (bus << 8) + offset
    return f"{domain:04x}:{rid >> 8:02x}:{rid >> 3 & 31:02x}.{rid & 7}"


def _mdevs(count: int) -> tuple[tuple[ParentSpec, ...], tuple[MdevSpec, ...]]:
    pool = FAMILIES["mtty"].pool
    parents = tuple(ParentSpec(f"mtty{n}" if n else "mtty", "mtty") for n in range(-(-count // pool)))
    created = tuple(
        MdevSpec(f"5ca1e000-0000-4000-8000-{number:012x}", parents[number // pool].name, "mtty-1")
        for number in range(count)
    )
    return parents, created
