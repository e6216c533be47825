"""Unplug, migrate, plug: on simulated hosts, since no device of a test machine can be given to a guest."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import pytest

from backend.migration.engine import Controls, Options
from backend.migration.sides import Party
from backend.migration.unplugging import Aside, UnplugMigration
from backend.model.migration import Where
from backend.simhost import open_simulated
from backend.simhost.host import SimulatedHost
from backend.simhost.vms import VmPlan
from backend.vmm.errors import CommandRefused, StillPlugged

Out = Mapping[str, Mapping[str, Any]] | None
MINE, THERE = "0000:c1:00.6", "0000:c1:00.7"


@dataclass
class Story:
    """A VM with a VF, and a QEMU that waits for it without one."""

    here: SimulatedHost
    there: SimulatedHost
    controls: Controls = field(default_factory=Controls)
    said: list[str] = field(default_factory=list)
    parties: list[Party] = field(default_factory=list)
    kept: dict[str, Mapping[str, Any]] = field(default_factory=dict)

    def migration(
        self, *, plugs: tuple[tuple[str, str], ...] = ((MINE, THERE),), uri: str = "", out: Out = None
    ) -> UnplugMigration:
        source = Party(self.here, "moving", "/run/vm/moving.qmp")
        destination = Party(self.there, "moving", WAITING)
        self.parties += [source, destination]
        return UnplugMigration(
            source,
            destination,
            Options(bandwidth=0, downtime=1.0, uri=uri),
            self.controls,
            plugs,
            Aside(self.said.append, self.kept.update, out or {}),
        )

    def held(self, host: SimulatedHost) -> list[str]:
        vm = host.sockets.vm("moving")
        return [one.host for one in vm.plugging.devices.values() if one.driver == "vfio-pci"]


WAITING = "/run/vm/moving.in.qmp"


@contextlib.asynccontextmanager
async def story(guest: str = "linux") -> AsyncIterator[Story]:
    here, there = open_simulated("duo"), open_simulated("duo:hv08")
    try:
        for host in (here, there):
            host.sockets.speed = 6.0
        plan = VmPlan("moving", (MINE,), style="plain", memory_mb=128, uid=0, guest=guest)  # type: ignore[arg-type]
        here.kernel.start_vm(plan)
        there.kernel.start_vm(VmPlan("moving", (), style="plain", memory_mb=128, uid=0, incoming=True))
        it = Story(here, there)
        yield it
        for party in it.parties:
            await party.close()
    finally:
        here.close()
        there.close()


async def test_another_function_is_plugged_in_where_it_arrives() -> None:
    async with story() as it:
        migration = it.migration()
        phases = [progress.phase async for progress in migration.run()]
        assert phases[-1] == "completed"
        assert migration.verdict is not None
        assert (migration.verdict.where, migration.verdict.moved) == (Where.DESTINATION, True)
        assert migration.verdict.text.endswith("; its new devices are plugged in")
        assert it.said == [f"unplugging {MINE}", "plugging in hostpci0"]
        assert it.held(it.there) == [THERE]
        assert it.held(it.here) == []


async def test_without_a_free_function_it_arrives_without_and_says_so() -> None:
    async with story() as it:
        migration = it.migration(plugs=((MINE, ""),))
        async for _ in migration.run():
            pass
        assert migration.verdict is not None
        assert migration.verdict.text.endswith(f"; without {MINE}")


async def test_a_guest_that_keeps_its_device_keeps_everything(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("backend.migration.unplugging.GUEST_PATIENCE", 0.3)
    async with story(guest="none") as it:
        with pytest.raises(StillPlugged, match="the guest did not let hostpci0 go"):
            async for _ in it.migration().run():
                pass
        assert it.held(it.here) == [MINE]


async def test_a_migration_that_fails_gives_it_back() -> None:
    async with story() as it:
        migration = it.migration(uri="unix:/nowhere/at/all")
        async for _ in migration.run():
            pass
        assert migration.verdict is not None
        assert migration.verdict.where is Where.SOURCE
        assert migration.verdict.text.endswith("; its devices are plugged in again")
        assert it.held(it.here) == [MINE]


async def test_what_is_not_taken_there_is_said_with_the_command_that_would_do_it() -> None:
    async with story() as it:
        it.there.sockets.real_path(WAITING)
        vm = it.there.sockets.vm("moving")
        it.there.sockets.do(lambda: vm.plugging.refused.extend(["no room", "no room"]))
        migration = it.migration()
        async for _ in migration.run():
            pass
        assert migration.verdict is not None
        assert migration.verdict.moved
        assert "1 of its devices are missing" in migration.verdict.text
        assert f"host={THERE}" in migration.verdict.remedy


async def test_a_device_that_has_gone_meanwhile_ends_it_before_it_begins() -> None:
    async with story() as it:
        with pytest.raises(CommandRefused, match=r"has no device 0000:99:00\.0 any more"):
            async for _ in it.migration(plugs=(("0000:99:00.0", ""),)).run():
                pass
        assert it.held(it.here) == [MINE]


async def test_whoever_takes_it_up_again_plugs_in_what_was_out() -> None:
    async with story() as it:
        first = it.migration()
        running: Any = first.run()
        async for progress in running:
            if progress.phase == "active":
                break
        await running.aclose()  # its job died
        for party in it.parties:
            await party.close()
        assert set(it.kept) == {MINE}
        again = it.migration(out=dict(it.kept))
        async for _ in again.run(begun=True):
            pass
        assert again.verdict is not None
        assert again.verdict.text.endswith("; its new devices are plugged in")
        assert it.held(it.there) == [THERE]
