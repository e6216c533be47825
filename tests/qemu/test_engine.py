"""Whole migrations through the engine, and its verdict when something dies, freezes or is cancelled."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import pytest

from backend.host.doors import HostDoors
from backend.host.linux import LinuxHost
from backend.migration.engine import Controls, Options, QmpMigration
from backend.migration.sides import Party
from backend.model.migration import Progress, Stall, Verdict, Where
from tests.qemu.machines import Pair

SLOW = 2 << 20


class Run:
    """A migration that a test follows."""

    def __init__(self, pair: Pair, options: Options) -> None:
        self.pair = pair
        self.controls = Controls()
        self.seen: list[Progress] = []
        sides = [
            Party(_doors(pair, here), vm.name, vm.monitor, vm.pid)
            for here, vm in ((True, pair.source), (False, pair.destination))
        ]
        self.parties = sides
        self.migration = QmpMigration(sides[0], sides[1], options, self.controls)
        self._task = asyncio.ensure_future(self._follow())

    async def _follow(self) -> None:
        async for progress in self.migration.run():
            self.seen.append(progress)

    async def until(self, condition: Callable[[Progress], bool]) -> Progress:
        """Return the first progress for which this holds."""
        while True:
            for progress in self.seen:
                if condition(progress):
                    return progress
            assert not self._task.done() or self._task.result() is None
            assert not self._task.done(), [p.phase for p in self.seen]
            await asyncio.sleep(0.02)

    async def close(self) -> None:
        """Let go of both sides."""
        self._task.cancel()
        await asyncio.gather(self._task, return_exceptions=True)
        for party in self.parties:
            await party.close()

    async def end(self) -> Verdict:
        """Return the verdict."""
        await self._task
        await self.close()
        assert self.migration.verdict is not None
        return self.migration.verdict


_REAL = LinuxHost()


def _doors(pair: Pair, here: bool) -> HostDoors:
    if pair.kind == "real":
        return _REAL
    found = pair.hosts[0 if here else 1]
    assert found is not None
    return found


async def begin(pair: Pair, **options: object) -> Run:
    await pair.up()
    run = Run(pair, Options(**options))  # type: ignore[arg-type]
    pair.opened.push_async_callback(run.close)
    return run


async def test_it_moves_and_the_figures_hold_together(pair: Pair) -> None:
    run = await begin(pair, bandwidth=0, downtime=1.0)
    verdict = await run.end()
    assert (verdict.where, verdict.moved, verdict.remedy) == (Where.DESTINATION, True, "")
    assert verdict.text == f"{pair.source.name} runs on the destination now"
    assert verdict.downtime is not None
    overall = [progress.overall for progress in run.seen]
    assert overall == sorted(overall)
    assert overall[-1] == 1.0
    last = run.seen[-1]
    assert (last.phase, last.ram_left) == ("completed", 0)
    assert last.ram_sent > 0


async def test_cancel_leaves_it_where_it_was(pair: Pair) -> None:
    run = await begin(pair, bandwidth=SLOW)
    await run.until(lambda p: p.phase == "active")
    run.controls.cancel.set()
    verdict = await run.end()
    assert (verdict.where, verdict.moved) == (Where.SOURCE, False)
    assert "it was cancelled" in verdict.text
    assert verdict.source.startswith("running")


async def test_the_destination_dies(pair: Pair) -> None:
    run = await begin(pair, bandwidth=SLOW)
    await run.until(lambda p: p.phase == "active")
    pair.destination.kill()
    verdict = await run.end()
    assert (verdict.where, verdict.moved, verdict.destination) == (Where.SOURCE, False, "gone")


async def test_the_source_dies(pair: Pair) -> None:
    run = await begin(pair, bandwidth=SLOW)
    await run.until(lambda p: p.phase == "active")
    pair.source.kill()
    verdict = await run.end()
    assert (verdict.where, verdict.moved, verdict.source) == (Where.NEITHER, False, "gone")
    assert "is lost" in verdict.text


async def test_a_frozen_destination_stalls_and_can_be_cancelled(pair: Pair) -> None:
    run = await begin(pair, bandwidth=SLOW)
    await run.until(lambda p: p.phase == "active")
    pair.destination.freeze()
    await asyncio.sleep(0.3)
    run.controls.adjust(bandwidth=0)
    stalled = await run.until(lambda p: p.stall is Stall.WARNING)
    assert stalled.stalled >= 5
    run.controls.cancel.set()
    await run.until(lambda p: p.phase in ("cancelled", "failed"))
    pair.destination.thaw()
    verdict = await run.end()
    assert (verdict.where, verdict.moved) == (Where.SOURCE, False)
    assert "it was cancelled" in verdict.text


async def test_hold_until_the_operator_says_so(pair: Pair) -> None:
    run = await begin(pair, bandwidth=0, downtime=1.0, hold=True)
    # A guest that dirties nothing leaves nothing to send: QEMU stops it then, and that is said.
    held = await run.until(lambda p: p.passes >= 2 or p.paused)
    await asyncio.sleep(0.5)
    assert not held.paused or held.phase == "pre-switchover"
    assert not any(p.phase in ("device", "completed") for p in run.seen)
    run.controls.go.set()
    verdict = await run.end()
    assert verdict.where is Where.DESTINATION


async def test_limits_can_be_changed_on_the_way(pair: Pair) -> None:
    run = await begin(pair, bandwidth=64 << 10)
    await run.until(lambda p: p.phase == "active" and p.at > 0.5)
    run.controls.adjust(bandwidth=0, downtime=2.0)
    verdict = await run.end()
    assert verdict.where is Where.DESTINATION
    assert run.seen[-1].downtime_limit == 2.0


async def test_an_address_that_is_taken(pair: Pair) -> None:
    run = await begin(pair, uri="unix:/nowhere/at/all")
    verdict = await run.end()
    assert (verdict.where, verdict.moved) == (Where.SOURCE, False)
    assert "Failed to bind socket" in verdict.text or "No such file" in verdict.text


@pytest.mark.parametrize("uri", ["tcp:127.0.0.1:0"])
async def test_over_tcp(pair: Pair, uri: str) -> None:
    verdict = await (await begin(pair, bandwidth=0, downtime=1.0, uri=uri)).end()
    assert verdict.where is Where.DESTINATION
