"""Findings: each rule speaks when it should, and is silent when it should be."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace

import pytest

from backend.findings import Finding, find
from backend.model.device import DataPath, Device, DeviceKind, Link, Sriov, VfManager
from backend.model.group import IommuGroup, ReservedRegion, Viability
from backend.model.holder import Holder, HolderKind
from backend.model.host import HolderScan, Host, Iommu, Weakness
from backend.model.ids import DeviceId, GroupId, MdevUuid, PciAddress
from backend.model.mdev import Isolation, MdevParent, MdevType
from backend.model.severity import Severity
from tests.pictures import SCENARIOS

A = PciAddress("0000:01:00.0")
UUID = MdevUuid("83b8f4f2-509f-382f-3c1e-e6bfe0fa1001")
SRIOV = Sriov((), 7, 128, 2, "10ca", True, VfManager.HOST_DRIVER)
PF = Device(A, DeviceKind.PF, "/x", driver="igb", path=DataPath.HOST, sriov=SRIOV, class_code="020000")
VIABLE = Viability(True, (), "")
GROUPS = {GroupId(1): IommuGroup(GroupId(1), (A,), VIABLE)}


def host(*devices: Device, **more: object) -> Host:
    """Return a host with these devices and one group."""
    values: dict[str, object] = {
        "name": "h", "source": "live", "source_detail": "", "kernel": "", "boot_id": "", "taken_at": 0.0, "uid": 0,
        "iommu": Iommu((), ""), "devices": {device.id: device for device in devices}, "parents": {},
        "groups": GROUPS, "weaknesses": (), "holder_scan": HolderScan(True, taken_at=0.0),
    }  # fmt: skip
    return Host(**(values | more))  # type: ignore[arg-type]


def rules(found: Host) -> list[str]:
    """Return the names of the rules that spoke."""
    return [finding.rule for finding in find(found)]


MDEV = Device(UUID, DeviceKind.MDEV, "/x", driver="mtty", path=DataPath.READY, parent="mtty", mdev_type="mtty-1")
B = PciAddress("0000:01:10.0")
VF = Device(B, DeviceKind.VF, "/x", path=DataPath.IDLE, parent=A)
BLOCKED: Mapping[GroupId, IommuGroup] = {
    GroupId(1): IommuGroup(GroupId(1), (A,), Viability(False, (A,), "0000:01:00.0 igb"))
}
DIRECT = {GroupId(1): IommuGroup(GroupId(1), (A,), VIABLE, reserved=(ReservedRegion(0, 1, "direct"),))}
TYPE = MdevType("t", "t", "", "", 0, ())
PARENT = MdevParent("mtty", "/x", None, Isolation.MEDIATED, (TYPE,))


@pytest.mark.parametrize(
    ("found", "expected"),
    [
        (host(PF), []),
        (host(PF, groups={}), ["no-iommu"]),
        (host(groups={}), []),
        (host(replace(PF, vfio=True), groups=BLOCKED), ["group-not-viable"]),
        (host(PF, groups=BLOCKED), []),
        (host(replace(PF, vfio=True), groups=DIRECT), ["group-direct-region"]),
        (host(PF, groups=DIRECT), []),
        (host(replace(MDEV, defined=False)), ["mdev-orphaned"]),
        (host(replace(MDEV, defined=True)), []),
        (host(replace(MDEV, defined=None)), []),
        (host(replace(MDEV, defined=False, holders=(Holder(HolderKind.VM, "a"),))), []),
        (host(replace(MDEV, defined=False), holder_scan=HolderScan(False, 3, "hidden")), []),
        (host(replace(PF, driver="", sriov=replace(SRIOV, manager=VfManager.NONE))), ["pf-unmanaged"]),
        (host(replace(PF, driver="", sriov=replace(SRIOV, manager=VfManager.NONE, total=0))), []),
        (host(replace(PF, sriov=replace(SRIOV, vfs=(B,))), VF), ["vf-driverless"]),
        (host(replace(PF, sriov=replace(SRIOV, vfs=(B,), autoprobe=False)), VF), []),
        (host(replace(PF, sriov=replace(SRIOV, vfs=(B,)))), []),
        (host(replace(PF, link=Link(8.0, 8, 16.0, 8))), ["link-degraded"]),
        (host(replace(PF, link=Link(2.5, 1, None, 8))), ["link-degraded"]),
        (host(replace(PF, link=Link(16.0, 8, 16.0, 8))), []),
        (host(replace(PF, link=Link(8.0, 8, 16.0, 8), class_code="060400")), []),
        (host(replace(PF, aer_correctable=1)), ["aer-corrected"]),
        (host(replace(PF, aer_correctable=0)), []),
        (host(PF, parents={"mtty": PARENT}), ["mdev-exhausted"]),
        (host(PF, parents={"mtty": replace(PARENT, types=(TYPE, replace(TYPE, available=1)))}), []),
        (host(PF, parents={"mtty": replace(PARENT, types=(replace(TYPE, available=None),))}), []),
        (host(PF, parents={"mtty": replace(PARENT, types=())}), []),
        (host(PF, holder_scan=HolderScan(False, 3, "3 hidden", 1.0)), ["holders-hidden"]),
        (host(PF, holder_scan=HolderScan(False, reason="not looked for yet")), []),
        (host(PF, weaknesses=(Weakness("acs-override", "text", "evidence", "remedy"),)), ["acs-override"]),
    ],
)
def test_rules(found: Host, expected: list[str]) -> None:
    assert rules(found) == expected
    for finding in find(found):
        assert finding.text
        assert finding.evidence
        assert "None" not in finding.text


NET = Holder(HolderKind.NETWORK, "ens1", detail="10.0.0.1")


@pytest.mark.parametrize(
    ("culprit", "devices", "said"),
    [
        (replace(PF, holders=(NET,)), (), "ens1 10.0.0.1"),
        (replace(PF, sriov=replace(SRIOV, vfs=(B,))), (VF,), "1 VF"),
        (
            replace(PF, sriov=replace(SRIOV, vfs=(B,))), (replace(VF, holders=(Holder(HolderKind.VM, "web"),)),),
            "1 VF, some with vm web",
        ),
    ],
)  # fmt: skip
def test_nobody_is_told_to_unbind_what_is_in_use(culprit: Device, devices: tuple[Device, ...], said: str) -> None:
    c = PciAddress("0000:02:00.0")
    group = IommuGroup(GroupId(1), (A, c), Viability(False, (A,), "0000:01:00.0 igb"))
    waits = Device(c, DeviceKind.FUNCTION, "/x", driver="vfio-pci", vfio=True, path=DataPath.READY)
    found = [f for f in find(host(culprit, waits, *devices, groups={GroupId(1): group})) if f.rule.startswith("group")]
    assert "unbind" not in found[0].remedy
    assert f"{A} is in use: {said}" in found[0].remedy
    free = find(host(replace(culprit, holders=(), sriov=None), waits, groups={GroupId(1): group}))
    assert f"unbind {A}" in free[0].remedy
    assert set(found[0].also) == {A, c}


@pytest.mark.parametrize(("count", "severity"), [(1, Severity.INFO), (99, Severity.INFO), (100, Severity.WARNING)])
def test_many_errors_weigh_more(count: int, severity: Severity) -> None:
    (finding,) = find(host(replace(PF, aer_correctable=count)))
    assert finding.severity is severity


def test_the_gravest_come_first() -> None:
    order = [finding.severity for finding in find(host(
        replace(PF, vfio=True, aer_correctable=1, link=Link(8.0, 8, 16.0, 8)), groups=BLOCKED
    ))]  # fmt: skip
    assert order == [Severity.ERROR, Severity.WARNING, Severity.INFO]


EXPECTED = {
    "lab": ["group-not-viable", "mdev-orphaned", "vf-driverless", "vf-driverless"],
    "duo:hv07": [],
    "bare": ["no-iommu", "vf-driverless"],
    "messy": [
        "group-not-viable", "group-not-viable", "acs-override", "unsafe-interrupts", "mdev-orphaned", "mdev-orphaned",
        "link-degraded", "aer-corrected", "vf-driverless", "vf-driverless",
    ],
}  # fmt: skip


@pytest.mark.parametrize("spec", sorted(EXPECTED))
def test_findings_of_scenarios(scenario: Callable[..., Host], spec: str) -> None:
    assert rules(scenario(spec)) == EXPECTED[spec]


@pytest.mark.parametrize("spec", SCENARIOS)
def test_findings_name_things_that_are_there(scenario: Callable[..., Host], spec: str) -> None:
    found = scenario(spec, privileged=False)
    for finding in find(found):
        assert _is_there(found, finding), finding
        assert all(text.isprintable() for text in (finding.text, finding.evidence, finding.remedy))


def _is_there(found: Host, finding: Finding) -> bool:
    kind, _, name = finding.subject.partition(":")
    if not finding.subject:
        return True
    if kind == "group":
        return GroupId(int(name)) in found.groups
    if kind == "parent":
        return name in found.parents
    return DeviceId(finding.subject) in found.devices


def test_the_example_of_these_tests_is_one() -> None:
    assert DeviceId(A) in host(PF).devices
