"""A view that follows deltas shows what a view made from scratch shows."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from backend.model.device import DataPath, Device
from backend.model.group import Viability
from backend.model.holder import Holder, HolderKind
from backend.model.host import Host
from backend.model.ids import GroupId
from backend.present.filter import narrow, parse_query
from backend.present.tree import project
from backend.present.view import View
from backend.state.live import empty_host
from tests.tui.builders import make_pfs, step, with_devices
from tui.viewing import Viewing

HOST = make_pfs(3, 5)
IDS = sorted(HOST.devices)


def change(device: Device, how: str) -> Device:
    vm = Holder(HolderKind.VM, "new", pid=9)
    changes: dict[str, dict[str, object]] = {
        "driver": {"driver": "other"},
        "held": {"holders": (vm,), "path": DataPath.TRAP},
        "released": {"holders": (), "path": DataPath.READY},
        "group": {"group": GroupId(7777)},
        "numa": {"numa": 5},
    }
    return replace(device, **changes[how])  # type: ignore[arg-type]


def edit(host: Host, edits: list[tuple[str, str]]) -> Host:
    for device_id, how in edits:
        if how == "gone":
            host = with_devices(host, without=[device_id])
        elif how == "back":
            host = with_devices(host, HOST.devices[device_id])  # type: ignore[index]
        elif how == "blocked":
            group = HOST.devices[device_id].group  # type: ignore[index]
            assert group is not None
            culprit = Viability(False, (HOST.devices[device_id].id,), "somebody")  # type: ignore[index]
            host = replace(host, groups={**host.groups, group: replace(host.groups[group], viability=culprit)})
        elif device_id in host.devices:
            host = with_devices(host, change(host.devices[device_id], how))  # type: ignore[index]
    return host


EDITS = st.lists(
    st.tuples(
        st.sampled_from([str(i) for i in IDS]),
        st.sampled_from(["driver", "held", "released", "group", "numa", "gone", "back", "blocked"]),
    ),
    max_size=4,
)


@pytest.mark.parametrize("view", list(View))
@pytest.mark.parametrize("query", ["", "held", "driver:other", "!faulty vf", "faulty", "numa:5", "viable:no"])
@settings(max_examples=60, deadline=None)
@given(steps=st.lists(EDITS, max_size=4))
def test_following_equals_starting_over(view: View, query: str, steps: list[list[tuple[str, str]]]) -> None:
    viewing = Viewing(view, parse_query(query))
    viewing.take(step(empty_host(HOST), HOST))
    host = HOST
    for edits in steps:
        old, host = host, edit(host, edits)
        before = viewing.shown
        update = viewing.take(step(old, host))
        fresh = narrow(project(host, view), parse_query(query))
        shown = viewing.shown
        assert shown is not None
        assert shown.host is host
        assert dict(shown.rows) == dict(fresh.rows)
        assert {k: list(v) for k, v in shown.children.items()} == {k: list(v) for k, v in fresh.children.items()}
        assert dict(shown.parents) == dict(fresh.parents)
        assert shown.matches == fresh.matches
        if not update.laid_out:
            assert before is not None
            assert {k for k in shown.rows if shown.rows[k] != before.rows[k]} <= update.keys


def test_a_change_of_values_lays_nothing_out_anew() -> None:
    viewing = Viewing()
    viewing.take(step(empty_host(HOST), HOST))
    device = HOST.devices[IDS[1]]
    update = viewing.take(step(HOST, with_devices(HOST, replace(device, driver="x"))))
    assert not update.laid_out
    assert update.keys == {str(device.id)}


def test_rows_that_came_are_told_and_none_at_first() -> None:
    viewing = Viewing()
    fewer = with_devices(HOST, without=[str(IDS[4])])
    assert not viewing.take(step(empty_host(fewer), fewer)).added
    assert viewing.take(step(fewer, HOST)).added == {str(IDS[4])}


@pytest.mark.parametrize("view", [View.DEVICES, View.HOLDERS, View.GROUPS])
def test_what_is_counted_of_a_vm_is_new_in_all_that_it_holds_at_once(view: View) -> None:
    viewing = Viewing(view)
    viewing.take(step(empty_host(HOST), HOST))
    update = viewing.take(step(HOST, replace(HOST, activity={"pid:4000": ()})))
    held = [device for device in HOST.devices.values() if any(holder.pid == 4000 for holder in device.holders)]
    expected = {f"holder:vm:4000/{d.id}" if view is View.HOLDERS else str(d.id) for d in held}
    assert held
    assert expected <= update.keys
    assert ("holder:vm:4000" in update.keys) == (view is View.HOLDERS)
    assert viewing.shown is not None
