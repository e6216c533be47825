"""One simulated QEMU: its state, and what it answers to each QMP command."""

from __future__ import annotations

import asyncio
import time
import uuid
from collections.abc import Callable, Mapping
from typing import Any, Protocol

from backend.simhost.access import Access
from backend.simhost.debugfs import kvm_totals
from backend.simhost.procs import SimProcess
from backend.simhost.qemu.errors import QmpError, argument
from backend.simhost.qemu.link import parse_uri
from backend.simhost.qemu.migration import Incoming, Outgoing
from backend.simhost.qemu.parameters import Parameters
from backend.simhost.qemu.plugging import Plugging
from backend.simhost.vms import VmPlan

VERSION = {"qemu": {"micro": 2, "minor": 0, "major": 10}, "package": "simulated"}


class Client(Protocol):
    """Somebody connected to the monitor."""

    def tell(self, event: dict[str, Any]) -> None:
        """Send an event."""
        ...

    def hang_up(self) -> None:
        """End the connection."""
        ...


class SimQemu:
    """A running QEMU process of a simulated host.

    Args:
        access: the way into the kernel of its host.
        process: its process there.
        plan: what it was started with.
        speed: how many of its seconds pass in one of ours.
    """

    def __init__(self, access: Access, process: SimProcess, plan: VmPlan, speed: float = 1.0) -> None:
        self.access = access
        self.process = process
        self.plan = plan
        self.speed = speed
        self.uuid = str(uuid.uuid5(uuid.NAMESPACE_OID, plan.name))
        self.status = "inmigrate" if plan.incoming else "running"
        self.parameters = Parameters()
        self.plugging = Plugging(self, process.argv)
        self.outgoing: Outgoing | None = None
        self.incoming: Incoming | None = None
        self.awake = asyncio.Event()
        """Not set while it is stopped as by SIGSTOP: then it answers nothing and receives nothing."""
        self.awake.set()
        self.fail_at: dict[str, str] = {}
        """Phase of an outgoing migration → the error that it fails with there."""
        self.dies_on = ""
        """The command in which the process ends."""
        self.ended = False
        self.clients: list[Client] = []
        self.tasks: set[asyncio.Task[None]] = set()
        self._dirty_rate: tuple[float, int] | None = None
        self._table = self._commands()

    # -- for the other parts

    @property
    def running(self) -> bool:
        """Whether the vCPUs run."""
        return self.status == "running"

    def emit(self, event: str, data: Mapping[str, Any] | None = None) -> None:
        """Tell every client of an event."""
        now = time.time()
        message: dict[str, Any] = {
            "timestamp": {"seconds": int(now), "microseconds": int(now % 1 * 1e6)},
            "event": event,
        }
        if data is not None:
            message["data"] = dict(data)
        for client in list(self.clients):
            client.tell(message)

    def spawn(self, work: Any) -> None:
        """Let something go on beside the commands."""
        task = asyncio.ensure_future(work)
        self.tasks.add(task)
        task.add_done_callback(self.tasks.discard)

    def end(self) -> None:
        """Let go of everybody: the process has gone."""
        self.ended = True
        self.awake.set()
        for task in list(self.tasks):
            task.cancel()
        for client in list(self.clients):
            client.hang_up()

    def exit(self) -> None:
        """End the process: its devices are free again."""
        with self.access.lock:
            self.access.kernel.stop(self.process.pid)

    # -- commands

    async def execute(self, command: str, arguments: Mapping[str, Any]) -> Any:
        """Return what a command returns. Raises ``QmpError``."""
        if command == self.dies_on:
            self.exit()
        if command == "migrate-incoming":
            return await self._migrate_incoming(arguments)
        handler = self._table.get(command)
        if handler is None:
            raise QmpError(f"The command {command} has not been found", "CommandNotFound")
        return handler(arguments)

    def _commands(self) -> dict[str, Callable[[Mapping[str, Any]], Any]]:
        return {
            "query-status": lambda a: {"status": self.status, "running": self.running},
            "query-name": lambda a: {"name": self.plan.name},
            "query-uuid": lambda a: {"UUID": self.uuid},
            "query-kvm": lambda a: {"enabled": self.plan.accel == "kvm", "present": True},
            "query-stats": self._stats,
            "query-version": lambda a: VERSION,
            "query-memory-size-summary": lambda a: {"base-memory": self.plan.memory_mb << 20, "plugged-memory": 0},
            "query-cpus-fast": self._cpus,
            "query-yank": self._yanks,
            "query-migrate": self._query_migrate,
            "query-migrate-capabilities": lambda a: self.parameters.listed(),
            "query-migrate-parameters": lambda a: dict(self.parameters.values),
            "migrate-set-capabilities": self._set_capabilities,
            "migrate-set-parameters": self.parameters.set_parameters,
            "object-add": self.parameters.add_object,
            "object-del": self.parameters.del_object,
            "migrate": self._migrate,
            "migrate_cancel": self._cancel,
            "migrate-continue": self._continue,
            "calc-dirty-rate": self._calc_dirty_rate,
            "query-dirty-rate": self._query_dirty_rate,
            **self.plugging.commands(),
            "cont": self._cont,
            "yank": self._yank,
            "quit": self._quit,
        }

    def _cpus(self, arguments: Mapping[str, Any]) -> list[dict[str, Any]]:
        return [
            {
                "cpu-index": n,
                "qom-path": f"/machine/unattached/device[{2 * n}]",
                "thread-id": self.process.pid + 3 + n,
                "target": "x86_64",
                "props": {"core-id": 0, "thread-id": 0, "socket-id": n},
            }
            for n in range(self.plan.vcpus)
        ]

    def _stats(self, arguments: Mapping[str, Any]) -> list[dict[str, Any]]:
        with self.access.lock:
            totals = kvm_totals(self.access.kernel, self.process) if self.plan.accel == "kvm" else {}
        wanted = {name for one in arguments.get("providers", ()) for name in one.get("names", totals)}
        told = [{"name": name, "value": value} for name, value in totals.items() if name in wanted]
        none = [{"name": one["name"], "value": 0} for one in told]
        # The first vCPU has all of it: who asks adds them up.
        return [
            {"provider": "kvm", "qom-path": cpu["qom-path"], "stats": none if place else told}
            for place, cpu in enumerate(self._cpus({}))
            if totals
        ]

    def _yanks(self, arguments: Mapping[str, Any]) -> list[dict[str, str]]:
        moving = self.outgoing is not None and self.outgoing.active
        return [{"type": "chardev", "id": "compat_monitor0"}, *([{"type": "migration"}] if moving else [])]

    # migration

    def blocked_reasons(self) -> list[str]:
        """Return why this VM cannot migrate, in QEMU's words."""
        reasons = []
        able = 0
        p2p = True
        for device, vfio in self.plugging.vfio_devices():
            name = device.host
            setting = device.properties.get("enable-migration", "auto")
            if setting == "off":
                reasons.append(f"{name}: Migration is disabled for VFIO device")
            elif vfio is None or not vfio.migration:
                reasons.append(f"{name}: VFIO migration is not supported in kernel")
            else:
                able += 1
                p2p &= "p2p" in vfio.migration
                if setting == "auto" and "dirty-tracking" not in vfio.migration:
                    reasons.append(f"{name}: VFIO device doesn't support device and IOMMU dirty tracking")
        if able > 1 and not p2p:
            reasons.append("Multiple VFIO devices migration is supported only if all of them support P2P migration")
        return reasons

    def _query_migrate(self, arguments: Mapping[str, Any]) -> dict[str, Any]:
        if self.outgoing is not None:
            return self.outgoing.report()
        if self.incoming is not None:
            return self.incoming.report()
        reasons = self.blocked_reasons()
        return {"blocked-reasons": reasons} if reasons else {}

    def _set_capabilities(self, arguments: Mapping[str, Any]) -> dict[str, Any]:
        if self.outgoing is not None and self.outgoing.active:
            raise QmpError("There's a migration process in progress")
        self.parameters.set_capabilities(argument(arguments, "capabilities"))
        return {}

    def _migrate(self, arguments: Mapping[str, Any]) -> dict[str, Any]:
        if self.outgoing is not None and self.outgoing.active:
            raise QmpError("There's a migration process in progress")
        if self.status == "inmigrate":
            raise QmpError("Guest is waiting for an incoming migration")
        if self.status == "postmigrate":
            raise QmpError("Can't migrate the vm that was paused due to previous migration")
        reasons = self.blocked_reasons()
        if reasons:
            raise QmpError(reasons[0])
        uri = str(argument(arguments, "uri"))
        parse_uri(uri)
        self.outgoing = Outgoing(self, uri)
        self.outgoing.begin()
        return {}

    async def _migrate_incoming(self, arguments: Mapping[str, Any]) -> dict[str, Any]:
        if not self.plan.incoming:
            raise QmpError("'-incoming' was not specified on the command line")
        if self.incoming is not None:
            raise QmpError("The incoming migration has already been started")
        incoming = Incoming(self, str(argument(arguments, "uri")))
        await incoming.listen()
        self.incoming = incoming
        self.spawn(incoming.wait())
        return {}

    def _cancel(self, arguments: Mapping[str, Any]) -> dict[str, Any]:
        if self.outgoing is not None:
            self.outgoing.cancel()
        return {}

    def _continue(self, arguments: Mapping[str, Any]) -> dict[str, Any]:
        state = self.outgoing.status if self.outgoing is not None else "none"
        if self.outgoing is None or state != "pre-switchover" or argument(arguments, "state") != state:
            raise QmpError(f"Migration not in expected state: {state}")
        self.outgoing.go_on()
        return {}

    def _yank(self, arguments: Mapping[str, Any]) -> dict[str, Any]:
        for instance in argument(arguments, "instances"):
            if instance.get("type") == "migration" and self.outgoing is not None:
                self.outgoing.yank()
        return {}

    def _calc_dirty_rate(self, arguments: Mapping[str, Any]) -> dict[str, Any]:
        seconds = int(argument(arguments, "calc-time"))
        if not 1 <= seconds <= 60:
            raise QmpError("calc-time is out of range: it must be between 1 and 60 seconds")
        self._dirty_rate = (time.monotonic(), seconds)
        return {}

    def _query_dirty_rate(self, arguments: Mapping[str, Any]) -> dict[str, Any]:
        if self._dirty_rate is None:
            return {
                "status": "unstarted",
                "sample-pages": 512,
                "mode": "page-sampling",
                "start-time": 0,
                "calc-time": 0,
            }
        began, seconds = self._dirty_rate
        found: dict[str, Any] = {"sample-pages": 512, "mode": "page-sampling", "start-time": 0, "calc-time": seconds}
        if (time.monotonic() - began) * self.speed < seconds:
            return {"status": "measuring", **found}
        return {"status": "measured", "dirty-rate": self.plan.dirty_mbps, **found}

    def _cont(self, arguments: Mapping[str, Any]) -> dict[str, Any]:
        if self.status == "inmigrate":
            return {}
        self.status = "running"
        self.emit("RESUME")
        return {}

    def _quit(self, arguments: Mapping[str, Any]) -> dict[str, Any]:
        self.emit("SHUTDOWN", {"guest": False, "reason": "host-qmp-quit"})
        asyncio.get_running_loop().call_soon(self.exit)
        return {}
