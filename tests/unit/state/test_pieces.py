"""How much is done between two turns of the event loop, counted in calls: no load, no collector changes that."""

from __future__ import annotations

import sys
from collections.abc import Callable
from types import FrameType
from typing import Any

import pytest

from backend.model.steps import Steps, at_once
from backend.probe.holders import look_for_holders
from backend.simhost import open_simulated
from backend.simhost.host import SimulatedHost
from backend.state.collect import Collector
from backend.state.policies import pfs_to_ask, read_policies_at_once

FEW, MANY = 2, 8
"""PFs of the two hosts, each with its VFs."""


def longest_piece(steps: Steps[Any]) -> int:
    """Run the steps to their end; return the most calls that one of them made."""
    calls = longest = 0

    def count(frame: FrameType, event: str, arg: object) -> None:
        nonlocal calls
        calls += event == "call"

    sys.setprofile(count)
    try:
        for _ in steps:
            longest, calls = max(longest, calls), 0
    finally:
        sys.setprofile(None)
    return max(longest, calls)


def everything_anew(doors: SimulatedHost, collector: Collector) -> Steps[None]:
    return collector.read_all()


def what_changes_without_an_event(doors: SimulatedHost, collector: Collector) -> Steps[None]:
    return collector.read_slow()


def every_driver_changed(doors: SimulatedHost, collector: Collector) -> Steps[None]:
    assert collector.host is not None
    names = [str(device) for device in collector.host.devices]
    for name, function in doors.kernel.pci.functions.items():
        if function.driver is not None and function.pf is not None:
            doors.kernel.write(f"/sys/bus/pci/devices/{name}/driver/unbind", name)
    return collector.read_some(names)


def holders_found(doors: SimulatedHost, collector: Collector) -> Steps[None]:
    return collector.set_holders(at_once(look_for_holders(doors)))


def policies_told(doors: SimulatedHost, collector: Collector) -> Steps[None]:
    assert collector.host is not None
    return collector.set_policies(read_policies_at_once(doors, pfs_to_ask(collector.host.devices.values())))


@pytest.mark.parametrize(
    "work",
    [everything_anew, what_changes_without_an_event, every_driver_changed, holders_found, policies_told],
)
def test_no_piece_of_work_grows_with_the_host(work: Callable[[SimulatedHost, Collector], Steps[Any]]) -> None:
    found = {}
    for pfs in (FEW, MANY):
        doors = open_simulated(f"scale:pfs={pfs},vfs=127,mdevs=0")
        collector = Collector(doors)
        at_once(collector.read_all())
        found[pfs] = longest_piece(work(doors, collector))
    assert found[MANY] < 2 * found[FEW], f"calls in one piece, by PFs: {found}"
