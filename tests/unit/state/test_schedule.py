"""Readings in slices, and who goes before them."""

from __future__ import annotations

import asyncio
import time

from backend.model.steps import Steps
from backend.state.schedule import in_slices, let_readings_rest, undisturbed


def reading(steps: int) -> Steps[str]:
    for _ in range(steps):
        yield
    return "read"


async def test_others_have_their_turn_between_slices() -> None:
    turns = 0

    async def other() -> None:
        nonlocal turns
        while True:
            turns += 1
            await asyncio.sleep(0)

    beside = asyncio.create_task(other())
    assert await in_slices(reading(10), seconds=0) == "read"
    beside.cancel()
    assert turns >= 10


async def test_a_reading_rests_when_asked_to_and_goes_on() -> None:
    let_readings_rest(0.05)
    begun = time.perf_counter()
    assert await in_slices(reading(10), seconds=0) == "read"
    assert time.perf_counter() - begun >= 0.04


async def test_a_key_that_comes_while_others_have_their_turn_goes_before_the_next_slice() -> None:
    stepped: list[float] = []

    def telling() -> Steps[None]:
        while True:
            stepped.append(time.perf_counter())
            yield

    work = asyncio.create_task(in_slices(telling(), seconds=0))
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    let_readings_rest(0.05)
    asked = time.perf_counter()
    while stepped[-1] < asked:
        await asyncio.sleep(0)
    work.cancel()
    assert stepped[-1] - asked >= 0.04


async def test_it_is_known_how_long_nobody_pressed_a_key() -> None:
    let_readings_rest(0)
    before = undisturbed()
    assert undisturbed() >= before >= 0
