"""KVM's statistics through a VM's monitor, where debugfs is hidden."""

from __future__ import annotations

import errno
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from backend.counters.kvm import DEBUGFS
from backend.counters.vm_stats import VmStatsSampler, totals_of
from backend.model.counters import CounterState, process_subject
from backend.model.vm import VmManager
from tests.unit.counters.measuring import Measured

PID = 20211


async def _gathered(measured: Measured) -> dict[str, Any]:
    measured.doors.faults.fail_path(DEBUGFS, errno.EACCES)
    try:
        readings = await VmStatsSampler(measured.doors).gather(measured.host, tuple(measured.host.devices.values()))
    finally:
        measured.doors.faults.fail_path(DEBUGFS, 0)
    return {reading.subject: reading for reading in readings}


async def test_qemu_tells_what_debugfs_would() -> None:
    measured = Measured("duo")
    reading = (await _gathered(measured))[process_subject(PID)]
    assert reading.state is CounterState.KNOWN, reading.reason
    measured.tick()
    shown = measured.flow(process_subject(PID), "kvm")
    told = dict(zip([c.id for c in reading.set.counters], reading.values, strict=True))
    for counter, value in zip(shown.set.counters, shown.values, strict=True):
        assert (told[counter.id] is None) == (value is None)
        if value is not None:
            assert 0 < (told[counter.id] or 0) <= value
    measured.doors.close()


async def test_nothing_is_asked_where_debugfs_answers_nor_of_libvirts_vms() -> None:
    measured = Measured("duo")
    devices = tuple(measured.host.devices.values())
    assert await VmStatsSampler(measured.doors).gather(measured.host, devices) == []
    vms = {pid: replace(vm, manager=VmManager.LIBVIRT) for pid, vm in measured.host.vms.items()}
    measured.host = replace(measured.host, vms=vms)
    assert await _gathered(measured) == {}
    measured.doors.close()


@pytest.mark.parametrize("answer", [None, [], [None], [{"provider": "kvm"}], [{"provider": "kvm", "stats": [1, {}]}]])
def test_nonsense_has_no_figures(answer: object) -> None:
    assert totals_of(answer) == {}


@given(st.lists(st.integers(0, 2**40), min_size=1, max_size=8))
def test_vcpus_are_added_up(values: list[int]) -> None:
    answer = [{"provider": "kvm", "stats": [{"name": "exits", "value": value}]} for value in values]
    assert totals_of(answer) == {"exits": sum(values)}
