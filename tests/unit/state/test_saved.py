"""Pictures of a host beside what is saved for boot: marked where they differ, and only while they do."""

from __future__ import annotations

from backend.findings import find
from backend.model.host import Host
from backend.model.ids import DeviceId
from backend.model.severity import Severity
from backend.model.steps import at_once
from backend.present.columns import COLUMNS, cells
from backend.present.details import sections
from backend.present.glyphs import ASCII
from backend.present.tree import project
from backend.present.view import View
from backend.probe.boot.file import PATH
from backend.simhost.clock import ManualClock
from backend.simhost.host import SimulatedHost
from backend.simhost.open import open_spec
from backend.state.collect import Collector
from backend.state.diff import difference
from backend.state.policies import pfs_to_ask, read_policies_at_once

PF, FIRST, SECOND = DeviceId("0000:01:00.0"), DeviceId("0000:02:10.0"), DeviceId("0000:02:10.4")
AS_SAVED = DeviceId("0000:04:00.0")


def host_named(spec: str = "drift") -> SimulatedHost:
    return open_spec(spec, ManualClock(), True)


def read(doors: SimulatedHost) -> Collector:
    collector = Collector(doors)
    at_once(collector.read_all())
    assert collector.host is not None
    at_once(collector.set_policies(read_policies_at_once(doors, pfs_to_ask(collector.host.devices.values()))))
    return collector


def picture(collector: Collector) -> Host:
    assert collector.host is not None
    return collector.host


def put(doors: SimulatedHost, text: str) -> None:
    doors.kernel.folder("/etc/iovtop").file("boot.toml", text)


def test_devices_carry_how_they_differ() -> None:
    host = picture(read(host_named()))
    drift = {name: [one.text for one in host.devices[name].drift or ()] for name in (PF, FIRST, SECOND)}
    assert drift == {
        PF: ["number of VFs: saved 4, now 2"],
        FIRST: ["driver: saved vfio-pci, now igbvf", "VLAN: saved 100, now 0"],
        SECOND: ["driver: saved igbvf, now vfio-pci"],
    }
    assert host.devices[AS_SAVED].drift == ()
    assert host.devices[DeviceId("0000:07:00.0")].drift is None
    assert (host.devices[FIRST].drifted, host.devices[SECOND].drifted) == (True, False)
    assert host.boot is not None
    assert [lost.name for lost in host.boot.lost] == ["0000:0c:00.0"]


def test_each_difference_is_a_finding_and_what_others_decide_is_no_warning() -> None:
    found = {finding.text: finding for finding in find(picture(read(host_named()))) if finding.rule.startswith("boot-")}
    levels = [(finding.subject, finding.severity) for finding in found.values()]
    assert (str(PF), Severity.WARNING) in levels
    assert (str(SECOND), Severity.INFO) in levels
    assert "saved for boot: 0000:0c:00.0: this host has no 15b3:101d now" in found


def test_a_word_and_a_sign_in_the_tree_and_the_whole_in_the_detail() -> None:
    host = picture(read(host_named()))
    rows = {str(row.device.id): row for row in project(host, View.DEVICES).rows.values() if row.device is not None}
    what = next(number for number, column in enumerate(COLUMNS) if column.id == "what")
    assert cells(host, rows[FIRST], COLUMNS, ASCII)[what].text == "! drift vf0 eno1v0"
    assert cells(host, rows[SECOND], COLUMNS, ASCII)[what].text == "vf1"
    (section,) = [section for section in sections(host, rows[FIRST], ASCII) if section.title == "Saved for boot"]
    assert [(line.label, line.value.text) for line in section.lines] == [
        ("driver", "! igbvf, saved vfio-pci"), ("VLAN", "! 0, saved 100"),
    ]  # fmt: skip


def test_a_mark_comes_and_goes_with_its_reason_and_nothing_else_is_made_anew() -> None:
    doors = host_named("bare")
    collector = read(doors)
    before = picture(collector)
    assert before.boot is None
    put(doors, f'version = 1\n[[pf]]\nidentity = {{ address = "{PF}" }}\nvfs = 3\n')
    at_once(collector.read_slow())
    marked = picture(collector)
    assert difference(before, marked, 1).devices.keys() == {PF}
    at_once(collector.read_slow())
    assert picture(collector).devices is marked.devices
    assert picture(collector).boot is marked.boot
    put(doors, f'version = 1\n[[pf]]\nidentity = {{ address = "{PF}" }}\nvfs = 4\n')
    at_once(collector.read_slow())
    assert picture(collector).devices[PF].drift == ()
    doors.kernel.folder("/etc/iovtop").drop("boot.toml")
    at_once(collector.read_slow())
    assert picture(collector).devices[PF].drift is None
    assert picture(collector).boot is None


def test_a_file_that_is_wrong_is_a_finding_and_marks_nothing() -> None:
    doors = host_named("bare")
    put(doors, "version = 1\n[[pf]]\n")
    host = picture(read(doors))
    assert all(device.drift is None for device in host.devices.values())
    (finding,) = [finding for finding in find(host) if finding.rule == "boot-file"]
    assert finding.severity is Severity.ERROR
    assert f"{PATH}: line 2: " in finding.text
