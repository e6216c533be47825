"""Figures of rows: which source, which sum, which words where there is no figure."""

from __future__ import annotations

import pytest

from backend.model.counters import Counter, CounterKind, CounterState, Measure, Unit
from backend.model.figures import number, text_of
from backend.present.columns import RATE_COLUMNS, columns_named
from backend.present.glyphs import ASCII, UNICODE
from backend.present.rates import figure, figure_of
from backend.present.sorting import Order, sorted_by
from backend.present.spark import spark
from backend.present.tree import View, project
from tests.unit.counters.measuring import Measured

PF, HELD, READY = "0000:c1:00.0", "0000:c1:00.2", "0000:c1:00.6"


@pytest.fixture(scope="module")
def duo() -> Measured:
    measured = Measured("duo")
    for _ in range(3):
        measured.tick()
        measured.wait()
    return measured


def test_a_vf_in_a_guest_and_its_pf_have_a_figure_in_the_same_column(duo: Measured) -> None:
    devices = project(duo.pictured, View.DEVICES)
    for key in (PF, HELD):
        found = figure(devices.host, devices.rows[key], Measure.IN)
        assert found is not None
        assert (found.value or 0) > 1e5


def test_a_vm_and_a_group_show_the_sum_of_their_devices(duo: Measured) -> None:
    holders = project(duo.pictured, View.HOLDERS)
    key = next(key for key, row in holders.rows.items() if row.device is None and "db-1" in str(row.subject))
    parts = [figure_of(duo.meter.activity[vf], Measure.IN) for vf in ("0000:c1:00.3", "0000:c1:00.4")]
    total = figure(holders.host, holders.rows[key], Measure.IN)
    assert total is not None
    assert total.value == pytest.approx(sum(part.value or 0 for part in parts if part is not None))


def test_a_node_shows_the_sum_of_its_functions_disks_too_and_of_no_vf_twice(duo: Measured) -> None:
    numa = project(duo.pictured, View.NUMA)
    for node in ("numa:0", "numa:1"):
        near = [
            d for d in numa.host.devices.values() if f"numa:{d.numa}" == node and d.kind.value in ("pf", "function")
        ]
        parts = [figure_of(duo.meter.activity.get(str(device.id), ()), Measure.IN) for device in near]
        known = [part.value for part in parts if part is not None and part.value is not None]
        total = figure(numa.host, numa.rows[node], Measure.IN)
        assert known
        assert total is not None
        assert total.value == pytest.approx(sum(known))
        assert figure(numa.host, numa.rows[node], Measure.TRAPS) is None


def test_traps_stand_beside_every_device_of_the_vm(duo: Measured) -> None:
    devices = project(duo.pictured, View.DEVICES)
    first, second = (figure(devices.host, devices.rows[f"0000:c1:00.{n}"], Measure.TRAPS) for n in (3, 4))
    assert first is not None
    assert first == second
    assert "all accesses of this VM" in first.reason


@pytest.mark.parametrize("view", list(View))
@pytest.mark.parametrize("spec", ["duo", "lab", "messy", "vgpu", "bare"])
def test_every_rate_cell_of_every_row_is_a_figure_or_a_word(view: View, spec: str) -> None:
    measured = Measured(spec, privileged=spec != "messy")
    measured.tick()
    measured.wait()
    projection = project(measured.pictured, view)
    for row in projection.rows.values():
        for column in RATE_COLUMNS:
            for glyphs in (UNICODE, ASCII):
                assert len(column.cell(projection.host, row, glyphs).text) <= column.width


def test_the_lab_driver_that_does_not_count_reads_na() -> None:
    measured = Measured("lab")
    measured.tick()
    measured.wait()
    projection = project(measured.pictured, View.DEVICES)
    (column,) = columns_named(["in"])
    held = next(str(d.id) for d in projection.host.devices.values() if d.holders and d.index is not None and d.vfio)
    assert column.cell(projection.host, projection.rows[held], ASCII).text.strip() == "n/a"


def test_rows_are_ordered_by_the_number_and_the_unknown_come_last(duo: Measured) -> None:
    projection = sorted_by(project(duo.pictured, View.DEVICES), Order("in", reverse=True), ASCII)
    (column,) = columns_named(["in"])
    assert column.number is not None
    values = [column.number(projection.host, projection.rows[key]) for key in projection.children[PF]]
    told = [value for value in values if value is not None]
    assert told == sorted(told, reverse=True)
    assert values == [*told, *([None] * (len(values) - len(told)))]


@pytest.mark.parametrize(
    ("value", "scale", "unit", "kind", "text"),
    [
        (12_340_000.0, 2, Unit.BYTES, CounterKind.TOTAL, "12.3 MB/s"),
        (600_000.0, 2, Unit.BYTES, CounterKind.TOTAL, "0.60 MB/s"),
        (0.0, 2, Unit.BYTES, CounterKind.TOTAL, "0 MB/s"),
        (350_000_000.0, 2, Unit.NANOSECONDS, CounterKind.TOTAL, "35 %"),
        (41_850.0, 1, Unit.MILLIDEGREES, CounterKind.LEVEL, "41.85 °C"),
        (8 << 30, 3, Unit.BYTES, CounterKind.LEVEL, "8 GiB"),
        (4.29e9, 3, Unit.BYTES, CounterKind.LEVEL, "4 GiB"),
        (1023.6 * 2**20, 3, Unit.BYTES, CounterKind.LEVEL, "1024 MiB"),
        (4.36e9, 3, Unit.BYTES, CounterKind.LEVEL, "4.06 GiB"),
        (2_500_000.0, 2, Unit.MICROJOULES, CounterKind.TOTAL, "2.5 W"),
        (4321.0, 1, Unit.EXITS, CounterKind.TOTAL, "4.32 k/s"),
        (32_000.0, 1, Unit.MEGATRANSFERS, CounterKind.LEVEL, "32 GT/s"),
    ],
)
def test_figures_in_words(value: float, scale: int, unit: Unit, kind: CounterKind, text: str) -> None:
    assert text_of(value, scale, Counter("c", "c", unit, kind=kind)) == text


def test_numbers_have_three_digits() -> None:
    assert [number(v, 0) for v in (0, 1.5, 12.6, 999)] == ["0", "1.50", "13", "999"]
    assert [number(v, 1) for v in (50, 9_990, 99_900, 999_000)] == ["0.05", "9.99", "99.9", "999"]


def test_bars_say_what_the_highest_means() -> None:
    assert spark([0.0, 5.0, None, 10.0]) == ("▁▄ ▇", 10.0)
    assert spark([0.0, 0.0]) == ("▁▁", 0.0)
    assert spark([], ascii_only=True) == ("", 0.0)
    assert spark([1.0, 2.0], ascii_only=True)[0].isascii()


def test_no_state_is_without_a_word_or_a_reason() -> None:
    measured = Measured("duo", privileged=False)
    measured.tick()
    for flows in measured.meter.activity.values():
        for flow in flows:
            assert flow.state is CounterState.KNOWN or flow.reason
