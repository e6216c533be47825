"""A migration between two VMs, as their monitors tell it: the same statuses, events and figures in both kinds."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Any

import pytest

from backend.vmm.errors import CommandRefused, MonitorGone
from backend.vmm.monitor import Events, Monitor
from tests.qemu.machines import Pair

SLOW = 2 << 20
"""Bytes a second at which nothing is over before a test has looked."""
RAM = {
    "total", "transferred", "remaining", "duplicate", "normal", "normal-bytes", "dirty-pages-rate", "dirty-sync-count",
    "mbps", "page-size", "pages-per-second", "precopy-bytes", "downtime-bytes",
}  # fmt: skip

STATUSES = frozenset({"setup", "active", "pre-switchover", "device", "completed", "failed", "cancelling", "cancelled"})


async def start(pair: Pair, *names: str, bandwidth: int = 0) -> tuple[Monitor, Monitor]:
    """Begin to migrate with the capabilities ``names`` besides events; 0 is as fast as possible."""
    await pair.up()
    source, destination = await pair.monitors()
    wanted = [{"capability": name, "state": True} for name in ("events", "return-path", *names)]
    for monitor in (source, destination):
        await monitor.ask("migrate-set-capabilities", {"capabilities": wanted})
    await source.ask("migrate-set-parameters", {"max-bandwidth": bandwidth, "downtime-limit": 2000})
    await destination.ask("migrate-incoming", {"uri": pair.uri})
    return source, destination


async def status(monitor: Monitor, *wanted: str) -> Mapping[str, Any]:
    """Wait until the migration has one of these statuses; return the whole answer."""
    while True:
        found = await monitor.ask("query-migrate")
        if found.get("status") in wanted:
            assert isinstance(found, dict)
            return found
        assert found.get("status") not in ("completed", "failed", "cancelled"), found
        await asyncio.sleep(0.02)


async def heard(events: Events) -> list[str]:
    """Return the events so far: their names, or the statuses that MIGRATION tells; each pass once."""
    found: list[str] = []
    while (event := await events.next(0.5)) is not None:
        name = event["data"]["status"] if event["event"] == "MIGRATION" else event["event"]
        if name in STATUSES or name in ("STOP", "RESUME"):
            found.append(name)
    return found


async def test_it_gets_there(pair: Pair) -> None:
    source, destination = await start(pair)
    with source.listen() as here, destination.listen() as there:
        await source.ask("migrate", {"uri": pair.uri})
        found = await status(source, "completed")
        assert await heard(here) == ["setup", "active", "STOP", "device", "completed"]
        assert (await heard(there))[-2:] == ["RESUME", "completed"]
    assert found["ram"].keys() >= RAM
    assert found["ram"]["remaining"] == 0
    assert found["downtime"] >= 0
    assert found["total-time"] >= found["downtime"]
    assert await source.ask("query-status") == {"status": "postmigrate", "running": False}
    assert await destination.ask("query-status") == {"status": "running", "running": True}
    assert (await destination.ask("query-migrate"))["status"] == "completed"
    with pytest.raises(CommandRefused, match="Can't migrate the vm that was paused due to previous migration"):
        await source.ask("migrate", {"uri": pair.uri})
    await source.close()
    await destination.close()


async def test_figures_on_the_way(pair: Pair) -> None:
    source, destination = await start(pair, bandwidth=SLOW)
    await source.ask("migrate", {"uri": pair.uri})
    found = await status(source, "active")
    assert found["ram"].keys() >= RAM
    assert found["ram"]["dirty-sync-count"] == 1
    assert found["expected-downtime"] == 2000  # before the second pass it is the limit
    assert {"setup-time", "total-time"} <= found.keys()
    assert {"type": "migration"} in await source.ask("query-yank")
    with pytest.raises(CommandRefused, match="There's a migration process in progress"):
        await source.ask("migrate", {"uri": pair.uri})
    await source.ask("migrate-set-parameters", {"max-bandwidth": 0})
    assert (await status(source, "completed"))["ram"]["dirty-sync-count"] > 1
    await source.close()
    await destination.close()


async def test_cancel(pair: Pair) -> None:
    source, destination = await start(pair, bandwidth=SLOW)
    with source.listen() as here:
        await source.ask("migrate", {"uri": pair.uri})
        await status(source, "active")
        await source.ask("migrate_cancel")
        assert (await status(source, "cancelled"))["status"] == "cancelled"
        assert (await heard(here))[-2:] == ["cancelling", "cancelled"]
    assert await source.ask("query-status") == {"status": "running", "running": True}
    while destination.connected:  # it ends by itself
        await asyncio.sleep(0.02)
    with pytest.raises(MonitorGone):
        await destination.ask("query-status")
    await source.close()
    await destination.close()


async def test_the_destination_dies(pair: Pair) -> None:
    source, destination = await start(pair, bandwidth=SLOW)
    await source.ask("migrate", {"uri": pair.uri})
    await status(source, "active")
    pair.destination.kill()
    found = await status(source, "failed")
    # Which of them depends on who notices first.
    assert any(text in found["error-desc"] for text in ("Broken pipe", "Connection reset", "Input/output error"))
    assert await source.ask("query-status") == {"status": "running", "running": True}
    await source.close()
    await destination.close()


async def test_a_frozen_destination_is_not_an_error(pair: Pair) -> None:
    source, destination = await start(pair, bandwidth=SLOW)
    await source.ask("migrate", {"uri": pair.uri})
    await status(source, "active")
    pair.destination.freeze()
    await asyncio.sleep(0.3)  # what was on its way when it froze
    await source.ask("migrate-set-parameters", {"max-bandwidth": 0})
    before = -1
    while before != (now := (await source.ask("query-migrate"))["ram"]["transferred"]):
        before = now
        await asyncio.sleep(0.5)
    # What fits into the sockets' buffers goes on as if it had arrived.
    assert (await source.ask("query-migrate"))["status"] in ("active", "device")
    pair.destination.thaw()
    await status(source, "completed")
    await source.close()
    await destination.close()


async def test_yank_cuts_it_off(pair: Pair) -> None:
    source, destination = await start(pair, bandwidth=SLOW)
    await source.ask("migrate", {"uri": pair.uri})
    await status(source, "active")
    pair.destination.freeze()
    await source.ask("yank", {"instances": [{"type": "migration"}]})
    assert (await status(source, "failed"))["status"] == "failed"
    assert await source.ask("query-status") == {"status": "running", "running": True}
    pair.destination.thaw()
    await source.close()
    await destination.close()


async def test_hold_before_the_switchover(pair: Pair) -> None:
    source, destination = await start(pair, "pause-before-switchover")
    await source.ask("migrate", {"uri": pair.uri})
    await status(source, "pre-switchover")
    # Which is why it is not called waiting: the guest stands still already.
    assert await source.ask("query-status") == {"status": "finish-migrate", "running": False}
    await source.ask("migrate-continue", {"state": "pre-switchover"})
    await status(source, "completed")
    await source.close()
    await destination.close()


async def test_cancel_while_held(pair: Pair) -> None:
    source, destination = await start(pair, "pause-before-switchover")
    with source.listen() as here:
        await source.ask("migrate", {"uri": pair.uri})
        await status(source, "pre-switchover")
        await source.ask("migrate_cancel")
        await status(source, "cancelled")
        assert sorted((await heard(here))[-3:]) == ["RESUME", "cancelled", "cancelling"]
    assert await source.ask("query-status") == {"status": "running", "running": True}
    await source.close()
    await destination.close()


async def test_nobody_waits(pair: Pair) -> None:
    await pair.up()
    source, destination = await pair.monitors()
    await source.ask("migrate", {"uri": f"{pair.uri}.nobody"})
    found = await status(source, "failed")
    assert found["error-desc"].startswith("Failed to connect to '")
    assert found["error-desc"].endswith(": No such file or directory")
    assert await source.ask("query-status") == {"status": "running", "running": True}
    # It can be tried again.
    await destination.ask("migrate-incoming", {"uri": pair.uri})
    await source.ask("migrate", {"uri": pair.uri})
    await status(source, "completed")
    await source.close()
    await destination.close()
