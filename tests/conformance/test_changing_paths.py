"""The data path of a function that nobody holds, and VFs without a host driver that manages them."""

from __future__ import annotations

import stat
from collections.abc import Callable

import pytest

from backend.model.plan import RunState
from backend.ops.errors import Refused
from tests.conformance.machine import PCI, Machine, driver_of, plain, set_vfs, to_vfio, virtual_functions
from tests.conformance.operating import Operating

Need = Callable[[str], str]


async def test_from_the_host_to_ready_and_back(machine: Machine) -> None:
    (vf,) = await set_vfs(machine, machine.pf, 1, autoprobe=True)
    operating = Operating(machine)
    plan = await operating.plan("path", device=vf, path="ready")
    assert (await operating.confirm(plan))[-1].state is RunState.DONE
    assert driver_of(machine, vf) == "vfio-pci"
    assert (await operating.plan("path", device=vf, path="ready")).steps == ()
    assert (await operating.do("path", device=vf, path="host"))[-1].state is RunState.DONE
    assert driver_of(machine, vf) == machine.vf_driver


async def test_what_a_guest_has_stays_as_it_is(machine: Machine) -> None:
    (vf,) = await set_vfs(machine, machine.pf, 1)
    await to_vfio(machine, vf)
    holder = await machine.hold(vf)
    plan = await Operating(machine).plan("path", device=vf, path="host")
    assert [condition.text for condition in plan.broken] == [f"nobody holds {vf}"]
    await machine.release(holder)


async def test_a_driver_without_mdev_types_wraps_nothing(machine: Machine) -> None:
    (vf,) = await set_vfs(machine, machine.pf, 1, autoprobe=True)
    with pytest.raises(Refused, match="not known"):
        await Operating(machine).plan("path", device=vf, path="trap")
    with pytest.raises(Refused, match="offers no mdev types"):
        await Operating(machine).plan("path", device=vf, path="trap", type="x-1")


async def test_a_pf_on_pci_pf_stub(machine: Machine, need: Need) -> None:
    pf = need("stub_pf")
    operating = Operating(machine)
    plan = await operating.plan("unmanaged", pf=pf, count=2)
    assert (await operating.confirm(plan))[-1].state is RunState.DONE, plan
    assert driver_of(machine, pf) == "pci-pf-stub"
    assert [driver_of(machine, vf) for vf in virtual_functions(machine, pf)] == ["vfio-pci", "vfio-pci"]
    assert (await operating.plan_all(plan.asked)).steps == ()
    assert (await operating.undo(plan))[-1].state is RunState.DONE
    assert virtual_functions(machine, pf) == []


async def test_a_pf_on_vfio_pci_with_a_token_that_only_root_reads(machine: Machine) -> None:
    operating = Operating(machine)
    plan = await operating.plan("unmanaged", pf=machine.pf, count=2, driver="vfio-pci")
    path = f"/var/lib/iovtop/vf-tokens/{machine.pf}"
    assert any(path in text for text in plan.consequences)
    assert (await operating.confirm(plan))[-1].state is RunState.DONE
    assert driver_of(machine, machine.pf) == "vfio-pci"
    vf, other = virtual_functions(machine, machine.pf)
    assert [driver_of(machine, name) for name in (vf, other)] == ["vfio-pci", "vfio-pci"]
    token = plain(machine, path)
    assert stat.S_IMODE(machine.doors.files.stat(path).mode) == 0o600
    assert token not in repr(plan)
    with pytest.raises(PermissionError):
        await machine.hold(vf)
    await machine.release(await machine.hold(vf, token=token))
    assert (await operating.plan_all(plan.asked)).steps == ()
    assert (await operating.undo(plan))[-1].state is RunState.DONE
    assert driver_of(machine, machine.pf) == machine.pf_driver
    assert plain(machine, f"{PCI}/{machine.pf}/sriov_drivers_autoprobe") == "1"


async def test_a_vendor_vgpu_type_and_its_next_owner(machine: Machine, need: Need) -> None:
    vf = need("vgpu_vf")
    current = f"{PCI}/{vf}/nvidia/current_vgpu_type"
    operating = Operating(machine)
    plan = await operating.plan("vgpu-type", vf=vf, type=1155)
    assert plan.unseen
    assert (await operating.confirm(plan))[-1].state is RunState.DONE
    assert plain(machine, current) == "1155"
    clear = await operating.plan("vgpu-type", vf=vf, type=0)
    assert (await operating.do("vgpu-type", vf=vf, type=1156))[-1].state is RunState.DONE
    # It was cleared and set again by somebody else: what was asked for the old type leaves the new one alone.
    with pytest.raises(Refused, match="it is theirs"):
        await operating.confirm(clear)
    assert plain(machine, current) == "1156"
    held = await machine.hold(vf)
    assert not (await operating.plan("vgpu-type", vf=vf, type=0)).ready
    await machine.release(held)
    assert (await operating.do("vgpu-type", vf=vf, type=0))[-1].state is RunState.DONE
    with pytest.raises(Refused, match="no vendor vGPU types"):
        await operating.plan("vgpu-type", vf=machine.pf, type=1155)
