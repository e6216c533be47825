"""What a monitor answers: the simulated QEMU says what a real one does."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from backend.vmm.errors import (
    CommandForbidden,
    CommandRefused,
    MonitorAbsent,
    MonitorBusy,
    MonitorGone,
    MonitorTimeout,
    MonitorUnsafe,
)
from backend.vmm.monitor import Monitor, connect
from tests.qemu.machines import Pair, open_monitor

NET = {"driver": "virtio-net-pci", "id": "net9"}


async def test_what_a_vm_is(pair: Pair) -> None:
    async with await open_monitor(pair.source_sockets, pair.source) as monitor:
        assert monitor.version >= (10, 0, 0)
        assert await monitor.ask("query-status") == {"status": "running", "running": True}
        assert (await monitor.ask("query-name"))["name"] == pair.source.name
        assert len((await monitor.ask("query-uuid"))["UUID"]) == 36
        assert set(await monitor.ask("query-kvm")) == {"enabled", "present"}
        assert (await monitor.ask("query-memory-size-summary"))["base-memory"] >= 64 << 20
        cpus = await monitor.ask("query-cpus-fast")
        assert {"cpu-index", "qom-path", "thread-id", "target", "props"} <= cpus[0].keys()
        assert (await monitor.ask("qom-get", {"path": "/machine", "property": "type"})).startswith("pc-q35-")
        assert await monitor.ask("query-migrate") == {}
        assert {"type": "chardev", "id": "compat_monitor0"} in await monitor.ask("query-yank")


async def test_statistics_are_there_where_kvm_is(pair: Pair) -> None:
    async with await open_monitor(pair.source_sockets, pair.source) as monitor:
        wanted = {"target": "vcpu", "providers": [{"provider": "kvm", "names": ["exits", "mmio_exits"]}]}
        found = await monitor.ask("query-stats", wanted)
        assert bool(found) == (await monitor.ask("query-kvm"))["enabled"]
        for vcpu in found:
            assert vcpu["provider"] == "kvm"
            assert {one["name"] for one in vcpu["stats"]} == {"exits", "mmio_exits"}
            assert all(isinstance(one["value"], int) for one in vcpu["stats"])


async def test_a_waiting_destination(pair: Pair) -> None:
    async with await open_monitor(pair.destination_sockets, pair.destination) as monitor:
        assert await monitor.ask("query-status") == {"status": "inmigrate", "running": False}
        assert await monitor.ask("query-migrate") == {}
        await monitor.ask("migrate-incoming", {"uri": pair.uri})
        found = await monitor.ask("query-migrate")
        assert found["status"] == "setup"
        assert found["socket-address"][0]["type"] == "unix"


@pytest.mark.parametrize(
    ("command", "arguments", "kind", "text"),
    [
        ("qom-get", {"path": "/machine/peripheral/nope", "property": "x"}, "DeviceNotFound", "Device '/machine/"),
        (
            "qom-get",
            {"path": "/machine/peripheral/rp0", "property": "x"},
            "GenericError",
            "Property 'pcie-root-port.x'",
        ),
        ("qom-get", {"path": "/machine"}, "GenericError", "Parameter 'property' is missing"),
        ("device-list-properties", {"typename": "nope"}, "DeviceNotFound", "Device 'nope' not found"),
        ("device_del", {"id": "nope"}, "DeviceNotFound", "Device 'nope' not found"),
        ("device_add", {"driver": "nope", "id": "a"}, "GenericError", "'nope' is not a valid device model name"),
        ("device_add", {**NET, "bus": "nope"}, "GenericError", "Bus 'nope' not found"),
        ("device_add", {**NET, "bus": "rp1", "x": 1}, "GenericError", "Property 'virtio-net-pci.x' not found"),
        (
            "device_add",
            {**NET, "bus": "rp1", "failover": "on"},
            "GenericError",
            "Invalid parameter type for 'failover'",
        ),
        ("device_add", {**NET, "bus": "pcie.0"}, "GenericError", "Bus 'pcie.0' does not support hotplugging"),
        ("migrate-incoming", {"uri": "unix:/x"}, "GenericError", "'-incoming' was not specified on the command line"),
        ("migrate-continue", {"state": "pre-switchover"}, "GenericError", "Migration not in expected state: none"),
        ("migrate", {"uri": "pigeon:1"}, "GenericError", "unknown migration protocol: pigeon:1"),
        (
            "migrate-set-capabilities",
            {"capabilities": [{"capability": "nope", "state": True}]},
            "GenericError",
            "Parameter 'capability' does not accept value 'nope'",
        ),
        (
            "migrate-set-parameters",
            {"downtime-limit": 3_000_000},
            "GenericError",
            "Parameter 'downtime_limit' expects an integer in the range of 0 to (2000 * 1000) ms",
        ),
    ],
)
async def test_errors(pair: Pair, command: str, arguments: dict[str, Any], kind: str, text: str) -> None:
    async with await open_monitor(pair.source_sockets, pair.source) as monitor:
        with pytest.raises(CommandRefused) as caught:
            await monitor.ask(command, arguments)
    assert (caught.value.kind, caught.value.text[: len(text)]) == (kind, text)


async def test_plug_and_unplug(pair: Pair) -> None:
    async with await open_monitor(pair.source_sockets, pair.source) as monitor:
        await monitor.ask("device_add", {**NET, "bus": "rp1"})
        assert await _property(monitor, "hotplugged") is True
        assert await _property(monitor, "parent_bus") == "/machine/peripheral/rp1/rp1"
        with pytest.raises(CommandRefused, match="Duplicate device ID 'net9'"):
            await monitor.ask("device_add", {**NET, "bus": "rp1"})
        with monitor.listen("DEVICE_DELETED") as events:
            await monitor.ask("device_del", {"id": "net9"})
            event = await events.next(20)
        assert event is not None
        # The real one tells of the device's parts too, which have no id.
        assert event["data"]["path"].startswith("/machine/peripheral/net9")
        await monitor.ask("device_add", {**NET, "bus": "rp1"})


async def _property(monitor: Monitor, name: str) -> object:
    return await monitor.ask("qom-get", {"path": "/machine/peripheral/net9", "property": name})


async def test_capabilities_and_parameters_are_read_back(pair: Pair) -> None:
    async with await open_monitor(pair.source_sockets, pair.source) as monitor:
        await monitor.ask("migrate-set-capabilities", {"capabilities": [{"capability": "events", "state": True}]})
        capabilities = {c["capability"]: c["state"] for c in await monitor.ask("query-migrate-capabilities")}
        assert capabilities["events"] is True
        assert capabilities["pause-before-switchover"] is False
        before = await monitor.ask("query-migrate-parameters")
        assert (before["max-bandwidth"], before["downtime-limit"]) == (128 << 20, 300)
        await monitor.ask("migrate-set-parameters", {"max-bandwidth": 1 << 20, "downtime-limit": 77})
        after = await monitor.ask("query-migrate-parameters")
        assert (after["max-bandwidth"], after["downtime-limit"]) == (1 << 20, 77)


async def test_dirty_rate(pair: Pair) -> None:
    async with await open_monitor(pair.source_sockets, pair.source) as monitor:
        rate = 0
        while not rate:  # the real guest's load starts when its firmware has come up
            await monitor.ask("calc-dirty-rate", {"calc-time": 1})
            found = await monitor.ask("query-dirty-rate")
            while found["status"] != "measured":
                await asyncio.sleep(0.1)
                found = await monitor.ask("query-dirty-rate")
            rate = found["dirty-rate"]
        assert rate > 0


async def test_one_client_at_a_time(pair: Pair) -> None:
    async with await open_monitor(pair.source_sockets, pair.source):
        with pytest.raises(MonitorBusy, match="another client is connected"):
            await connect(pair.source_sockets, pair.source.monitor, "it")
    async with await open_monitor(pair.source_sockets, pair.source) as monitor:
        assert (await monitor.ask("query-status"))["running"]


async def test_only_what_is_allowed(pair: Pair) -> None:
    async with await connect_reading(pair) as monitor:
        for command in ("quit", "migrate", "device_del", "human-monitor-command", "object-add"):
            with pytest.raises(CommandForbidden):
                await monitor.ask(command)
        assert (await monitor.ask("query-status"))["running"]


async def connect_reading(pair: Pair) -> Monitor:
    await (await open_monitor(pair.source_sockets, pair.source)).close()
    for _ in range(100):
        try:
            return await connect(pair.source_sockets, pair.source.monitor, "it", pid=pair.source.pid)
        except MonitorBusy:
            continue
    raise AssertionError


async def test_another_process_at_the_other_end(pair: Pair) -> None:
    await (await open_monitor(pair.source_sockets, pair.source)).close()
    with pytest.raises(MonitorUnsafe, match=f"process {pair.source.pid} listens there, not the VM's, which is 1"):
        await connect(pair.source_sockets, pair.source.monitor, "it", pid=1)


async def test_nobody_there(pair: Pair) -> None:
    with pytest.raises(MonitorAbsent, match="there is no monitor"):
        await connect(pair.source_sockets, f"{pair.source.monitor}.nope", "it")


async def test_a_frozen_vm_times_out_and_answers_again(pair: Pair) -> None:
    async with await open_monitor(pair.source_sockets, pair.source) as monitor:
        pair.source.freeze()
        with pytest.raises(MonitorTimeout, match="did not answer query-status in"):
            await monitor.ask("query-status", deadline=0.3)
        pair.source.thaw()
        assert (await monitor.ask("query-status"))["running"]


async def test_death_is_noticed(pair: Pair) -> None:
    async with await open_monitor(pair.source_sockets, pair.source) as monitor:
        with monitor.listen() as events:
            pair.source.kill()
            assert await events.next(20) is None
        with pytest.raises(MonitorGone):
            await monitor.ask("query-status")
        assert not monitor.connected


async def test_quit_ends_it(pair: Pair) -> None:
    async with await open_monitor(pair.destination_sockets, pair.destination) as monitor:
        with monitor.listen("SHUTDOWN") as events:
            await monitor.ask("quit")
            event = await events.next(20)
        assert event is not None
        assert event["data"] == {"guest": False, "reason": "host-qmp-quit"}
