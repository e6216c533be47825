"""Every single call through the doors may fail, and a device may go at any of them."""

from __future__ import annotations

import errno
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from backend.host.doors import Directory, Files, FileStat, HostDoors
from backend.model.device import Device
from backend.model.host import Host
from backend.simhost.host import SimulatedHost
from backend.state.collect import Collector
from tests.pictures import look, picture, simulated

SMALL = ("bare", "scale:pfs=1,vfs=2,mdevs=1")
LARGE = ("lab", "messy", "vgpu", "duo:hv07")
CODES = (errno.EIO, errno.ENODEV, errno.EACCES)


def same(one: Host, other: Host) -> bool:
    """Return whether two pictures tell the same of devices, parents and groups, in the same order."""
    return all(
        list(a.items()) == list(b.items())
        for a, b in ((one.devices, other.devices), (one.parents, other.parents), (one.groups, other.groups))
    )


def check_device(device: Device, truth: Device) -> None:
    """Demand that what the record does not excuse with a note is true."""
    alias = {"class_code": "vendor", "subsystem": "vendor", "device": "vendor", "kind": "vgpu"}
    # Drivers come from one listing of all; where that failed, what follows from the driver is not compared.
    skipped = {"kind", "vgpu"} if device.driver != truth.driver else set()
    for field in ("kind", "sysfs", "class_code", "vendor", "device", "subsystem", "numa", "power", "link", "vgpu"):
        if field not in skipped and alias.get(field, field) not in device.notes:
            assert getattr(device, field) == getattr(truth, field), (device.id, field)
    if device.sriov is not None and truth.sriov is not None and "sriov" not in device.notes:
        assert replace(device.sriov, manager=truth.sriov.manager) == truth.sriov


def check_each_call(spec: str, code: int, valid_document: Callable[[Host], Any]) -> int:
    """Fail the k-th call for every k. Return how many there were."""
    doors, _ = simulated(spec)
    truth = picture(doors)
    before = doors.faults.calls
    picture(doors)
    calls = doors.faults.calls - before
    for k in range(1, calls + 1):
        doors.faults.fail_reads(k, code)
        began = doors.faults.calls
        collector = Collector(doors)
        host = look(collector, doors)
        assert doors.faults.calls - began >= k - 1
        valid_document(host)
        assert host.devices.keys() <= truth.devices.keys(), k
        if code != errno.ENODEV:
            for device in host.devices.values():
                check_device(device, truth.devices[device.id])
        # The fault was a moment's: the next tick tells the truth, and no ghost stays.
        doors.faults.fail_reads(1_000_000, 0)
        assert same(look(collector, doors), truth), k
    return calls


@pytest.mark.parametrize("code", CODES, ids=errno.errorcode.get)
@pytest.mark.parametrize("spec", SMALL)
def test_every_call_may_fail(spec: str, code: int, valid_document: Callable[[Host], Any]) -> None:
    assert check_each_call(spec, code, valid_document) > 100


@pytest.mark.slow
@pytest.mark.timeout(900)
@pytest.mark.parametrize("code", CODES, ids=errno.errorcode.get)
@pytest.mark.parametrize("spec", LARGE)
def test_every_call_may_fail_on_larger_hosts(spec: str, code: int, valid_document: Callable[[Host], Any]) -> None:
    assert check_each_call(spec, code, valid_document) > 200


class _Telling:
    """A directory that tells of every call before it goes through."""

    def __init__(self, directory: Directory, tell: Callable[[], None]) -> None:
        self._directory = directory
        self._tell = tell

    def read(self, name: str, limit: int = 4096) -> bytes:
        self._tell()
        return self._directory.read(name, limit)

    def readlink(self, name: str) -> str:
        self._tell()
        return self._directory.readlink(name)

    def list(self, name: str = ".") -> list[str]:
        self._tell()
        return self._directory.list(name)

    def close(self) -> None:
        self._directory.close()

    def __enter__(self) -> _Telling:
        return self

    def __exit__(self, *error: object) -> None:
        self.close()


class _TellingFiles:
    """Files that tell of every call before it goes through."""

    def __init__(self, files: Files, tell: Callable[[], None]) -> None:
        self._files = files
        self._tell = tell

    def open_dir(self, path: str) -> Directory:
        self._tell()
        return _Telling(self._files.open_dir(path), self._tell)

    def list(self, path: str) -> list[str]:
        self._tell()
        return self._files.list(path)

    def read(self, path: str, limit: int = 65536) -> bytes:
        self._tell()
        return self._files.read(path, limit)

    def readlink(self, path: str) -> str:
        self._tell()
        return self._files.readlink(path)

    def stat(self, path: str) -> FileStat:
        self._tell()
        return self._files.stat(path)


def _at_call(doors: SimulatedHost, k: int, act: Callable[[], object]) -> HostDoors:
    """Return the doors, changed so that ``act`` happens right before the k-th call to the files."""
    count = 0

    def tell() -> None:
        nonlocal count
        count += 1
        if count == k:
            act()

    doors.files = _TellingFiles(doors.files, tell)  # type: ignore[assignment]
    return doors


def _unplug_at(spec: str, name: str, k: int) -> tuple[Host, Host]:
    """Return the picture during whose making a device went at the k-th call, and the one after it."""
    doors, _ = simulated(spec)
    _at_call(doors, k, lambda: doors.kernel.unplug(name))
    collector = Collector(doors)
    return look(collector, doors), look(collector, doors)


@pytest.mark.parametrize(
    ("spec", "name", "step"),
    [
        ("bare", "0000:01:00.0", 1),
        ("bare", "0000:02:10.4", 1),
        ("bare", "0000:04:00.0", 1),
        pytest.param("messy", "0000:02:00.0", 3, marks=pytest.mark.slow),
        pytest.param("lab", "0000:06:01.0", 7, marks=pytest.mark.slow),
    ],
)
def test_a_device_that_goes_in_mid_scan_is_whole_or_gone(
    spec: str, name: str, step: int, valid_document: Callable[[Host], Any]
) -> None:
    doors, _ = simulated(spec)
    truth = picture(doors)
    calls = doors.faults.calls
    doors.kernel.unplug(name)
    without = picture(doors)
    gone = truth.devices.keys() - without.devices.keys()
    assert name in gone
    partial = 0
    for k in range(1, calls + 1, step):
        during, after = _unplug_at(spec, name, k)
        valid_document(during)
        partial += 0 < len(gone & during.devices.keys()) < len(gone)
        for device_id in gone & during.devices.keys():
            check_device(during.devices[device_id], truth.devices[device_id])
        # Not a moment longer than one tick.
        assert same(after, without), k
    assert partial or len(gone) == 1, "some scans should have met the device halfway"
