"""Trees of rows: everything is somewhere, once, and below what it belongs to."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from backend.model.device import Device, DeviceKind
from backend.model.group import IommuGroup, Viability
from backend.model.holder import Holder, HolderKind
from backend.model.host import HolderScan, Host, Iommu
from backend.model.ids import DeviceId, GroupId, MdevUuid, PciAddress, id_order
from backend.model.mdev import Isolation, MdevParent, MdevType
from backend.present.empty import no_groups
from backend.present.tree import NumaNode, Projection, RootPort, holder_key, is_plumbing, project
from backend.present.view import View
from tests.pictures import SCENARIOS

Scenario = Callable[..., Host]


def assert_is_a_tree(projection: Projection) -> None:
    """Demand that keys are unique, parents and children agree, and everything hangs below a root."""
    below = [key for keys in projection.children.values() for key in keys]
    assert not [key for key, count in Counter(below).items() if count > 1]
    assert set(below) == projection.rows.keys()
    for parent, keys in projection.children.items():
        assert keys
        for key in keys:
            assert projection.rows[key].key == key
            assert projection.parents.get(key, "") == parent
    reached: list[str] = []
    waiting = list(projection.children.get("", ()))
    while waiting:
        key = waiting.pop()
        reached.append(key)
        waiting += projection.children.get(key, ())
    assert sorted(reached) == sorted(projection.rows)


def devices_in(projection: Projection) -> list[DeviceId]:
    """Return the ids of all devices among the rows."""
    return [row.device.id for row in projection.rows.values() if row.device is not None]


@pytest.mark.parametrize("view", View)
@pytest.mark.parametrize("spec", SCENARIOS)
def test_every_view_of_every_scenario_is_a_tree(scenario: Scenario, spec: str, view: View) -> None:
    assert_is_a_tree(project(scenario(spec), view))


@pytest.mark.parametrize("spec", SCENARIOS)
def test_every_device_has_one_row(scenario: Scenario, spec: str) -> None:
    host = scenario(spec)
    expected = sorted((d.id for d in host.devices.values() if not is_plumbing(d)), key=id_order)
    assert sorted(devices_in(project(host, View.DEVICES)), key=id_order) == expected
    grouped = sorted(host.devices, key=id_order) if host.groups else []
    assert sorted(devices_in(project(host, View.GROUPS)), key=id_order) == grouped
    assert sorted(devices_in(project(host, View.NUMA)), key=id_order) == expected
    held = [device.id for device in host.devices.values() for _ in device.holders]
    assert sorted(devices_in(project(host, View.HOLDERS))) == sorted(held)


@pytest.mark.parametrize("spec", SCENARIOS)
def test_a_device_stands_below_its_node_and_port_which_count_it(scenario: Scenario, spec: str) -> None:
    numa = project(scenario(spec), View.NUMA)
    below: dict[str, list[Device]] = {}
    for key, row in numa.rows.items():
        while row.device is not None and (key := numa.parents.get(key, "")):
            below.setdefault(key, []).append(row.device)
    for key, row in numa.rows.items():
        if isinstance(row.subject, NumaNode):
            assert {device.numa for device in below[key]} <= {row.subject.number, None}
        if isinstance(row.subject, RootPort):
            assert {device.root_port for device in below[key]} <= {row.subject.address, None}
        if isinstance(row.subject, NumaNode | RootPort):
            assert row.subject.devices == len(below[key])
            assert row.subject.held == sum(device.held for device in below[key])


@pytest.mark.parametrize("spec", SCENARIOS)
def test_what_is_below_what(scenario: Scenario, spec: str) -> None:
    host = scenario(spec)
    devices = project(host, View.DEVICES)
    for key, row in devices.rows.items():
        above = devices.rows.get(devices.parents.get(key, ""))
        if row.device is not None and row.device.kind in (DeviceKind.VF, DeviceKind.VGPU_VF):
            assert above is not None
            assert above.key == row.device.parent
        if row.device is not None and row.device.kind is DeviceKind.MDEV:
            assert above is not None
            assert isinstance(above.subject, MdevType)
            assert row.device.id in above.subject.instances
    groups = project(host, View.GROUPS)
    for device in host.devices.values():
        assert groups.parents.get(str(device.id)) == (None if device.group is None else f"group:{int(device.group)}")


def test_vfs_come_in_the_order_of_their_addresses(scenario: Scenario) -> None:
    keys = project(scenario("lab"), View.DEVICES).children["0000:03:00.0"]
    assert len(keys) == 127
    assert list(keys) == sorted(keys, key=lambda key: PciAddress(key).requester)


def test_bridges_are_left_to_the_group_view(scenario: Scenario) -> None:
    host = scenario("lab")
    assert is_plumbing(host.devices[PciAddress("0000:00:06.0")])
    assert "0000:00:06.0" not in project(host, View.DEVICES).rows
    assert "0000:00:06.0" in project(host, View.GROUPS).rows


def test_holders_come_vms_first(scenario: Scenario) -> None:
    projection = project(scenario("messy"), View.HOLDERS)
    roots = [projection.rows[key].subject for key in projection.children[""]]
    kinds = [holder.kind for holder in roots if isinstance(holder, Holder)]
    assert kinds == sorted(kinds, key=list(HolderKind).index)
    assert {HolderKind.VM, HolderKind.SERVICE, HolderKind.STORAGE, HolderKind.NETWORK} <= set(kinds)
    assert len(projection.children["holder:service:6100"]) == 4


def test_one_row_for_a_process_however_it_is_known() -> None:
    one = Holder(HolderKind.VM, "a", 7, via="fdinfo")
    assert holder_key(one) == holder_key(replace(one, via="cmdline", start_time=1.0))
    assert holder_key(one) != holder_key(replace(one, pid=8))
    assert holder_key(Holder(HolderKind.STORAGE, "nvme0n1")) != holder_key(Holder(HolderKind.NETWORK, "nvme0n1"))


_ADDRESSES = st.builds(PciAddress.from_numbers, st.sampled_from((0, 0x10000)), st.integers(0, 40))
_UUIDS = st.integers(0, 6).map(lambda n: MdevUuid(f"00000000-0000-0000-0000-{n:012d}"))
_HOLDERS = st.builds(
    Holder, st.sampled_from(HolderKind), st.sampled_from(("a", "b")), st.none() | st.integers(1, 3), detail=st.just("x")
)


@st.composite
def hosts(draw: st.DrawFn) -> Host:
    """Return a host whose records need not agree with each other."""
    ids = draw(st.lists(_ADDRESSES | _UUIDS, max_size=12, unique=True))
    devices: dict[DeviceId, Device] = {}
    for device_id in sorted(ids, key=id_order):
        mdev = isinstance(device_id, MdevUuid)
        devices[device_id] = Device(
            id=device_id,
            kind=DeviceKind.MDEV if mdev else draw(st.sampled_from(list(DeviceKind)[:4])),
            sysfs="/devices/x",
            parent=draw(st.sampled_from(["", "mtty", *map(str, ids)])),
            group=draw(st.none() | st.integers(0, 3).map(GroupId)),
            class_code="" if mdev else draw(st.sampled_from(("020000", "060400", "", "080000"))),
            holders=tuple(draw(st.lists(_HOLDERS, max_size=2, unique_by=holder_key))),
        )
    types = st.builds(
        MdevType, st.sampled_from(("t-1", "t-2")), st.just("n"), st.just(""), st.just(""),
        st.none() | st.integers(0, 1), st.lists(_UUIDS, max_size=3, unique=True).map(tuple),
    )  # fmt: skip
    parents = {
        name: MdevParent(
            name, "/devices/x", PciAddress(name) if ":" in name else None, Isolation.UNKNOWN,
            tuple(draw(st.lists(types, max_size=2, unique_by=lambda t: t.id))),
        )
        for name in draw(st.lists(st.sampled_from(["mtty", *(str(i) for i in ids if ":" in i)]), unique=True))
    }  # fmt: skip
    groups = {
        number: IommuGroup(number, tuple(d.id for d in devices.values() if d.group == number), Viability(True, (), ""))
        for number in sorted({device.group for device in devices.values() if device.group is not None})
    }
    return Host(
        "h", "simulated", "x", "6.12", "", 0.0, 0, Iommu((), ""), devices, parents, groups, (), HolderScan(True)
    )  # fmt: skip


@given(hosts(), st.sampled_from(View))
def test_any_host_makes_a_tree(host: Host, view: View) -> None:
    projection = project(host, view)
    assert_is_a_tree(projection)
    if view is View.GROUPS and not host.groups:
        assert not projection.rows
    elif view is not View.HOLDERS:
        ids = devices_in(projection)
        assert len(ids) == len(set(ids))
        plumbing = {d.id for d in host.devices.values() if is_plumbing(d) and view is not View.GROUPS}
        assert set(ids) == host.devices.keys() - plumbing


def test_without_an_iommu_the_view_of_groups_is_empty_and_says_why(scenario: Scenario) -> None:
    host = scenario("bare")
    assert not project(host, View.GROUPS).rows
    headline, why, remedy = no_groups(host)
    assert "no IOMMU groups" in headline
    assert "off, or there is none" in why
    assert "firmware" in remedy
    units = replace(host, iommu=replace(host.iommu, units=("dmar0",)))
    assert "dmar0" in no_groups(units)[1]
