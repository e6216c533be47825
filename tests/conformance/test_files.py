"""The door to the files itself: what the kernel says about paths."""

from __future__ import annotations

import errno
import os

import pytest

from backend.host.doors import Directory
from tests.conformance.machine import PCI, Machine, plain, set_vfs, write


def errno_of(call: object, *arguments: object) -> str:
    assert callable(call)
    with pytest.raises(OSError) as raised:  # noqa: PT011 - the errno is what is looked at
        call(*arguments)
    return errno.errorcode[raised.value.errno or 0]


def left_in(directory: Directory) -> list[str] | str:
    try:
        return directory.list()
    except OSError as error:
        return errno.errorcode[error.errno or 0]


async def test_what_is_not_there(machine: Machine) -> None:
    files = machine.doors.files
    for call in (files.read, files.list, files.readlink, files.stat, files.open_dir):
        assert errno_of(call, f"{PCI}/0000:ff:1f.7") == "ENOENT"
        assert errno_of(call, f"{PCI}/{machine.pf}/vendor/x") == "ENOTDIR"


async def test_the_wrong_kind(machine: Machine) -> None:
    files = machine.doors.files
    assert errno_of(files.read, PCI) == "EISDIR"
    assert errno_of(files.list, f"{PCI}/{machine.pf}/vendor") == "ENOTDIR"
    assert errno_of(files.open_dir, f"{PCI}/{machine.pf}/vendor") == "ENOTDIR"
    assert errno_of(files.readlink, f"{PCI}/{machine.pf}/vendor") == "EINVAL"


async def test_a_write_only_file_cannot_be_read(machine: Machine) -> None:
    assert errno_of(machine.doors.files.read, "/sys/bus/pci/drivers/vfio-pci/bind") == "EACCES"
    assert machine.doors.files.stat("/sys/bus/pci/drivers/vfio-pci/bind").mode & 0o777 == 0o200


async def test_a_read_only_file_cannot_be_written(machine: Machine) -> None:
    assert await write(machine, f"{PCI}/{machine.pf}/vendor", "1") == "EACCES"
    assert await write(machine, f"{PCI}/{machine.pf}", "1") == "EISDIR"
    assert await write(machine, f"{PCI}/{machine.pf}/nosuch", "1") in ("ENOENT", "EACCES", "EPERM")


async def test_a_read_stops_at_its_limit(machine: Machine) -> None:
    assert machine.doors.files.read(f"{PCI}/{machine.pf}/vendor", 4) == b"0x80"
    with machine.doors.files.open_dir(f"{PCI}/{machine.pf}") as directory:
        assert directory.read("vendor", 3) == b"0x8"


async def test_links_are_relative_and_followed(machine: Machine) -> None:
    files = machine.doors.files
    target = files.readlink(f"{PCI}/{machine.pf}")
    assert target.startswith("../../../devices/pci0000:00/")
    assert files.read(os.path.normpath(f"{PCI}/{target}") + "/vendor") == files.read(f"{PCI}/{machine.pf}/vendor")
    assert files.readlink(f"{PCI}/{machine.pf}/driver").endswith(f"/bus/pci/drivers/{machine.pf_driver}")
    assert plain(machine, f"{PCI}/{machine.pf}/driver/{machine.pf}/vendor") == plain(
        machine, f"{PCI}/{machine.pf}/vendor"
    )


async def test_an_open_directory(machine: Machine) -> None:
    with machine.doors.files.open_dir(f"{PCI}/{machine.pf}") as directory:
        assert directory.read("vendor") == b"0x8086\n"
        assert directory.read("power/runtime_status").endswith(b"\n")
        assert directory.readlink("subsystem").endswith("/bus/pci")
        assert "vendor" in directory.list()
        assert "control" in directory.list("power")
        assert errno_of(directory.read, "nosuch") == "ENOENT"
        assert errno_of(directory.list, "vendor") == "ENOTDIR"
        assert errno_of(directory.readlink, "vendor") == "EINVAL"
    directory.close()


async def test_an_open_directory_of_a_device_that_went_away(machine: Machine) -> None:
    vf = (await set_vfs(machine, machine.pf, 1))[0]
    with machine.doors.files.open_dir(f"{PCI}/{vf}") as directory:
        assert await write(machine, f"{PCI}/{machine.pf}/sriov_numvfs", "0") == "OK"
        for call, name in ((directory.read, "vendor"), (directory.readlink, "physfn"), (directory.list, "power")):
            assert errno_of(call, name) in ("ENOENT", "ENODEV")
        assert left_in(directory) in ([], "ENOENT", "ENODEV")
        # One of the same name that comes later is another one.
        assert await set_vfs(machine, machine.pf, 1) == [vf]
        assert errno_of(directory.read, "vendor") in ("ENOENT", "ENODEV")
    assert plain(machine, f"{PCI}/{vf}/vendor") == "0x8086"


async def test_formats(machine: Machine) -> None:
    base = f"{PCI}/{machine.pf}"
    assert len(plain(machine, f"{base}/class")) == 8
    assert plain(machine, f"{base}/modalias").startswith("pci:v0000")
    lines = plain(machine, f"{base}/resource").splitlines()
    assert len(lines) >= 13
    assert all(len(line) == 56 for line in lines)
    assert plain(machine, f"{base}/power/runtime_status") in ("active", "suspended")
    keys = [line.partition("=")[0] for line in plain(machine, f"{base}/uevent").splitlines()]
    assert keys == ["DRIVER", "PCI_CLASS", "PCI_ID", "PCI_SUBSYS_ID", "PCI_SLOT_NAME", "MODALIAS"]


async def test_error_counters(machine: Machine) -> None:
    base = f"{PCI}/{machine.pf}"
    if "aer_dev_correctable" not in machine.doors.files.list(base):
        pytest.skip("this kernel does not count PCIe errors")
    assert plain(machine, f"{base}/aer_dev_correctable").splitlines()[-1].startswith("TOTAL_ERR_COR ")


async def test_device_nodes(machine: Machine) -> None:
    stat = machine.doors.files.stat("/dev/vfio/vfio")
    assert stat.rdev == (10, 196)
    assert stat.mode & 0o170000 == 0o020000
