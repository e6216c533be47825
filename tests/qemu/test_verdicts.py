"""Where the VM runs after something broke: again and again, 0 wrong. ``-m slow`` makes each happen twenty times."""

from __future__ import annotations

import asyncio
import contextlib
import socket
from collections.abc import Awaitable, Callable

import pytest

from backend.model.migration import Verdict, Where
from backend.vmm.errors import VmmError
from backend.vmm.monitor import connect
from tests.qemu.machines import KINDS, Pair, open_monitor
from tests.qemu.real import find_qemu
from tests.qemu.test_engine import Run, begin

SLOW = 2 << 20
MANY = 20

Fault = Callable[[Run], Awaitable[None]]


async def kill_source(run: Run) -> None:
    await _under_way(run)
    run.pair.source.kill()


async def kill_destination(run: Run) -> None:
    await _under_way(run)
    run.pair.destination.kill()


async def freeze_destination(run: Run) -> None:
    """It comes back only after the operator gave up."""
    await _under_way(run)
    run.pair.destination.freeze()
    run.controls.cancel.set()
    await run.until(lambda p: p.phase in ("cancelled", "failed"))
    run.pair.destination.thaw()


async def cancel_at_once(run: Run) -> None:
    run.controls.cancel.set()


async def cancel_under_way(run: Run) -> None:
    await _under_way(run)
    run.controls.cancel.set()


async def cancel_while_held(run: Run) -> None:
    await run.until(lambda p: p.passes >= 2 or p.paused)
    run.controls.cancel.set()


async def nothing(run: Run) -> None:
    run.controls.adjust(bandwidth=0, downtime=2.0)
    run.controls.go.set()


async def _under_way(run: Run) -> None:
    await run.until(lambda p: p.phase in ("active", "pre-switchover"))


STORIES: dict[str, tuple[Fault, Where, bool]] = {
    "nothing breaks": (nothing, Where.DESTINATION, True),
    "source killed": (kill_source, Where.NEITHER, False),
    "destination killed": (kill_destination, Where.SOURCE, False),
    "destination frozen": (freeze_destination, Where.SOURCE, False),
    "cancelled at once": (cancel_at_once, Where.SOURCE, False),
    "cancelled under way": (cancel_under_way, Where.SOURCE, False),
    "cancelled while held": (cancel_while_held, Where.SOURCE, False),
}


async def play(story: str, kind: str) -> Verdict:
    """Let one migration meet one fault; held, so that it cannot be over before."""
    fault, where, moved = STORIES[story]
    async with KINDS[kind]() as pair:
        run = await begin(pair, bandwidth=0 if story == "cancelled while held" else SLOW, downtime=1.0, hold=True)
        await fault(run)
        verdict = await run.end()
        assert (verdict.where, verdict.moved) == (where, moved), verdict
        await _really_there(pair, where)
        return verdict


async def _really_there(pair: Pair, where: Where) -> None:
    """Ask both sides, beside the verdict: exactly the one that it named runs the guest."""
    running = []
    for name, sockets, vm in (
        (Where.SOURCE, pair.source_sockets, pair.source),
        (Where.DESTINATION, pair.destination_sockets, pair.destination),
    ):
        with contextlib.suppress(VmmError):
            async with await connect(sockets, vm.monitor, vm.name, pid=vm.pid) as monitor:
                if (await monitor.ask("query-status"))["running"]:
                    running.append(name)
    assert running == ([] if where is Where.NEITHER else [where])


def _have(kind: str) -> None:
    if kind == "real" and not find_qemu():
        pytest.skip("no qemu-system-x86_64 here: install it, or run `make lab` once, or name one in IOVTOP_QEMU")


@pytest.mark.parametrize("kind", list(KINDS))
@pytest.mark.parametrize("story", list(STORIES))
async def test_the_verdict_is_right(story: str, kind: str) -> None:
    _have(kind)
    await play(story, kind)


@pytest.mark.slow
@pytest.mark.timeout(580)
@pytest.mark.parametrize("kind", list(KINDS))
@pytest.mark.parametrize("story", list(STORIES))
async def test_twenty_times_and_none_wrong(story: str, kind: str) -> None:
    _have(kind)
    for _ in range(MANY):
        await play(story, kind)


async def test_a_port_that_is_not_to_be_had(pair: Pair) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        verdict = await (await begin(pair, uri=f"tcp:127.0.0.1:{taken.getsockname()[1]}")).end()
    assert (verdict.where, verdict.moved) == (Where.SOURCE, False)
    assert "Address already in use" in verdict.text
    await _really_there(pair, Where.SOURCE)


async def test_a_target_on_a_full_disk() -> None:
    """The guest goes on when what it is sent into cannot be written."""
    _have("real")
    async with KINDS["real"]() as pair, await open_monitor(pair.source_sockets, pair.source) as source:
        await source.ask("migrate", {"uri": "exec:cat > /dev/full"})
        found = await source.ask("query-migrate")
        while found["status"] in ("none", "setup", "active", "device"):
            await asyncio.sleep(0.02)
            found = await source.ask("query-migrate")
        assert found["status"] == "failed"
        assert (await source.ask("query-status"))["running"]
