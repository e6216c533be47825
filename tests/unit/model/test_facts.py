"""Facts: a value and how far it can be trusted."""

from __future__ import annotations

from dataclasses import fields

import pytest

from backend.model.device import SOURCES, DataPath, Device, DeviceKind, Link
from backend.model.facts import NO_NOTES, Fact, FactState, Note, fact
from backend.model.group import IommuGroup, ReservedRegion, Viability
from backend.model.holder import Holder, HolderKind
from backend.model.ids import GroupId, PciAddress


def device(**values: object) -> Device:
    known: dict[str, object] = {"id": PciAddress("0000:3b:00.0"), "kind": DeviceKind.PF, "sysfs": "/devices/x"}
    return Device(**(known | values))  # type: ignore[arg-type]


def test_a_value_is_known() -> None:
    assert fact(device(numa=1), "numa", SOURCES) == Fact(1, FactState.KNOWN, "numa_node")
    assert fact(device(driver=""), "driver").state is FactState.KNOWN


def test_no_value_is_unknown() -> None:
    assert fact(device(), "numa").state is FactState.UNKNOWN


def test_a_note_goes_before_the_value() -> None:
    note = Note(FactState.STALE, "the last reading failed", 12.0)
    known = fact(device(path=DataPath.READY, notes={"path": note}), "path", SOURCES)
    assert (known.value, known.state, known.reason, known.since) == (
        DataPath.READY,
        FactState.STALE,
        note.reason,
        12.0,
    )


def test_every_source_names_a_field() -> None:
    assert SOURCES.keys() <= {field.name for field in fields(Device)}


def test_records_without_notes_share_one_empty_mapping() -> None:
    assert device().notes is NO_NOTES
    assert not NO_NOTES


def test_a_holder_that_cannot_be_seen_counts() -> None:
    assert not device().held
    assert device(holders=(Holder(HolderKind.VM, "web-1"),)).held
    assert device(notes={"holders": Note(FactState.HIDDEN, "needs root")}).held


@pytest.mark.parametrize(
    ("link", "degraded"),
    [
        (Link(16.0, 8, 16.0, 8), False),
        (Link(8.0, 8, 16.0, 8), True),
        (Link(16.0, 4, 16.0, 8), True),
        (Link(16.0, 0, 16.0, 8), False),
        (Link(None, None, None, None), False),
        (Link(2.5, 1, None, 8), True),
    ],
)
def test_degraded_links(link: Link, *, degraded: bool) -> None:
    assert link.degraded is degraded


def test_direct_regions_of_a_group() -> None:
    regions = (ReservedRegion(0, 1, "direct"), ReservedRegion(2, 3, "msi"), ReservedRegion(4, 5, "direct-relaxable"))
    group = IommuGroup(GroupId(1), (), Viability(True, (), ""), reserved=regions)
    assert group.direct == regions[:1]
