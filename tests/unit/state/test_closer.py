"""A closer look at one device."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

from backend.capture.inventory import GUARDED
from backend.host.linux import LinuxHost
from backend.model.device import DataPath
from backend.state.closer import look_closer
from tests.pictures import picture, simulated


def test_a_simulated_vf() -> None:
    doors, _ = simulated("lab")
    host = picture(doors)
    vf = next(device for device in host.devices.values() if device.kind == "vf" and device.driver)
    look = look_closer(doors, vf)
    values = {found.name: found.value for found in look.attributes}
    assert values["vendor"] == f"0x{vf.vendor}"
    assert values["driver"] == f"-> {vf.driver}"
    assert values["physfn"] == f"-> {vf.parent}"
    assert [region.name for region in look.regions] == ["BAR 0", "BAR 3"]
    assert look.reason == ""


def test_what_of_a_held_function_is_mapped() -> None:
    doors, _ = simulated("lab")
    host = picture(doors)
    seen = {}
    for device in host.devices.values():
        if device.vfio and device.kind == "vf" and device.path is not None:
            look = look_closer(doors, device)
            sizes = {region.name: region.size for region in look.regions if region.name.startswith("BAR ")}
            seen[device.path] = None if look.mapped is None else look.mapped == sizes or dict(look.mapped)
    assert seen == {DataPath.READY: None, DataPath.PASSTHROUGH: True}


def test_nothing_is_read_that_waits_for_the_device_wakes_it_or_writes() -> None:
    doors, _ = simulated("lab")
    for device in picture(doors).devices.values():
        look = look_closer(doors, device)
        read = {found.name for found in look.attributes}
        assert not read & {*GUARDED, "config", "rom", "reset", "remove", "rescan", "unbind", "bind"}
        assert not read & set(look.unread)
    asleep = replace(device, power="suspended")
    assert not {found.name for found in look_closer(doors, asleep).attributes} & {"current_link_speed"}


def test_a_real_kernels_functions(captures: Mapping[str, Path]) -> None:
    folder = captures["3-vfs-mdevs"]
    doors = LinuxHost(str(folder / "sys"), str(folder / "proc"))
    host = picture(doors)
    pf = next(device for device in host.devices.values() if device.driver == "igb" and device.sriov is not None)
    look = look_closer(doors, pf)
    assert "VF BAR 0" in [region.name for region in look.regions]
    assert all(found.value.isprintable() for found in look.attributes)


def test_a_device_that_is_gone_says_so() -> None:
    doors, _ = simulated("lab")
    device = next(iter(picture(doors).devices.values()))
    look = look_closer(doors, replace(device, sysfs="/devices/pci0000:00/0000:00:1e.7"))
    assert "ENOENT" in look.reason
    assert not look.attributes
