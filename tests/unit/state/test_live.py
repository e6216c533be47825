"""A live host: events and ticks in, deltas out. All waiting is for something that happens, with a limit."""

from __future__ import annotations

import asyncio
import errno
import os
import sys
import time
from collections.abc import AsyncIterator, Callable
from contextlib import aclosing, asynccontextmanager
from dataclasses import replace
from pathlib import Path
from types import FrameType

import pytest

from backend.host.doors import Event, StillWaiting
from backend.host.linux import LinuxHost
from backend.model.delta import Delta
from backend.model.device import Device, DeviceKind
from backend.model.facts import FactState
from backend.model.host import Host
from backend.model.ids import DeviceId, PciAddress
from backend.model.source import Source
from backend.simhost import open_simulated
from backend.simhost.host import SimulatedHost
from backend.state.aside import AttendedScanner, DirectScanner, scanner_for
from backend.state.collect import Collector
from backend.state.guarded import read_guarded_facts
from backend.state.live import Live
from tests.pictures import picture, simulated
from tests.unit.probe.trees import Tree

PF = PciAddress("0000:01:00.0")
NUMVFS = f"/sys/bus/pci/devices/{PF}/sriov_numvfs"
LIMIT = 20.0
SOON = 10.0
"""Seconds: what would wait does so for ever, and what does not is quick even on a busy machine."""


class Watcher:
    """Takes the deltas of a live host as they come."""

    def __init__(self, live: Live) -> None:
        self.live = live
        self.deltas: list[Delta] = []
        self._changed = asyncio.Condition()
        self._task = asyncio.create_task(self._watch())

    async def _watch(self) -> None:
        async with aclosing(self.live.deltas()) as deltas:
            async for delta in deltas:
                self.deltas.append(delta)
                async with self._changed:
                    self._changed.notify_all()

    async def until(self, holds: Callable[[Host], bool]) -> Host:
        """Return the picture in which ``holds`` is true."""

        def now() -> bool:
            return bool(self.deltas) and self.live.host is not None and holds(self.live.host)

        async with asyncio.timeout(LIMIT), self._changed:
            await self._changed.wait_for(now)
        assert self.live.host is not None
        return self.live.host

    async def stop(self) -> None:
        """Stop watching."""
        self._task.cancel()
        await asyncio.gather(self._task, return_exceptions=True)


@asynccontextmanager
async def watching(doors: SimulatedHost, interval: float) -> AsyncIterator[Watcher]:
    """Watch a host; it is whole, holders included, when the block begins."""
    live = Live(doors, interval)
    watcher = Watcher(live)
    try:
        await watcher.until(lambda host: host.holder_scan.complete)
        yield watcher
    finally:
        await watcher.stop()
        live.close()


def vfs(host: Host) -> int:
    """Return how many VFs the PF of these tests has."""
    return sum(device.parent == PF for device in host.devices.values())


def same(one: Host, other: Host) -> bool:
    """Return whether two pictures tell the same, policy apart: that is asked for beside."""
    devices = one.devices == other.devices or plain(one) == plain(other)
    return devices and one.parents == other.parents and one.groups == other.groups


def plain(host: Host) -> dict[DeviceId, Device]:
    """Return the devices without what their PFs enforce on them."""
    return {name: replace(device, policy=None) for name, device in host.devices.items()}


class Silent:
    """Events of a host that offers none."""

    async def stream(self) -> AsyncIterator[Event]:
        """Fail as a sandbox does."""
        raise OSError(errno.EPERM, "no events here")
        yield  # pragma: no cover


async def test_the_first_delta_leads_from_nothing_to_everything() -> None:
    doors = open_simulated("bare")
    live = Live(doors)
    async with aclosing(live.deltas()) as deltas:
        first = await anext(deltas)
        assert first.sequence == 0
        assert not first.old.devices
        assert first.devices.added == first.new.devices
        assert same(first.new, picture(doors))
        assert first.structural
        assert live.host is first.new
        assert not live.status.reading
    live.close()


async def test_an_event_brings_a_delta_long_before_the_next_tick() -> None:
    doors = open_simulated("bare")
    async with watching(doors, interval=60) as watcher:
        doors.kernel.write(NUMVFS, "0")
        host = await watcher.until(lambda host: vfs(host) == 0)
        doors.kernel.write(NUMVFS, "7")
        host = await watcher.until(lambda host: vfs(host) == 7)
        assert watcher.live.status.events
        sriov = host.devices[PF].sriov
        assert sriov is not None
        assert len(sriov.vfs) == 7
    sequences = [delta.sequence for delta in watcher.deltas]
    assert sequences == list(range(len(sequences)))
    for before, after in zip(watcher.deltas, watcher.deltas[1:], strict=False):
        assert after.old is before.new


async def test_without_events_ticks_find_it() -> None:
    doors = open_simulated("bare")
    doors.events = Silent()  # type: ignore[assignment]
    async with watching(doors, interval=0.05) as watcher:
        doors.kernel.write(NUMVFS, "0")
        host = await watcher.until(lambda host: vfs(host) == 0)
        assert not watcher.live.status.events
        assert same(host, picture(doors))


async def test_policy_is_there_at_once() -> None:
    doors = open_simulated("duo")
    async with watching(doors, interval=60) as watcher:
        host = watcher.live.host
        assert host is not None
        policy = host.devices[PciAddress("0000:c1:02.2")].policy
        assert policy is not None
        assert (policy.index, policy.vlan.id, policy.trust) == (0, 120, True)
        assert host.devices[PciAddress("0000:c1:00.1")].policy is None


async def test_policy_that_is_not_told_any_more_is_stale() -> None:
    doors = open_simulated("duo")
    async with watching(doors, interval=60) as watcher:
        vf = PciAddress("0000:c1:02.2")
        doors.faults.fail_path("rtnetlink", errno.EIO)
        doors.kernel.write("/sys/bus/pci/devices/0000:c1:02.5/driver/unbind", "0000:c1:02.5")
        doors.kernel.unplug("0000:c1:02.5")
        host = await watcher.until(lambda host: "policy" in host.devices[vf].notes)
        device = host.devices[vf]
        assert device.policy is not None
        assert (device.notes["policy"].state, device.policy.vlan.id) == (FactState.STALE, 120)
        assert "ens3f1np1" in device.notes["policy"].reason


async def test_lost_events_mean_a_rescan() -> None:
    doors = open_simulated("bare")
    async with watching(doors, interval=60) as watcher:
        doors.kernel.core.events.limit = 0
        # No listing of the bus tells of this: only reading the device again does.
        doors.kernel.write("/sys/bus/pci/devices/0000:02:10.4/driver/unbind", "0000:02:10.4")
        host = await watcher.until(lambda host: host.devices[PciAddress("0000:02:10.4")].driver == "")
        assert same(host, picture(doors))
        # And the stream goes on.
        doors.kernel.core.events.limit = 1000
        doors.kernel.write(NUMVFS, "0")
        await watcher.until(lambda host: vfs(host) == 0)


async def test_a_vm_that_starts_and_stops_is_seen() -> None:
    doors = open_simulated("lab")
    vf = PciAddress("0000:01:10.2")
    async with watching(doors, interval=60) as watcher:
        process = doors.kernel.start_vm("new", [vf])
        host = await watcher.until(lambda host: bool(host.devices[vf].holders))
        assert host.devices[vf].holders[0].name == "new"
        doors.kernel.stop(process.pid)
        host = await watcher.until(lambda host: not host.devices[vf].held)
        assert host.devices[vf].path == "ready"


@pytest.mark.parametrize("seed", range(3))
async def test_after_a_storm_the_picture_equals_a_fresh_look(seed: int) -> None:
    doors = open_simulated("bare")
    async with watching(doors, interval=0.5) as watcher:
        for count in ((7, 0, 3, 0, 1), (0, 2, 0, 7, 4), (1, 0, 7, 0, 5))[seed]:
            doors.kernel.write(NUMVFS, "0")
            doors.kernel.write(NUMVFS, str(count))
        count = (1, 4, 5)[seed]
        await watcher.until(lambda host: vfs(host) == count)
        # One tick more for what the last event came too early for.
        async with asyncio.timeout(LIMIT):
            while watcher.live.host is None or not same(watcher.live.host, picture(doors)):
                await asyncio.sleep(0.05)


async def test_what_is_on_screen_is_read_at_every_tick() -> None:
    doors = open_simulated("lab")
    doors.events = Silent()  # type: ignore[assignment]
    pf = PciAddress("0000:02:00.0")
    async with watching(doors, interval=0.05) as watcher:
        watcher.live.visible = frozenset({str(pf)})
        watcher.live.interval = 0.05
        assert watcher.live.interval == 0.05
        function = doors.kernel.pci.functions[pf]
        assert function is not None
        doors.kernel.write(f"/sys/bus/pci/devices/{pf}/driver/unbind", str(pf))
        host = await watcher.until(lambda host: host.devices[pf].driver == "")
        assert host.devices[pf].kind is DeviceKind.PF


async def test_the_event_loop_keeps_turning_while_a_large_host_is_read() -> None:
    """Counted in calls: no collection of garbage and no other load makes a piece of work look longer."""
    doors = open_simulated("scale:pfs=8,vfs=64,mdevs=64")
    live = Live(doors)
    calls = longest = last = 0

    def count(frame: FrameType, event: str, arg: object) -> None:
        nonlocal calls
        calls += 1

    async def beat() -> None:
        nonlocal longest, last
        while True:
            await asyncio.sleep(0)
            longest = max(longest, calls - last)
            last = calls

    task = asyncio.create_task(beat())
    sys.setprofile(count)
    try:
        async with aclosing(live.deltas()) as deltas:
            await anext(deltas)
    finally:
        sys.setprofile(None)
    task.cancel()
    live.close()
    longest = max(longest, calls - last)
    assert longest < calls / 2, f"{longest} of {calls} calls in one piece"


async def test_guarded_facts_that_answer() -> None:
    doors, clock = simulated("lab")
    device = picture(doors).devices[PF]
    facts = await clock.run(read_guarded_facts(doors, device))
    assert {fact.name: (fact.value, fact.state) for fact in facts} == {
        "driver_override": ("", FactState.KNOWN),
        "sriov_numvfs": ("7", FactState.KNOWN),
        "sriov_vf_total_msix": ("0", FactState.KNOWN),
    }
    vf = picture(doors).devices[PciAddress("0000:01:11.0")]
    facts = await clock.run(read_guarded_facts(doors, vf))
    assert ("driver_override", "igbvf") in [(fact.name, fact.value) for fact in facts]
    assert not {fact.name for fact in facts} & {"sriov_numvfs", "sriov_vf_total_msix"}


async def test_a_guarded_fact_that_still_waits_is_stale_and_says_for_whom() -> None:
    doors, clock = simulated("lab")
    device = picture(doors).devices[PF]
    doors.faults.hang_reads(NUMVFS)
    facts = await clock.run(read_guarded_facts(doors, device))
    last = facts[-1]
    assert (last.name, last.value, last.state) == ("sriov_numvfs", "", FactState.STALE)
    assert "1 s (pid 9" in last.reason
    assert "sysfs_kf_seq_show" in last.reason
    # What takes the same lock is not asked for as well.
    assert [fact.name for fact in facts] == ["driver_override", "sriov_numvfs"]


async def test_a_pf_that_waits_for_a_guest_to_let_go() -> None:
    """Removing VFs waits for whoever holds one, with the lock taken; the screen must say so, not freeze."""
    doors, clock = simulated("lab")
    device = picture(doors).devices[PF]
    doors.kernel.write(NUMVFS, "0")
    clock.advance(5)
    facts = {fact.name: fact for fact in await clock.run(read_guarded_facts(doors, device))}
    assert facts["driver_override" if len(facts) == 1 else "sriov_numvfs"].state is FactState.STALE
    doors.kernel.stop(2101)
    clock.advance(60)
    facts = {fact.name: fact for fact in await clock.run(read_guarded_facts(doors, device))}
    assert (facts["sriov_numvfs"].value, facts["sriov_numvfs"].state) == ("0", FactState.KNOWN)


@pytest.mark.parametrize(("code", "state"), [(errno.EACCES, FactState.HIDDEN), (errno.EIO, FactState.UNKNOWN)])
async def test_a_guarded_fact_that_fails_says_why(code: int, state: FactState) -> None:
    doors, clock = simulated("lab")
    device = picture(doors).devices[PF]
    doors.faults.fail_path(NUMVFS, code)
    facts = {fact.name: fact for fact in await clock.run(read_guarded_facts(doors, device))}
    assert facts["sriov_numvfs"].state is state
    assert facts["sriov_numvfs"].reason


async def test_mdevs_have_no_guarded_facts() -> None:
    doors, clock = simulated("lab")
    mdev = next(d for d in picture(doors).devices.values() if d.kind is DeviceKind.MDEV)
    assert await clock.run(read_guarded_facts(doors, mdev)) == ()


async def test_closing_never_waits_for_a_hung_device(tmp_path: Path) -> None:
    tree = Tree(tmp_path)
    where = tree.function(str(PF), driver="igb")
    os.mkfifo(tree.sys.parent / where / "driver_override")
    doors = LinuxHost(str(tree.sys), str(tree.proc))
    live = Live(doors)
    async with aclosing(live.deltas()) as deltas:
        await anext(deltas)
        assert live.host is not None
        facts = asyncio.ensure_future(live.guarded_facts(live.host.devices[PF]))
        began = time.monotonic()
        (fact,) = await facts
        assert fact.state is FactState.STALE
        assert time.monotonic() - began < SOON
        hanging = asyncio.ensure_future(live.guarded_facts(live.host.devices[PF]))
        await asyncio.sleep(0)
        began = time.monotonic()
        live.close()
        assert time.monotonic() - began < SOON
    hanging.cancel()
    await asyncio.gather(hanging, return_exceptions=True)


async def test_a_look_for_holders_that_hangs_is_left_behind(tmp_path: Path) -> None:
    tree = Tree(tmp_path)
    tree.function(str(PF), driver="vfio-pci", group=7, attributes={"enable": "0\n"})
    where = tree.process(50, "qemu", ["qemu-system-x86_64"], {5: "/dev/vfio/7"})
    stat = tree.sys.parent / where / "stat"
    stat.unlink()
    os.mkfifo(stat)
    scanner = AttendedScanner(tree.host)
    began = time.monotonic()
    with pytest.raises(StillWaiting):
        await scanner.scan(1.0)
    assert time.monotonic() - began < SOON
    began = time.monotonic()
    scanner.close()
    assert time.monotonic() - began < SOON


async def test_a_look_from_a_child_sees_what_a_look_from_here_sees(tmp_path: Path) -> None:
    tree = Tree(tmp_path)
    tree.function(str(PF), driver="vfio-pci", group=7)
    tree.process(50, "qemu", ["qemu-system-x86_64", "-name", "a"], {5: "/dev/vfio/7"})
    scanner = scanner_for(tree.host)
    assert isinstance(scanner, AttendedScanner)
    found = await scanner.scan(20)
    scanner.close()
    assert found.found == (await DirectScanner(tree.host).scan(1)).found
    assert [item.holder.name for item in found.found] == ["a"]
    assert isinstance(scanner_for(simulated("bare")[0]), DirectScanner)


async def test_holders_that_do_not_come_back_are_stale_not_absent(monkeypatch: pytest.MonkeyPatch) -> None:
    doors = open_simulated("lab")
    live = Live(doors, 60)
    watcher = Watcher(live)
    await watcher.until(lambda host: host.holder_scan.complete)

    async def hang(self: DirectScanner, deadline: float) -> None:
        raise StillWaiting("/proc", 7, "mmap_read_lock", deadline)

    monkeypatch.setattr(DirectScanner, "scan", hang)
    doors.kernel.start_vm("x", ["0000:01:10.4"])
    host = await watcher.until(lambda host: not host.holder_scan.complete)
    assert "mmap_read_lock" in host.holder_scan.reason
    assert [h.name for h in host.devices[PciAddress("0000:01:10.0")].holders] == ["web-1"]
    await watcher.stop()
    live.close()


def test_a_collector_starts_empty() -> None:
    assert Collector(simulated("bare")[0]).host is None


async def test_only_what_is_on_screen_is_measured_and_comes_as_a_delta() -> None:
    doors = open_simulated("duo")
    async with watching(doors, 0.05) as watcher:
        assert watcher.live.host is not None
        assert watcher.live.host.activity == {}
        watcher.live.visible = frozenset({"0000:c1:00.0"})
        moving = "0000:c1:00.0"

        def measured(host: Host) -> bool:
            return any(rate for flow in host.activity.get(moving, ()) for rate in flow.rates)

        host = await watcher.until(measured)
        assert host.activity.keys() == {moving}
        last = next(delta for delta in reversed(watcher.deltas) if delta.activity)
        assert last.activity == {moving}
        assert not last.devices
        watcher.live.measure_all = True
        host = await watcher.until(lambda host: "0000:c1:00.2" in host.activity)
        assert "pid:20211" in host.activity
        watcher.live.measure_all = False
        watcher.live.visible = frozenset()
        await watcher.until(lambda host: not host.activity)


async def test_a_capture_is_not_measured() -> None:
    doors = simulated("duo")[0]
    doors.source = Source("capture", "of a moment")
    live = Live(doors)
    live.measure_all = True
    async with aclosing(live.deltas()) as deltas:
        first = await anext(deltas)
    assert first.new.activity == {}
    live.close()
