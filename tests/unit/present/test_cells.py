"""Columns, details and signs."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from backend.model.device import DataPath
from backend.model.host import Host
from backend.model.ids import PciAddress
from backend.present.columns import COLUMN_IDS, COLUMNS, DEFAULT_COLUMNS, cells, columns_named, fit_columns
from backend.present.details import sections, title_of
from backend.present.glyphs import ASCII, UNICODE, Glyphs, glyphs_for
from backend.present.tree import Row, project
from backend.present.view import View
from tests.pictures import SCENARIOS

Scenario = Callable[..., Host]


def rows_of(host: Host) -> list[Row]:
    """Return the rows of all views."""
    return [row for view in View for row in project(host, view).rows.values()]


def texts_of(host: Host, row: Row, glyphs: Glyphs) -> list[str]:
    """Return everything that is ever shown of a row."""
    texts = [cell.text for cell in cells(host, row, COLUMNS, glyphs)]
    texts += title_of(row)
    for section in sections(host, row, glyphs):
        texts.append(section.title)
        for line in section.lines:
            texts += [line.label, line.value.text, line.extra]
    return texts


@pytest.mark.parametrize("privileged", [True, False])
@pytest.mark.parametrize("spec", SCENARIOS)
def test_every_row_has_cells_a_title_and_details(scenario: Scenario, spec: str, *, privileged: bool) -> None:
    host = scenario(spec, privileged=privileged)
    for row in rows_of(host):
        assert len(cells(host, row, COLUMNS, UNICODE)) == len(COLUMNS)
        assert title_of(row)[0]
        assert any(section.lines for section in sections(host, row, UNICODE))
        for text in texts_of(host, row, UNICODE):
            assert text.isprintable(), (row.key, text)


@pytest.mark.parametrize("spec", ["messy", "vgpu"])
def test_hostile_names_reach_no_cell(scenario: Scenario, spec: str) -> None:
    host = scenario(spec)
    everything = "\n".join(text for row in rows_of(host) for text in texts_of(host, row, UNICODE))
    assert not set(everything) & set("\x00\x07\x1b\x9b\u202e\u2066")
    if spec == "messy":
        # They are shown, not dropped; and markup is left for widgets that do not interpret it.
        assert "\\x1b[31mred" in everything
        assert "[/magenta]x" in everything


@pytest.mark.parametrize("spec", SCENARIOS)
def test_ascii_means_ascii(scenario: Scenario, spec: str) -> None:
    host = scenario(spec)
    for row in rows_of(host):
        for cell in cells(host, row, COLUMNS, ASCII):
            assert cell.text.isascii(), cell.text


@given(st.integers(0, 300))
def test_columns_fit(width: int) -> None:
    kept = fit_columns(COLUMNS, width)
    assert kept[0] is COLUMNS[0]
    assert len(kept) == 1 or sum(column.width + 1 for column in kept) <= width
    assert list(kept) == [column for column in COLUMNS if column in kept]
    left_out = [column.priority for column in COLUMNS if column not in kept]
    if left_out and len(kept) > 1:
        assert min(left_out) >= max(column.priority for column in kept[1:])


def test_a_wide_screen_has_every_column() -> None:
    assert fit_columns(COLUMNS, 1000) == COLUMNS


def test_columns_by_name() -> None:
    assert [column.id for column in columns_named(["path", "device"])] == ["path", "device"]
    assert columns_named([]) == ()
    assert {column.id for column in DEFAULT_COLUMNS} == set(COLUMN_IDS) - {
        "root",
        "iommu",
        "trap",
        "in",
        "out",
        "irq",
        "policy",
    }
    assert len(set(COLUMN_IDS)) == len(COLUMN_IDS)
    with pytest.raises(KeyError, match="nothing"):
        columns_named(["device", "nothing"])


def line(host: Host, key: str, view: View = View.DEVICES, glyphs: Glyphs = UNICODE) -> dict[str, str]:
    """Return column → text of one row."""
    row = project(host, view).rows[key]
    return {column.id: cell.text for column, cell in zip(COLUMNS, cells(host, row, COLUMNS, glyphs), strict=True)}


def test_cells_of_a_held_vf(scenario: Scenario) -> None:
    assert line(scenario("lab"), "0000:01:10.0") == {
        "device": "0000:01:10.0",
        "what": "vf0",
        "driver": "vfio-pci",
        "path": "» passthrough",
        "group": "17",
        "holder": "vm web-1",
        "numa": "—",
        "root": "0000:00:06.0",
        "iommu": "dmar0",
        **dict.fromkeys(("trap", "in", "out", "irq", "policy"), ""),
        "name": line(scenario("lab"), "0000:01:10.2")["name"],
    }


def test_cells_that_say_what_is_not_known(scenario: Scenario) -> None:
    mdev = line(scenario("lab", privileged=False), "83b8f4f2-509f-382f-3c1e-e6bfe0fa1002")
    assert (mdev["path"], mdev["holder"]) == ("? needs root", "? needs root")
    held = line(scenario("lab"), "0000:03:00.1")
    assert (held["path"], held["holder"]) == ("? held", "vm build")


def test_cells_of_groups(scenario: Scenario) -> None:
    host = scenario("lab")
    blocked = line(host, "group:16", View.GROUPS)
    assert (blocked["what"], blocked["path"], blocked["group"]) == ("3 members", "▲ not viable", "identity")
    assert blocked["holder"] == "0000:06:01.0 e1000"
    assert line(host, "group:12", View.GROUPS)["path"] == "host use"
    assert line(host, "group:17", View.GROUPS)["path"] == "viable"
    assert line(host, "0000:06:02.0")["group"] == "16 ×3 ▲"
    assert line(host, "0000:06:02.0", glyphs=ASCII)["group"] == "16 x3 !"


def test_cells_of_types_and_parents(scenario: Scenario) -> None:
    host = scenario("lab")
    assert line(host, "parent:mtty")["what"] == "mdev parent, 2 types"
    assert line(host, "type:mtty/mtty-2")["what"].startswith("2 made, ")
    pf = line(host, "0000:01:00.0")
    assert (pf["what"], pf["holder"], pf["path"]) == ("enp1s0 7/7 VFs", "enp1s0 default route", "h host")


def test_several_holders_are_counted(scenario: Scenario) -> None:
    host = scenario("messy")
    assert line(host, "0000:81:00.0")["holder"] == "nvme0n1p2 mounted on / +1"


def test_nobody_is_offered_a_bridge_or_a_pf_in_use(scenario: Scenario) -> None:
    host = scenario("messy")
    assert line(host, "0000:02:00.0")["holder"] != "free"
    assert line(host, "0000:05:00.0", View.GROUPS)["holder"] != "free"
    assert line(host, "10000:e1:00.0")["holder"] == "free"


def test_details_name_evidence_and_what_is_not_known(scenario: Scenario) -> None:
    host = scenario("lab")
    row = project(host, View.DEVICES).rows["0000:01:10.0"]
    lines = {entry.label: entry for section in sections(host, row, UNICODE) for entry in section.lines}
    assert lines["holder"].value.text == "web-1"
    assert "pid 2101" in lines["holder"].extra
    assert "by /dev/vfio/17" in lines["holder"].extra
    assert lines["parent"].value.text == "0000:01:00.0"
    hidden = scenario("lab", privileged=False)
    row = project(hidden, View.DEVICES).rows["83b8f4f2-509f-382f-3c1e-e6bfe0fa1002"]
    unknown = next(s for s in sections(hidden, row, UNICODE) if s.title == "Not known")
    assert {entry.label for entry in unknown.lines} == {"holders", "path"}
    assert all("run as root" in entry.extra for entry in unknown.lines)


def test_details_of_a_device_that_is_in_no_group_any_more(scenario: Scenario) -> None:
    host = scenario("lab")
    gone = replace(host, groups={}, devices={k: d for k, d in host.devices.items() if k != "0000:06:01.0"})
    for view in View:
        for row in project(gone, view).rows.values():
            assert sections(gone, row, UNICODE)
            cells(gone, row, COLUMNS, UNICODE)
    group = project(host, View.GROUPS).rows["group:16"]
    assert sections(gone, group, UNICODE)
    assert PciAddress("0000:06:01.0") not in gone.devices


@pytest.mark.parametrize("glyphs", [UNICODE, ASCII], ids=lambda glyphs: glyphs.name)
def test_signs_are_one_cell_wide_and_complete(glyphs: Glyphs) -> None:
    signs = [getattr(glyphs, field) for field in glyphs._fields if field not in ("name", "paths")]
    assert all(len(sign) == 1 for sign in [*signs, *glyphs.paths.values()])
    assert glyphs.paths.keys() == set(DataPath)
    assert len(set(glyphs.paths.values())) == len(DataPath)
    if glyphs is ASCII:
        assert "".join([*signs, *glyphs.paths.values()]).isascii()


@pytest.mark.parametrize(
    ("encoding", "term", "name"),
    [
        ("UTF-8", "xterm-256color", "unicode"),
        ("utf8", "screen", "unicode"),
        ("ascii", "xterm", "ascii"),
        ("ANSI_X3.4-1968", "xterm", "ascii"),
        ("UTF-8", "linux", "ascii"),
        ("UTF-8", "dumb", "ascii"),
        ("", "", "ascii"),
    ],
)
def test_signs_that_a_terminal_can_show(encoding: str, term: str, name: str) -> None:
    assert glyphs_for(encoding, term).name == name
