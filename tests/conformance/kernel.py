"""A real kernel, in a guest that is thrown away: the conformance tests change it as they like."""

from __future__ import annotations

import asyncio
import contextlib
import os
import subprocess
import sys
import time
from collections.abc import Awaitable
from pathlib import Path
from typing import TypeVar

from backend.host.doors import Event, HostDoors
from backend.host.linux import LinuxHost
from backend.probe.holders import HolderFindings
from backend.state.aside import HolderScanner, scanner_for
from tests.conformance.machine import DRIVERS, MDEV, PCI, EventLog, Nic

T = TypeVar("T")

WRITER = "tests.conformance.writer"
_HOLDER = Path(__file__).with_name("holder.py")
_NETDEVSIM = "/sys/bus/netdevsim"
_SETTLE_SECONDS = 120.0
_QUIET_SECONDS = 1.0
"""Events that have not come for so long do not come any more."""


def refuse_elsewhere() -> None:
    """Raise ``RuntimeError`` unless this is the lab's guest. These tests would wreck any other machine."""
    words = Path("/proc/cmdline").read_text().split()
    vendor = Path("/sys/class/dmi/id/sys_vendor")
    roots = [line.split()[2] for line in Path("/proc/mounts").read_text().splitlines() if line.split()[1] == "/"]
    if "iovtop.lab" not in words or not vendor.exists() or vendor.read_text().strip() != "QEMU":
        raise RuntimeError("the kernel's conformance tests run in the lab only: make lab-test")
    if "overlay" not in roots:
        raise RuntimeError(f"the root of the lab is an overlay, this one is {roots}")


class _Patient:
    """A look for holders that may take as long as an emulated machine needs which gets little time."""

    def __init__(self, scanner: HolderScanner) -> None:
        self._scanner = scanner

    async def scan(self, deadline: float) -> HolderFindings:
        """Return who holds what."""
        return await self._scanner.scan(max(deadline, _SETTLE_SECONDS))

    def close(self) -> None:
        """Let go of children."""
        self._scanner.close()


class KernelMachine:
    """The lab's guest. What is at rest is what its first user found."""

    _drivers_at_rest: dict[str, str] = {}
    _host = LinuxHost(writer=WRITER)
    scanner: HolderScanner = _Patient(scanner_for(_host))
    """As the host, everybody's: starting the children that they read with takes seconds here."""

    def __init__(self) -> None:
        refuse_elsewhere()
        if not KernelMachine._drivers_at_rest:
            subprocess.run(["modprobe", "--quiet", "--all", "igbvf", "pci-stub"], check=False)
            KernelMachine._drivers_at_rest = {name: _driver(name) for name in os.listdir(PCI)}
        drivers = self._drivers_at_rest
        self.pf, self.other_pf = sorted(name for name, driver in drivers.items() if driver == "igb")[:2]
        self.pf_driver, self.vf_driver = "igb", "igbvf"
        self.crossing_pf = self.crowded_pf = self.small_pf = self.vgpu_vf = self.clever_pf = ""
        pair = sorted(name for name, driver in drivers.items() if driver == "e1000")
        self.sharing = (pair[0], pair[1]) if len(pair) == 2 else ("", "")
        self.sharing_driver = "e1000"
        self.mtty, self.mdpy = (_if_there(f"/sys/devices/virtual/{name}/{name}") for name in ("mtty", "mdpy"))
        self.ways: tuple[str, ...] = ("group", "cdev") if os.path.exists("/dev/iommu") else ("group",)
        self._others: list[LinuxHost] = []
        self._holders: list[subprocess.Popen[str]] = []
        self._logs: list[_Log] = []
        self._nic: Nic | None = None
        self._up: list[str] = []

    @property
    def doors(self) -> HostDoors:
        """The machine's doors."""
        return self._host

    def elsewhere(self) -> HostDoors:
        """The same machine's doors, for another program."""
        self._others.append(LinuxHost(writer=WRITER))
        return self._others[-1]

    @property
    def stub_pf(self) -> str:
        """A PF moved to pci-pf-stub; "" where the kernel has no such driver."""
        if subprocess.run(["modprobe", "--quiet", "pci-pf-stub"], check=False).returncode:
            return ""
        pf = next(name for name, driver in sorted(self._drivers_at_rest.items()) if driver == "nvme")
        if _driver(pf) != "pci-pf-stub":
            _write(f"{PCI}/{pf}/driver/unbind", pf)
            _write(f"{PCI}/{pf}/driver_override", "pci-pf-stub")
            _write("/sys/bus/pci/drivers_probe", pf)
        return pf

    @property
    def nic(self) -> Nic | None:
        """The kernel's netdevsim; None where the kernel has none."""
        if not os.path.isdir(_NETDEVSIM):
            return None
        if not self._nic:
            _write(f"{_NETDEVSIM}/new_device", "1 1")
            folder = f"{_NETDEVSIM}/devices/netdevsim1"
            subprocess.run(["udevadm", "settle", "--timeout=60"], check=True)
            interface = os.listdir(f"{folder}/net")[0]
            self._nic = Nic(interface, "netdevsim1", "netdevsim/netdevsim1", f"{folder}/sriov_numvfs")
        return self._nic

    switch = nic

    async def bring_up(self, interface: str) -> None:
        """Bring an interface up and wait for its link."""
        subprocess.run(["ip", "link", "set", interface, "up"], check=True)
        self._up.append(interface)
        deadline = time.monotonic() + _SETTLE_SECONDS
        while _read(f"/sys/class/net/{interface}/carrier") != "1":
            assert time.monotonic() < deadline, f"{interface} gets no link"
            await asyncio.sleep(0.05)

    async def run(self, awaitable: Awaitable[T]) -> T:
        """Await something. It takes its own time."""
        return await awaitable

    async def hold(self, device: str, way: str = "group", token: str = "") -> object:
        """Let a process open a device."""
        holder = subprocess.Popen(
            [sys.executable, "-I", "-S", str(_HOLDER), device, way, token],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
        )  # fmt: skip
        assert holder.stdout is not None
        answer = (await asyncio.to_thread(holder.stdout.readline)).strip()
        if answer != "ok":
            holder.communicate()
            raise OSError(int(answer), os.strerror(int(answer)), device)
        self._holders.append(holder)
        return holder

    def pid_of(self, holder: object) -> int:
        """Return the process that ``hold`` started."""
        assert isinstance(holder, subprocess.Popen)
        return holder.pid

    async def release(self, holder: object) -> None:
        """Let that process end, and what waited for it."""
        assert isinstance(holder, subprocess.Popen)
        holder.communicate()
        self._holders.remove(holder)
        await self._settle()

    async def _settle(self) -> None:
        deadline = time.monotonic() + _SETTLE_SECONDS
        hosts = (self._host, *self._others)
        while waiting := [left for host in hosts for left in (*host.guarded.waiting(), *host.links.waiting())]:
            assert time.monotonic() < deadline, waiting
            await asyncio.sleep(0.05)

    async def events(self) -> EventLog:
        """Begin to listen."""
        log = _Log(self._host)
        self._logs.append(log)
        await asyncio.sleep(0.1)
        return log

    async def close(self) -> None:
        """Bring the machine back to rest."""
        for log in self._logs:
            await log.close()
        for holder in list(self._holders):
            await self.release(holder)
        await self._settle()
        await asyncio.to_thread(self._rest)
        for host in self._others:
            host.close()

    def _rest(self) -> None:
        if self._nic:
            _write(f"{_NETDEVSIM}/del_device", "1")
        for interface in self._up:
            subprocess.run(["ip", "link", "set", interface, "down"], check=False)
        for uuid in os.listdir(MDEV) if os.path.isdir(MDEV) else ():
            _write(f"{MDEV}/{uuid}/remove", "1")
        for name, driver in self._drivers_at_rest.items():
            self._rest_function(name, driver)
        _write("/sys/module/vfio_pci/parameters/enable_sriov", "0")
        ids = {
            f"{_read(f'{PCI}/{self.pf}/vendor')} {_read(f'{PCI}/{self.pf}/{name}')}"
            for name in ("device", "sriov_vf_device")
        }
        for text in ids:
            with contextlib.suppress(OSError):
                _write(f"{DRIVERS}/vfio-pci/remove_id", text.replace("0x", ""))

    def _rest_function(self, name: str, driver: str) -> None:
        folder = f"{PCI}/{name}"
        if _read(f"{folder}/sriov_numvfs") not in ("", "0"):
            if not _driver(name):  # pci-pf-stub leaves its VFs when it goes
                _write(f"{folder}/driver_override", "pci-pf-stub")
                _write(f"{DRIVERS}/pci-pf-stub/bind", name)
            _write(f"{folder}/sriov_numvfs", "0")
        if _read(f"{folder}/driver_override") != "(null)":
            _write(f"{folder}/driver_override", "")
        if _driver(name) != driver:
            if _driver(name):
                _write(f"{folder}/driver/unbind", name)
            if driver:
                _write("/sys/bus/pci/drivers_probe", name)
            assert _driver(name) == driver, (name, driver)
        if _read(f"{folder}/sriov_drivers_autoprobe") == "0":
            _write(f"{folder}/sriov_drivers_autoprobe", "1")
        if name == self.pf:
            _write(f"{folder}/reset_method", "default")


class _Log:
    def __init__(self, host: LinuxHost) -> None:
        self._found: list[Event] = []
        self._last = time.monotonic()
        self._task = asyncio.create_task(self._listen(host))

    async def _listen(self, host: LinuxHost) -> None:
        async for event in host.events.stream():
            self._found.append(event)
            self._last = time.monotonic()

    async def seen(self) -> list[Event]:
        """Return all events so far."""
        self._last = time.monotonic()
        while (rest := self._last + _QUIET_SECONDS - time.monotonic()) > 0:
            await asyncio.sleep(rest)
        return list(self._found)

    async def close(self) -> None:
        """Stop listening."""
        self._task.cancel()
        await asyncio.gather(self._task, return_exceptions=True)


def _driver(name: str) -> str:
    try:
        return os.path.basename(os.readlink(f"{PCI}/{name}/driver"))
    except OSError:
        return ""


def _read(path: str) -> str:
    try:
        return Path(path).read_text().strip()
    except OSError:
        return ""


def _write(path: str, text: str) -> None:
    with open(path, "wb", buffering=0) as file:
        file.write(text.encode() + b"\n")


def _if_there(path: str) -> str:
    return path if os.path.isdir(path) else ""
