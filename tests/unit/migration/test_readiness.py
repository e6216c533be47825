"""All that stands in the way of a migration, at once."""

from __future__ import annotations

import asyncio
from dataclasses import replace

import pytest

from backend.cli.snapshot import take
from backend.migration.features import read_features
from backend.migration.readiness import find_out, judge
from backend.migration.told import Told
from backend.model.ids import PciAddress
from backend.model.migration import DeviceFeatures, Readiness, Weight
from backend.model.vm import Vm, VmDevice, VmManager
from backend.simhost import open_simulated
from backend.simhost.vms import VmPlan

VF, OTHER = "0000:c1:00.2", "0000:c1:00.3"
ALL = ("stop-copy", "p2p", "pre-copy", "dirty-tracking")
VM = Vm(1, 0.0, "web", "qemu-system-x86_64", True, VmManager.NONE, monitors=("/m",), devices=(VmDevice(VF),))
TOLD = Told("10.0.2", "running", (), {}, {VF: {"id": "n0", "enable-migration": "auto"}})


def offers(*features: str, device: str = VF, driver: str = "mlx5_vfio_pci") -> DeviceFeatures:
    return DeviceFeatures(device, driver, features, "RUNNING", "debugfs")


def test_nothing_in_the_way() -> None:
    found = judge(VM, (offers(*ALL),), TOLD)
    assert (found.ready, found.reasons, found.qemu) == (True, (), "10.0.2")


def test_every_reason_is_told_at_once() -> None:
    told = replace(
        TOLD, blocked=("Migration is disabled when VirtFS export path '/' is mounted",), status="postmigrate"
    )
    devices = (offers(device=VF, driver="vfio-pci"), offers("stop-copy", "pre-copy", device=OTHER), offers(*ALL))
    found = judge(VM, devices, told)
    texts = [f"{reason.weight} {reason.subject} {reason.cause}" for reason in found.reasons]
    assert len(found.blockers) == 4
    assert any("VirtFS" in text for text in texts)
    assert any("migrated away already" in text for text in texts)
    assert any("vfio-pci offers no migration" in text for text in texts)
    assert any(f"P2P, which {OTHER} does not" in text for text in texts)
    assert all(reason.remedy for reason in found.reasons)


def test_what_qemu_says_of_a_device_is_not_told_twice() -> None:
    told = replace(TOLD, blocked=(f"{VF}: VFIO migration is not supported in kernel",))
    found = judge(VM, (offers(driver="vfio-pci"),), told)
    assert [reason.evidence for reason in found.reasons] == ["query-migrate"]
    assert found.reasons[0].subject == VF


@pytest.mark.parametrize(
    "text",
    [
        "0000:01:00.0: VFIO migration is not supported in kernel",
        "VFIO_MIGRATION_STOP_COPY is not supported",
        "0000:01:00.0: Migration is disabled for VFIO device",
        "0000:01:00.0: VFIO device doesn't support device and IOMMU dirty tracking",
        "Multiple VFIO devices migration is supported only if all of them support P2P migration",
        "0000:01:00.0: Migration is currently not supported with vIOMMU enabled",
        "0000:01:00.0: Migration is currently not supported with large memory VM due to dirty tracking limitation",
        "0000:01:00.0: VFIO migration is not supported with postcopy migration",
        "0000:01:00.0: VFIO migration is not supported with background snapshot",
        "VFIO device only supports cpr-reboot for runstate suspended",
    ],
)
def test_every_reason_that_qemu_has_comes_with_a_remedy_of_its_own(text: str) -> None:
    found = judge(VM, (offers(*ALL),), replace(TOLD, blocked=(text,)))
    assert found.reasons[0].remedy != "see QEMU's documentation"
    assert "{" not in found.reasons[0].remedy
    by_libvirt = judge(replace(VM, manager=VmManager.LIBVIRT), (offers(*ALL),), replace(TOLD, blocked=(text,)))
    assert "unplug" not in by_libvirt.reasons[0].remedy


def test_an_mdev_is_not_told_of_the_drivers_of_vfs() -> None:
    uuid = "83b8f4f2-509f-382f-3c1e-e6bfe0fa1004"
    (reason,) = judge(VM, (offers(device=uuid, driver="mdpy"),), TOLD).reasons
    assert "mlx5" not in reason.remedy
    assert "mdpy" in reason.remedy
    said = replace(TOLD, blocked=(f"{uuid}: VFIO migration is not supported in kernel",), devices={uuid: {}})
    assert judge(VM, (offers(device=uuid, driver="mdpy"),), said).reasons[0].remedy == reason.remedy


def test_libvirts_vm_is_moved_and_changed_by_libvirt() -> None:
    vm = replace(VM, name="web 2", manager=VmManager.LIBVIRT)
    found = judge(vm, (offers(), offers(*ALL, device=OTHER, driver="mtty")), None, silence="it is", iommufd=False)
    remedies = " / ".join(reason.remedy for reason in found.reasons)
    assert "virsh migrate --live --p2p --verbose 'web 2' qemu+ssh://DESTINATION/system" in remedies
    assert "virsh detach-device" in remedies
    assert "virsh edit 'web 2'" in remedies


def test_a_kernel_whose_probe_promises_what_its_report_cannot_keep() -> None:
    mtty = offers(*ALL, driver="mtty")
    lie = judge(VM, (mtty,), TOLD, iommufd=False)
    assert [reason.weight for reason in lie.reasons] == [Weight.BLOCKS]
    assert "x-device-dirty-page-tracking=off" in lie.reasons[0].remedy
    assert judge(VM, (mtty,), TOLD, iommufd=True).ready
    off = replace(TOLD, devices={VF: {"x-device-dirty-page-tracking": "off"}})
    assert judge(VM, (mtty,), off, iommufd=False).ready
    assert judge(VM, (offers(*ALL),), TOLD, iommufd=False).ready  # mlx5 brings what it needs


def test_costs_do_not_block() -> None:
    told = replace(TOLD, devices={VF: {"enable-migration": "on"}})
    found = judge(VM, (offers("stop-copy", "p2p", driver="xe_vfio_pci"),), told)
    assert found.ready
    assert {reason.weight for reason in found.reasons} == {Weight.COSTS}
    assert len(found.reasons) == 2


def test_who_cannot_be_asked_is_not_called_ready() -> None:
    found = judge(VM, (offers(*ALL),), None, silence="its monitor is taken")
    assert found.ready is None
    assert "its monitor is taken" in found.reasons[0].cause
    other = replace(VM, qemu=False, program="cloud-hypervisor")
    assert judge(other, (), None).ready is False


def test_an_unknown_driver_is_not_guessed() -> None:
    found = judge(VM, (DeviceFeatures(VF, "mystery_vfio", None, "", "nobody knows"),), TOLD)
    assert found.ready is None


def _find_out(name: str, **options: int) -> Readiness:
    doors = open_simulated("duo")
    try:
        host = take(doors)
        vm = next(vm for vm in host.vms.values() if vm.name == name)
        return asyncio.run(find_out(doors, host, vm, **options))  # type: ignore[arg-type]
    finally:
        doors.close()


def test_on_a_simulated_host() -> None:
    assert _find_out("web-2").ready is True
    assert _find_out("db-1").ready is True
    assert _find_out("fw-1").ready is False
    libvirt = _find_out("cache-1")
    assert libvirt.ready is None
    assert "libvirt owns its monitor" in libvirt.reasons[0].cause


def test_the_dirty_rate_is_measured_on_request() -> None:
    assert _find_out("web-2").dirty_rate is None
    assert _find_out("web-2", dirty_seconds=1).dirty_rate == 60 << 20


def test_a_device_that_was_plugged_later_is_judged_too() -> None:
    doors = open_simulated("duo")
    try:
        doors.kernel.start_vm(VmPlan("late", style="plain", uid=0))
        vm = doors.sockets.vm("late")
        plug = {"driver": "vfio-pci", "id": "x", "bus": "rp0", "host": "0000:c1:02.3"}

        async def plug_in() -> None:
            await vm.execute("device_add", plug)

        asyncio.run(plug_in())
        host = take(doors)
        late = next(vm for vm in host.vms.values() if vm.name == "late")
        found = asyncio.run(find_out(doors, host, late))
    finally:
        doors.close()
    assert [device.device for device in found.devices] == ["0000:c1:02.3"]
    assert found.ready is False


def test_features_come_from_the_kernel_where_it_tells_them() -> None:
    doors = open_simulated("duo")
    device = take(doors).devices[PciAddress(VF)]
    found = read_features(doors.files, device)
    assert (found.features, found.state, found.evidence) == (ALL, "RUNNING", "debugfs")
    hidden = open_simulated("duo", privileged=False)
    known = read_features(hidden.files, device)
    assert (known.features, known.evidence) == (ALL, "what mlx5_vfio_pci is known for")
