"""The strategy unplug: the devices go, the VM migrates without them, others are plugged in where it arrives.

Source: qapi/qdev.json (device_del, DEVICE_DELETED, device_add).
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from backend.migration.engine import Controls, Options, QmpMigration
from backend.migration.sides import Party
from backend.model.migration import Progress, Verdict, Where
from backend.vmm.devices import ask_devices, least_arguments, plug_arguments, unplug
from backend.vmm.errors import CommandRefused, VmmError
from backend.vmm.monitor import Monitor

GUEST_PATIENCE = 20.0
"""Seconds that a guest has to let a device go."""
_PLUG_DEADLINE = 60.0

Plug = Mapping[str, Any]
"""Arguments of a ``device_add``."""


@dataclass(frozen=True, slots=True)
class Aside:
    """What a job keeps of what is done beside migrating."""

    doing: Callable[[str], None]
    """Told what is done."""
    keep: Callable[[Mapping[str, Plug]], None]
    """Given how each device that is out is plugged in again, whenever one more is."""
    out: Mapping[str, Plug]
    """The devices that are out already."""


class UnplugMigration:
    """One migration in three parts. ``run`` it once; ``verdict`` is there when it has ended.

    Args:
        plugs: each device that goes, and what is plugged in for it there ("" = nothing).
    """

    def __init__(
        self,
        source: Party,
        destination: Party,
        options: Options,
        controls: Controls,
        plugs: Sequence[tuple[str, str]],
        aside: Aside,
    ) -> None:
        self._source = source
        self._destination = destination
        self._inner = QmpMigration(source, destination, options, controls)
        self._plugs = tuple(plugs)
        self._doing = aside.doing
        self._keep = aside.keep
        self._out: dict[str, Plug] = dict(aside.out)
        """How each device that is out is plugged in again, the first that went first."""
        self.verdict: Verdict | None = None

    async def run(self, *, begun: bool = False) -> AsyncIterator[Progress]:
        """Unplug, migrate, plug. Raises ``VmmError`` only while everything is as it was."""
        if not begun:
            source = await self._source.open()
            await self._destination.open()
            await self._unplug(source)
        try:
            async for progress in self._inner.run(begun=begun):
                yield progress
        except VmmError:
            await self._put_back()
            raise
        assert self._inner.verdict is not None
        self.verdict = await self._finish(self._inner.verdict)

    async def _unplug(self, source: Monitor) -> None:
        known = await ask_devices(source)
        for device, _ in self._plugs:
            if device not in known:
                raise CommandRefused("device_del", "DeviceNotFound", f"the VM has no device {device} any more")
            again = await plug_arguments(source, known[device])
            self._doing(f"unplugging {device}")
            try:
                await unplug(source, str(again["id"]), GUEST_PATIENCE)
            except VmmError:
                await self._put_back()
                raise
            self._out[device] = again
            self._keep(self._out)

    async def _put_back(self) -> list[str]:
        """Plug every device that is out in again on the source; return what could not be."""
        return await self._plug(self._source, list(self._out.values()))

    async def _plug(self, party: Party, plugs: Sequence[Plug]) -> list[str]:
        problems = []
        for plug in plugs:
            self._doing(f"plugging in {plug['id']}")
            try:
                monitor = await party.open()
                try:
                    await monitor.ask("device_add", plug, deadline=_PLUG_DEADLINE)
                except CommandRefused:
                    await monitor.ask("device_add", least_arguments(plug), deadline=_PLUG_DEADLINE)
            except VmmError as error:
                problems.append(f"{plug['id']} could not be plugged in ({error}): {add_words(plug)}")
        return problems

    async def _finish(self, found: Verdict) -> Verdict:
        """Give the VM its devices where it runs now; return the verdict with what came of that."""
        if found.where is Where.SOURCE:
            problems = await self._put_back()
            said = "" if problems else "; its devices are plugged in again" * bool(self._out)
        elif found.where is Where.DESTINATION:
            there = dict(self._plugs)
            new = [_elsewhere(plug, there[device]) for device, plug in self._out.items() if there[device]]
            problems = await self._plug(self._destination, new)
            without = [device for device in self._out if not there[device]]
            said = f"; without {', '.join(without)}" if without else "; its new devices are plugged in" * bool(new)
            said = said if not problems else f"; {len(problems)} of its devices are missing"
        else:
            return found
        return replace(found, text=f"{found.text}{said}", remedy="; ".join(filter(None, [found.remedy, *problems])))


def add_words(plug: Plug) -> str:
    """Return the command for QEMU's monitor that plugs a device in."""
    return f"device_add {' '.join(f'{key}={value}' for key, value in plug.items())}"


def _elsewhere(plug: Plug, device: str) -> Plug:
    """Return the arguments that plug in another device in the place of one."""
    kept = {key: value for key, value in plug.items() if key not in ("host", "sysfsdev", "vf-token")}
    is_mdev = device.count("-") == 4
    return {**kept, **({"sysfsdev": f"/sys/bus/mdev/devices/{device}"} if is_mdev else {"host": device})}
