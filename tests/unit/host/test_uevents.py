"""Real kernel events: asked for by writing to the ``uevent`` file of the loopback interface."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from backend.host.doors import Event, Overflow, Uevent
from backend.host.uevents import KernelEvents

_ASK = Path("/sys/devices/virtual/net/lo/uevent")


def _why_not() -> str:
    if os.geteuid() != 0:
        return "needs root, to ask the kernel for events"
    if not os.access(_ASK, os.W_OK):
        return f"{_ASK} cannot be written here"
    try:
        _ASK.write_text("change")
    except OSError as error:
        return f"{_ASK} cannot be written here: {error.strerror}"
    return ""


pytestmark = [pytest.mark.root, pytest.mark.skipif(bool(_why_not()), reason=_why_not() or "never")]


async def of_loopback(stream: AsyncIterator[Event]) -> AsyncIterator[Event]:
    """Leave out events of other devices: this machine lives."""
    async for event in stream:
        if isinstance(event, Overflow) or event.devpath.endswith("/net/lo"):
            yield event


async def listening(events: AsyncIterator[Event]) -> Event:
    """Begin to listen: ask for events until the first arrives, for a stream says nothing of when it is ready."""
    first = asyncio.ensure_future(anext(events))
    async with asyncio.timeout(10):
        while not first.done():
            _ASK.write_text("change")
            await asyncio.wait([first], timeout=0.05)
    return await first


def synthetic(number: int) -> str:
    """Return what to write for an event that carries ``number``."""
    return f"change 00000000-0000-0000-0000-{number:012d} N={number}"


def number_of(event: Event) -> int | None:
    """Return that number."""
    value = event.properties.get("SYNTH_ARG_N") if isinstance(event, Uevent) else None
    return None if value is None else int(value)


async def test_an_event_arrives_as_the_kernel_sent_it() -> None:
    events = of_loopback(KernelEvents().stream())
    event = await listening(events)
    assert isinstance(event, Uevent)
    assert (event.action, event.devpath, event.subsystem) == ("change", "/devices/virtual/net/lo", "net")
    assert event.properties["INTERFACE"] == "lo"


async def test_events_come_in_order_and_none_is_missing() -> None:
    events = of_loopback(KernelEvents().stream())
    await listening(events)
    for number in range(1, 101):
        _ASK.write_text(synthetic(number))
    found: list[int] = []
    async with asyncio.timeout(10):
        while len(found) < 100:
            arrived = number_of(await anext(events))
            if arrived is not None:
                found.append(arrived)
    assert found == list(range(1, 101))


async def test_a_flood_is_an_overflow_and_the_stream_goes_on() -> None:
    events = of_loopback(KernelEvents(receive_buffer=8192).stream())
    await listening(events)
    for number in range(1, 3001):
        _ASK.write_text(synthetic(number))
    seen = 0
    async with asyncio.timeout(20):
        while not isinstance(event := await anext(events), Overflow):
            seen += number_of(event) is not None
    assert seen < 3000
    # What is sent from now on arrives, one by one.
    for number in range(3001, 3011):
        _ASK.write_text(synthetic(number))
        async with asyncio.timeout(10):
            while number_of(await anext(events)) != number:
                pass


async def test_leaving_the_stream_leaves_nothing_behind() -> None:
    before = len(os.listdir("/proc/self/fd"))
    for _ in range(3):
        stream = KernelEvents().stream()
        event = asyncio.ensure_future(anext(stream))
        await asyncio.sleep(0)
        event.cancel()
        await asyncio.wait([event])
    assert len(os.listdir("/proc/self/fd")) <= before + 1
