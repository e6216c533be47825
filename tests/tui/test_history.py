"""What changed on each device."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from backend.model.device import DataPath
from backend.model.host import Host
from tests.tui.builders import make_pfs, pf_address, step, with_devices
from tui.history import MOST_RECORDS, MOST_STEPS, History

HOST = make_pfs(2, 4)
VF = HOST.devices[HOST.devices[pf_address(0)].sriov.vfs[0]]  # type: ignore[union-attr]
DRIVERS = ("", "vfio-pci", "igbvf")


def _states(drivers: list[str]) -> list[Host]:
    return [with_devices(HOST, replace(VF, driver=driver)) for driver in drivers]


@given(st.lists(st.sampled_from(DRIVERS), min_size=1, max_size=12))
def test_the_history_leads_from_the_present_back_to_the_beginning(drivers: list[str]) -> None:
    history, hosts = History(), _states(drivers)
    for number, (old, new) in enumerate(pairwise(hosts)):
        history.take(step(old, new, number))
    events = [(event.before, event.after) for event in history.of(VF.id)]
    words = [driver or "none" for driver in drivers]
    expected = [(old, new) for old, new in pairwise(words) if old != new]
    assert events == expected[::-1]
    other = HOST.devices[pf_address(1)]
    assert list(history.of(other.id)) == []


def test_coming_and_going_is_told() -> None:
    history = History()
    without = with_devices(HOST, without=[str(VF.id)])
    history.take(step(HOST, without))
    history.take(step(without, HOST))
    assert [event.what for event in history.of(VF.id)] == ["came", "gone"]


def test_the_first_picture_is_no_change() -> None:
    history = History()
    history.take(step(replace(HOST, devices={}), HOST))
    assert list(history.of(VF.id)) == []


def test_the_history_never_grows_beyond_its_bounds() -> None:
    history = History()
    trapped = with_devices(HOST, *(replace(d, path=DataPath.TRAP) for d in HOST.devices.values()))
    for number in range(MOST_RECORDS // len(HOST.devices) + MOST_STEPS):
        history.take(step(*((HOST, trapped) if number % 2 else (trapped, HOST))))
    assert len(list(history.of(VF.id))) <= MOST_STEPS
