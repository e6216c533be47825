"""Both ends of a migration between simulated QEMUs, with the statuses and events of the real one."""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING, Any

from backend.simhost.mdev import Mdev
from backend.simhost.qemu.errors import QmpError
from backend.simhost.qemu.link import Broken, Link, dial, listen
from backend.simhost.qemu.physics import PAGE, DeviceLoad, Load, Physics

if TYPE_CHECKING:
    from backend.simhost.qemu.machine import SimQemu
    from backend.simhost.vfio import VfioDevice

_TICK = 0.05
"""Seconds of ours between two steps."""
_SETUP_SECONDS = 0.15
_SWITCHOVER_SECONDS = 0.02
"""What stopping and starting costs besides sending."""
_OVER = frozenset({"completed", "failed", "cancelled"})
_STATES = {
    "mlx5_vfio_pci": DeviceLoad(8 << 20, 24 << 20),
    "qat_vfio_pci": DeviceLoad(64 << 10, 512 << 10),
    "xe_vfio_pci": DeviceLoad(0, 384 << 20),
    "mtty": DeviceLoad(24, 72),
}
_OTHER = DeviceLoad(0, 1 << 20)


class Cancelled(Exception):
    """The operator wants it to end."""


class Outgoing:
    """The source's side."""

    def __init__(self, qemu: SimQemu, uri: str) -> None:
        self.qemu = qemu
        self.uri = uri
        self.several, _ = qemu.parameters.wire
        self.status = "setup"
        self.error = ""
        self.downtime = 0
        self.setup_time = 0
        self.total_time = 0
        self._began = time.monotonic()
        plan = qemu.plan
        ram = (plan.memory_mb << 20) + (800 << 10)
        load = Load(ram, plan.dirty_mbps * 1048576.0, min(ram, plan.working_set_mb << 20), link=plan.link_mbps * 125e3)
        self.physics = Physics(load, tuple(_device_load(vfio) for _, vfio in qemu.plugging.vfio_devices()))
        self._cancel = asyncio.Event()
        self._yanked = False
        self._go = asyncio.Event()
        self._link: Link | None = None

    @property
    def active(self) -> bool:
        """Whether it goes on."""
        return self.status not in _OVER

    def begin(self) -> None:
        """Start."""
        self._tell("setup")
        self.qemu.spawn(self._run())

    def cancel(self) -> None:
        """Ask for the end; nothing happens when it is over."""
        if self.active:
            self._set("cancelling")
            self._cancel.set()

    def yank(self) -> None:
        """Cut the connection."""
        self._yanked = True
        self._cancel.set()

    def go_on(self) -> None:
        """Leave pre-switchover."""
        self._go.set()

    def _set(self, status: str) -> None:
        if self.active:
            self.status = status
            self._tell(status)

    def _tell(self, status: str) -> None:
        if self.qemu.parameters.capabilities["events"]:
            self.qemu.emit("MIGRATION", {"status": status})

    def _pass(self) -> None:
        if self.qemu.parameters.capabilities["events"]:
            self.qemu.emit("MIGRATION_PASS", {"pass": self.physics.passes})

    async def _run(self) -> None:
        stopped = False
        was = self.qemu.status
        try:
            self._check("setup")
            await self._or_cancel(self._dial())
            assert self._link is not None
            await self._or_cancel(self._greet())
            await self._or_cancel(self._rest(_SETUP_SECONDS))
            self.setup_time = self._milliseconds()
            self._pass()
            self._set("active")
            self.qemu.plugging.set_device_states("PRE_COPY")
            await self._precopy()
            stopped = True
            stop = time.monotonic()
            self.qemu.status = "finish-migrate"
            self.qemu.emit("STOP")
            if self.qemu.parameters.capabilities["pause-before-switchover"]:
                self._set("pre-switchover")
                self._check("pre-switchover")
                await self._or_cancel(self._go.wait())
            self._set("device")
            self._check("device")
            self.qemu.plugging.set_device_states("STOP_COPY")
            rate = max(1.0, self.physics.bandwidth)
            await self._or_cancel(self._rest(self.physics.left() / rate + _SWITCHOVER_SECONDS))
            self.physics.finish()
            self._pass()
            await self._or_cancel(self._link.send({"do": "switchover"}))
            await self._or_cancel(self._link.receive())
            self.qemu.status = "postmigrate"
            self.qemu.plugging.set_device_states("STOP")
            self.downtime = int((time.monotonic() - stop) * self.qemu.speed * 1000)
            self.total_time = self._milliseconds()
            self._set("completed")
            stopped = False
        except Cancelled:
            self._set("failed" if self._yanked else "cancelled")
            self.error = "Unable to write to socket: Broken pipe" if self._yanked else ""
        except Broken:
            self._fail("Unable to write to socket: Broken pipe")
        except OSError as error:
            self._fail(error.strerror or str(error))
        except QmpError as error:
            self._fail(error.text)
        finally:
            if self._link is not None:
                self._link.close()
            if self.status != "completed":
                self.qemu.plugging.set_device_states("RUNNING")
            if stopped:
                self.qemu.status = was
                self.qemu.emit("RESUME")

    def _fail(self, text: str) -> None:
        self.error = text
        self._set("failed")

    def _check(self, phase: str) -> None:
        """Fail here if that was ordered."""
        if phase in self.qemu.fail_at:
            raise QmpError(self.qemu.fail_at.pop(phase))

    async def _dial(self) -> None:
        self._link = await dial(self.uri)

    async def _greet(self) -> None:
        assert self._link is not None
        devices = sorted(device.id for device, _ in self.qemu.plugging.vfio_devices())
        hello = {"ram": self.qemu.plan.memory_mb, "devices": devices, "machine": self.qemu.plan.machine_type}
        hello["wire"] = self.qemu.parameters.wire
        await self._link.send({"do": "hello", **hello})
        answer = await self._link.receive()
        if "error" in answer:
            raise QmpError(str(answer["error"]))

    async def _precopy(self) -> None:
        assert self._link is not None
        last = time.monotonic()
        while True:
            await self._or_cancel(self._link.send({"do": "data"}))
            await self._or_cancel(self._link.receive())
            await self._or_cancel(asyncio.sleep(_TICK))
            self._check("active")
            now = time.monotonic()
            parameters = self.qemu.parameters
            # In steps as small as the real one's, so that a fast-running model does not jump over a pass.
            rest = (now - last) * self.qemu.speed
            while rest > 0:
                step = min(rest, _TICK)
                rest -= step
                if self.physics.advance(step, parameters.bandwidth):
                    self._pass()
                if self.physics.fits(parameters.downtime, parameters.bandwidth):
                    return
            last = now

    async def _rest(self, seconds: float) -> None:
        await asyncio.sleep(seconds / self.qemu.speed)

    async def _or_cancel(self, work: Any) -> Any:
        """Return what ``work`` gives; raise ``Cancelled`` as soon as the operator wants the end."""
        task = asyncio.ensure_future(work)
        cancel = asyncio.ensure_future(self._cancel.wait())
        try:
            await asyncio.wait({task, cancel}, return_when=asyncio.FIRST_COMPLETED)
            if cancel.done():
                raise Cancelled
            return task.result()
        finally:
            for one in (task, cancel):
                one.cancel()
            await asyncio.gather(task, cancel, return_exceptions=True)

    def _milliseconds(self) -> int:
        return int((time.monotonic() - self._began) * self.qemu.speed * 1000)

    def report(self) -> dict[str, Any]:
        """Return what ``query-migrate`` does."""
        found: dict[str, Any] = {"status": self.status}
        if self.status in ("failed", "cancelled"):
            return found | ({"error-desc": self.error} if self.error else {})
        if self.status == "setup":
            return found
        physics = self.physics
        found["setup-time"] = self.setup_time
        found["total-time"] = self.total_time or self._milliseconds()
        found["ram"] = {
            "total": (self.qemu.plan.memory_mb << 20) + (800 << 10),
            "transferred": int(physics.transferred - physics.vfio),
            "remaining": int(physics.remaining),
            "duplicate": int(physics.zero_pages),
            "normal": int(physics.normal_pages),
            "normal-bytes": int(physics.normal_pages) * PAGE,
            "dirty-pages-rate": physics.dirty_pages_rate,
            "dirty-sync-count": physics.passes,
            "dirty-sync-missed-zero-copy": 0,
            "mbps": physics.mbps,
            "page-size": PAGE,
            "pages-per-second": int(physics.bandwidth / PAGE),
            "postcopy-requests": 0,
            "multifd-bytes": int(physics.transferred - physics.vfio) if self.several else 0,
            "postcopy-bytes": 0,
            "precopy-bytes": int(physics.precopy),
            "downtime-bytes": int(physics.downtime_bytes),
        }
        devices = [vfio for _, vfio in self.qemu.plugging.vfio_devices()]
        if devices and all(vfio is not None and vfio.migration for vfio in devices):
            found["vfio"] = {"transferred": int(physics.vfio)}
        if self.status == "completed":
            found["downtime"] = self.downtime
        else:
            limit = int(self.qemu.parameters.values["downtime-limit"])
            found["expected-downtime"] = physics.expected_downtime() if physics.passes > 1 else limit
        return found


class Incoming:
    """The destination's side: waits, checks what comes, and runs the VM or ends itself."""

    def __init__(self, qemu: SimQemu, uri: str) -> None:
        self.qemu = qemu
        self.uri = uri
        self.status = "setup"
        self.address: dict[str, str] = {}
        self._link: Link | None = None
        self._server: asyncio.AbstractServer | None = None
        self._done = asyncio.Event()

    def report(self) -> dict[str, Any]:
        """Return what ``query-migrate`` does."""
        if self.status == "completed":
            return {"status": "completed"}
        return {"status": self.status, **({"socket-address": [self.address]} if self.address else {})}

    async def listen(self) -> None:
        """Let a source connect. Raises ``QmpError`` when the address is taken or wrong."""

        async def serve(link: Link) -> None:
            self._link = link
            try:
                await self._receive(link)
            except (Broken, QmpError):
                await self.qemu.awake.wait()
                self.qemu.exit()
            finally:
                self._done.set()

        self._server, self.address = await listen(self.uri, serve)
        self._tell("setup")

    async def wait(self) -> None:
        """Return when the source has been served."""
        try:
            await self._done.wait()
        finally:
            if self._server is not None:
                self._server.close()
            if self._link is not None:
                self._link.close()

    def _tell(self, status: str) -> None:
        self.status = status
        if self.qemu.parameters.capabilities["events"]:
            self.qemu.emit("MIGRATION", {"status": status})

    async def _receive(self, link: Link) -> None:
        hello = await link.receive()
        problem = self._compare(hello)
        await link.send({"error": problem} if problem else {})
        if problem:
            raise QmpError(problem)
        self._tell("active")
        self.qemu.plugging.set_device_states("RESUMING")
        while True:
            message = await link.receive()
            await self.qemu.awake.wait()
            if message["do"] == "switchover":
                break
            await link.send({})
        self.qemu.plugging.set_device_states("RUNNING")
        self.qemu.status = "running"
        self.qemu.emit("RESUME")
        self._tell("completed")
        await link.send({})

    def _compare(self, hello: dict[str, Any]) -> str:
        """Return what the source gets to hear when the two VMs are not alike; "" when they are."""
        plan = self.qemu.plan
        if tuple(hello["wire"]) != self.qemu.parameters.wire:
            raise Broken
        devices = sorted(device.id for device, _ in self.qemu.plugging.vfio_devices())
        alike = hello["machine"] == plan.machine_type and hello["ram"] == plan.memory_mb and hello["devices"] == devices
        return "" if alike else "Sibling indicated error 1"


def _device_load(vfio: VfioDevice | None) -> DeviceLoad:
    if vfio is None or not vfio.migration:
        return DeviceLoad(0, 0)
    device = vfio.device
    if isinstance(device, Mdev):
        name = device.parent.family.driver
    else:
        name = device.driver.spec.name if device.driver is not None else ""
    return _STATES.get(name, _OTHER)
