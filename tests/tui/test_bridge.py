"""From deltas to one message."""

from __future__ import annotations

import asyncio
from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st
from textual.message import Message

from backend.model.host import Host
from tests.tui.builders import FakeLive, make_pfs, step, with_devices
from tui.bridge import Bridge, HostChanged, SessionEnded, merged

HOST = make_pfs(1, 3)
IDS = [str(i) for i in HOST.devices]


def edit(host: Host, subset: set[str], driver: str) -> Host:
    found = {i: replace(d, driver=driver) for i, d in HOST.devices.items() if i in subset}
    return replace(host, devices={**found})


@given(st.lists(st.tuples(st.sets(st.sampled_from(IDS)), st.sampled_from(["a", "b"])), min_size=3, max_size=3))
def test_two_deltas_merged_lead_where_both_lead(states: list[tuple[set[str], str]]) -> None:
    first, second, third = (edit(HOST, *state) for state in states)
    one = merged(step(first, second), step(second, third))
    direct = step(first, third)
    assert (one.old, one.new) == (first, third)
    assert dict(one.devices.added) == dict(direct.devices.added)
    assert dict(one.devices.removed) == dict(direct.devices.removed)
    assert one.devices.changed.keys() == direct.devices.changed.keys()
    assert one.structural == direct.structural


async def follow(bridge: Bridge, posts: list[Message], count: int) -> None:
    async with asyncio.timeout(5):
        while len(posts) < count:
            await asyncio.sleep(0)


async def test_while_paused_changes_gather_and_are_counted() -> None:
    live = FakeLive(HOST)
    posts: list[Message] = []
    bridge = Bridge(live, posts.append)
    bridge.start()
    await follow(bridge, posts, 1)
    assert bridge.take() is not None
    bridge.pause(True)
    live.give(with_devices(HOST, replace(HOST.devices[next(iter(HOST.devices))], driver="x")))
    await follow(bridge, posts, 2)
    assert bridge.waiting == 1
    assert bridge.take() is None
    bridge.pause(False)
    assert isinstance(posts[-1], HostChanged)
    delta = bridge.take()
    assert delta is not None
    assert len(delta.devices.changed) == 1
    assert bridge.waiting == 0
    bridge.close()
    assert live.closed


async def test_a_failing_session_says_so_once() -> None:
    live = FakeLive(HOST)
    posts: list[Message] = []
    bridge = Bridge(live, posts.append)
    bridge.start()
    live.fail(OSError(5, "Input/output error", "/sys/bus/pci/devices"))
    await follow(bridge, posts, 2)
    ended = posts[-1]
    assert isinstance(ended, SessionEnded)
    assert ended.reason == "/sys/bus/pci/devices: Input/output error"
    bridge.close()


def test_a_later_message_replaces_an_earlier_one() -> None:
    assert HostChanged().can_replace(HostChanged())
    assert not HostChanged().can_replace(SessionEnded("x"))
