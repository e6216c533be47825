"""The manual clock, and operations of the simulated kernel that sleep or wait."""

from __future__ import annotations

import asyncio

import pytest

from backend.simhost.clock import ManualClock, RealClock, settle
from backend.simhost.schedule import Mutex, Operation, Scheduler, Wait


async def test_sleepers_wake_in_order() -> None:
    clock = ManualClock()
    woken: list[tuple[str, float]] = []

    async def sleeper(name: str, seconds: float) -> None:
        await clock.sleep(seconds)
        woken.append((name, clock.monotonic()))

    tasks = [asyncio.create_task(sleeper(n, s)) for n, s in (("b", 2.0), ("a", 1.0), ("c", 2.0), ("d", 9.0))]
    await settle()
    assert woken == []
    clock.advance(0.5)
    await settle()
    assert woken == []
    await clock.advance_to_each(2.0)
    assert woken == [("a", 1.0), ("b", 2.0), ("c", 2.0)]
    assert clock.monotonic() == 2.5
    clock.advance(7.0)
    await asyncio.gather(*tasks)
    assert woken[-1] == ("d", 9.5)


async def test_it_never_runs_backwards_and_never_by_itself() -> None:
    clock = ManualClock(epoch=100.0)
    assert (clock.monotonic(), clock.time()) == (0.0, 100.0)
    with pytest.raises(ValueError, match="backwards"):
        clock.advance(-1.0)
    await clock.sleep(0.0)
    await asyncio.sleep(0.01)
    assert clock.monotonic() == 0.0
    clock.advance(3.0)
    assert clock.time() == 103.0


async def test_run_advances_as_far_as_needed() -> None:
    clock = ManualClock()

    async def work() -> float:
        for _ in range(3):
            await clock.sleep(10.0)
        return clock.monotonic()

    assert await clock.run(work()) == 30.0


async def test_run_tells_what_waits_for_nothing() -> None:
    clock = ManualClock()
    with pytest.raises(TimeoutError):
        await clock.run(asyncio.Event().wait())
    with pytest.raises(TimeoutError):
        await clock.run(clock.sleep(100.0), limit=50.0)


async def test_a_cancelled_sleeper_is_forgotten() -> None:
    clock = ManualClock()
    task = asyncio.create_task(clock.sleep(5.0))
    await settle()
    assert clock.next_wake() == 5.0
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    assert clock.next_wake() is None


async def test_the_real_clock_sleeps() -> None:
    clock = RealClock()
    before = clock.monotonic()
    await clock.sleep(0.01)
    assert clock.monotonic() - before >= 0.009


def steps(trace: list[str], name: str, *seconds: float) -> Operation:
    for number, pause in enumerate(seconds):
        trace.append(f"{name}{number}")
        yield Wait(pause)
    trace.append(f"{name}!")


def test_operations_advance_in_the_order_of_due_times() -> None:
    clock = ManualClock()
    schedule = Scheduler(clock)
    trace: list[str] = []
    schedule.start(steps(trace, "a", 1.0, 2.0))
    schedule.start(steps(trace, "b", 2.0, 0.5))
    assert trace == ["a0", "b0"]
    clock.advance(10.0)
    schedule.pump()
    assert trace == ["a0", "b0", "a1", "b1", "b!", "a!"]
    assert schedule.jobs == ()
    assert schedule.due() is None


def test_many_small_steps_are_the_same_as_a_big_one() -> None:
    traces = []
    for step in (10.0, 0.25):
        clock = ManualClock()
        schedule = Scheduler(clock)
        trace: list[str] = []
        schedule.start(steps(trace, "a", 1.0, 2.0, 0.5))
        schedule.start(steps(trace, "b", 2.0, 0.6))
        while clock.monotonic() < 10.0:
            clock.advance(step)
            schedule.pump()
        traces.append(trace)
    assert traces[0] == traces[1]


def test_a_mutex_is_fair() -> None:
    schedule = Scheduler(ManualClock())
    mutex = Mutex()
    trace: list[str] = []

    def worker(name: str, gate: list[bool]) -> Operation:
        yield from mutex.acquire("lock")
        trace.append(name)
        yield Wait(until=lambda: bool(gate))
        mutex.release()

    gates: list[list[bool]] = [[], [], []]
    for name, gate in zip("abc", gates, strict=True):
        schedule.start(worker(name, gate))
    assert trace == ["a"]
    assert {job.wchan for job in schedule.jobs} == {"lock", "msleep"}
    for number, gate in enumerate(gates):
        gate.append(True)
        schedule.changed()
        assert trace == list("abc")[: number + 2]


def test_an_operation_that_fails_keeps_its_error() -> None:
    schedule = Scheduler(ManualClock())

    def bad() -> Operation:
        yield Wait(0.0)
        raise PermissionError(1, "no")

    job = schedule.start(bad())
    assert job.done
    assert isinstance(job.error, PermissionError)
