"""The live picture: what did not change is the same object, what changed equals a fresh look."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from backend.host.doors import Uevent
from backend.model.device import DeviceKind
from backend.model.host import Host
from backend.model.ids import BadIdError, MdevUuid, PciAddress, parse_device_id
from backend.model.steps import at_once
from backend.probe.holders import scan_holders
from backend.simhost.clock import ManualClock
from backend.simhost.core import Subscriber
from backend.simhost.host import SimulatedHost
from backend.simhost.load import read
from backend.simhost.open import open_scenario
from backend.state.collect import Collector
from backend.state.diff import changes, difference
from tests.pictures import SCENARIOS, look, picture, simulated

_MACHINE = Path(__file__).parents[2] / "conformance/simulated.toml"
PF = "0000:01:00.0"
OTHER = "0000:02:00.0"
FUNCTIONS = ("0000:01:10.0", "0000:01:10.2", "0000:02:10.0", "0000:08:01.0", "0000:08:02.0")
UUIDS = tuple(f"83b8f4f2-509f-382f-3c1e-e6bfe0fa100{n}" for n in range(3))


@pytest.mark.parametrize("spec", SCENARIOS)
def test_a_second_look_without_changes_returns_the_very_same_objects(spec: str) -> None:
    doors, _ = simulated(spec)
    collector = Collector(doors)
    one = look(collector, doors)
    other = look(collector, doors)
    assert other.devices is one.devices
    assert other.parents is one.parents
    assert other.groups is one.groups
    assert other.iommu is one.iommu
    assert not difference(one, other, 1)
    assert not difference(one, replace(other, taken_at=other.taken_at + 1), 1)


def test_reading_some_without_changes_changes_nothing() -> None:
    doors, _ = simulated("lab")
    collector = Collector(doors)
    one = look(collector, doors)
    at_once(collector.read_some(map(str, one.devices)))
    at_once(collector.read_slow())
    assert collector.host is one or not difference(one, _host(collector), 1)
    assert collector.unlisted() == set()


def test_the_first_reading_of_some_reads_all() -> None:
    doors, _ = simulated("bare")
    collector = Collector(doors)
    at_once(collector.read_some([PF]))
    assert len(_host(collector).devices) == len(picture(doors).devices)


def test_names_that_are_no_devices_are_left_alone() -> None:
    doors, _ = simulated("bare")
    collector = Collector(doors)
    one = look(collector, doors)
    at_once(collector.read_some(["", "nonsense", "../../etc", "0000:ff:1f.7", "0000:01:00.0\n"]))
    assert not difference(one, _host(collector), 1)


def test_a_delta_names_what_came_went_and_changed() -> None:
    machine = Machine()
    before = look(machine.collector, machine.doors)
    machine.write(f"/sys/bus/pci/devices/{PF}/sriov_numvfs", "2")
    machine.catch_up()
    delta = difference(before, _host(machine.collector), 7)
    assert set(delta.devices.added) == {"0000:01:10.0", "0000:01:10.2"}
    assert set(delta.devices.changed) == {PF}
    old, new = delta.devices.changed[PciAddress(PF)]
    assert old.sriov is not None
    assert new.sriov is not None
    assert (len(old.sriov.vfs), len(new.sriov.vfs)) == (0, 2)
    assert not delta.devices.removed
    assert delta.structural
    assert delta.sequence == 7
    assert delta.devices.keys() == {PF, "0000:01:10.0", "0000:01:10.2"}
    back = difference(_host(machine.collector), before, 8)
    assert set(back.devices.removed) == {"0000:01:10.0", "0000:01:10.2"}


def test_equal_records_that_are_different_objects_count_as_changed() -> None:
    one, other = ["a"], ["a"]
    assert not changes({1: one}, {1: one})
    assert changes({1: one}, {1: other}).changed == {1: (one, other)}
    assert changes({1: "a", 2: "b"}, {2: "b", 3: "c"}).keys() == {1, 3}


@dataclass(frozen=True)
class Write:
    """One write of an operator, or of a tool."""

    path: str
    data: str


_OPERATIONS = st.one_of(
    st.builds(
        lambda pf, count: Write(f"/sys/bus/pci/devices/{pf}/sriov_numvfs", str(count)),
        st.sampled_from((PF, OTHER)),
        st.sampled_from((0, 1, 3, 7)),
    ),
    st.builds(
        lambda name, driver: Write(f"/sys/bus/pci/devices/{name}/driver_override", f"{driver}\n"),
        st.sampled_from(FUNCTIONS),
        st.sampled_from(("vfio-pci", "", "pci-stub")),
    ),
    st.builds(lambda name: Write("/sys/bus/pci/drivers_probe", name), st.sampled_from(FUNCTIONS)),
    st.builds(lambda name: Write(f"/sys/bus/pci/devices/{name}/driver/unbind", name), st.sampled_from(FUNCTIONS)),
    st.builds(
        lambda uuid, kind: Write(f"/sys/class/mdev_bus/mtty/mdev_supported_types/{kind}/create", uuid),
        st.sampled_from(UUIDS),
        st.sampled_from(("mtty-1", "mtty-2")),
    ),
    st.builds(lambda uuid: Write(f"/sys/bus/mdev/devices/{uuid}/remove", "1"), st.sampled_from(UUIDS)),
    st.builds(lambda name: Write(f"/sys/bus/pci/devices/{name}/remove", "1"), st.sampled_from(FUNCTIONS[3:])),
    st.just(Write("/sys/bus/pci/rescan", "1")),
    st.builds(Write, st.just("vm"), st.sampled_from(FUNCTIONS + UUIDS)),
    st.just(Write("stop", "")),
)


class Machine:
    """A simulated machine, a collector of it that is told only what events tell, and what was done so far."""

    def __init__(self) -> None:
        self.clock = ManualClock()
        self.doors: SimulatedHost = open_scenario(read(_MACHINE), "machine", clock=self.clock)
        self.subscriber = Subscriber(lambda: None)
        self.doors.kernel.core.events.subscribers.append(self.subscriber)
        self.collector = Collector(self.doors)
        self.vms: list[int] = []
        look(self.collector, self.doors)

    def write(self, path: str, data: str) -> None:
        """Do something and let it come to its end, or to where it waits for a holder."""
        with contextlib.suppress(OSError, KeyError):
            if path == "vm":
                self.vms.append(self.doors.kernel.start_vm(f"vm{len(self.vms)}", [data]).pid)
            elif path == "stop":
                self.doors.kernel.stop(self.vms.pop() if self.vms else 0)
            else:
                self.doors.kernel.write(path, data)
        self.clock.advance(60)

    def catch_up(self) -> None:
        """Read what events and listings name."""
        names = {name for event in self._events() for name in event.devpath.split("/") if _is_device(name)}
        at_once(self.collector.read_some(names | self.collector.unlisted()))
        at_once(self.collector.set_holders(scan_holders(self.doors)))

    def _events(self) -> Iterator[Uevent]:
        while self.subscriber.queue:
            event = self.subscriber.queue.popleft()
            assert isinstance(event, Uevent)
            yield event


def _is_device(name: str) -> bool:
    try:
        parse_device_id(name)
    except BadIdError:
        return False
    return True


def _host(collector: Collector) -> Host:
    assert collector.host is not None
    return collector.host


def assert_equal(live: Host, fresh: Host) -> None:
    """Demand that both tell the same, in the same order."""
    for one, other in ((live.devices, fresh.devices), (live.parents, fresh.parents), (live.groups, fresh.groups)):
        assert list(one) == list(other)
        for key, record in one.items():
            assert record == other[key]  # type: ignore[index]
    assert replace(live.holder_scan, taken_at=None) == replace(fresh.holder_scan, taken_at=None)


_MATE = "0000:08:01.0"


@settings(max_examples=60, deadline=None)
@example([
    Write(f"/sys/bus/pci/devices/{_MATE}/driver/unbind", _MATE),
    Write(f"/sys/bus/pci/devices/{_MATE}/driver_override", "vfio-pci\n"),
    Write("/sys/bus/pci/drivers_probe", _MATE),
])  # fmt: skip
@given(st.lists(_OPERATIONS, min_size=1, max_size=10))
@pytest.mark.timeout(300)
def test_the_live_picture_equals_a_fresh_look(operations: list[Write]) -> None:
    machine = Machine()
    for operation in operations:
        machine.write(operation.path, operation.data)
        machine.catch_up()
        assert_equal(_host(machine.collector), picture(machine.doors))


@settings(max_examples=30)
@given(st.lists(_OPERATIONS, min_size=1, max_size=15))
def test_so_it_does_when_everything_is_read_at_once(operations: list[Write]) -> None:
    machine = Machine()
    for operation in operations:
        machine.write(operation.path, operation.data)
    machine.catch_up()
    assert_equal(_host(machine.collector), picture(machine.doors))


def test_operations_of_these_tests_do_something() -> None:
    machine = Machine()
    before = _host(machine.collector)
    for path, data in (
        (f"/sys/bus/pci/devices/{PF}/sriov_numvfs", "3"),
        ("/sys/bus/pci/devices/0000:01:10.0/driver_override", "vfio-pci\n"),
        ("/sys/bus/pci/devices/0000:01:10.0/driver/unbind", "0000:01:10.0"),
        ("/sys/bus/pci/drivers_probe", "0000:01:10.0"),
        ("/sys/class/mdev_bus/mtty/mdev_supported_types/mtty-1/create", UUIDS[0]),
        ("vm", "0000:01:10.0"),
        ("/sys/bus/pci/devices/0000:08:01.0/remove", "1"),
    ):
        machine.write(path, data)
    machine.catch_up()
    after = _host(machine.collector)
    vf = after.devices[PciAddress("0000:01:10.0")]
    assert (vf.driver, [holder.name for holder in vf.holders]) == ("vfio-pci", ["vm0"])
    assert MdevUuid(UUIDS[0]) in after.devices
    assert "0000:08:01.0" in before.devices
    assert "0000:08:01.0" not in after.devices


def test_capacity_that_changes_without_an_event_is_found_by_the_slow_look() -> None:
    machine = Machine()
    machine.doors.kernel.core.events.subscribers.clear()
    machine.write("/sys/class/mdev_bus/mtty/mdev_supported_types/mtty-1/create", UUIDS[0])
    at_once(machine.collector.read_slow())
    live = _host(machine.collector)
    assert live.parents["mtty"] == picture(machine.doors).parents["mtty"]


def test_a_driver_that_changes_without_an_event_is_found_by_the_slow_look() -> None:
    machine = Machine()
    machine.doors.kernel.core.events.subscribers.clear()
    machine.write("/sys/bus/pci/devices/0000:08:01.0/driver/unbind", "0000:08:01.0")
    at_once(machine.collector.read_slow())
    assert _host(machine.collector).devices[PciAddress("0000:08:01.0")].driver == ""


def test_an_mdev_is_where_its_parent_is(scenario: Callable[..., Host]) -> None:
    host = scenario("vgpu")
    mdevs = [device for device in host.devices.values() if device.kind is DeviceKind.MDEV]
    assert mdevs
    assert [device.numa for device in mdevs] == [host.devices[PciAddress(device.parent)].numa for device in mdevs]
    assert {device.numa for device in scenario("lab").devices.values() if device.kind is DeviceKind.MDEV} == {None}
