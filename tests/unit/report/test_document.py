"""The JSON document, its schema, and deltas as lines."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from backend.model.device import DataPath, Device, DeviceKind
from backend.model.facts import FactState, Note
from backend.model.host import HolderScan, Host
from backend.model.ids import PciAddress
from backend.present.columns import COLUMNS, DEFAULT_COLUMNS
from backend.present.filter import narrow, parse_query
from backend.present.glyphs import ASCII, UNICODE
from backend.present.tree import project
from backend.present.view import View
from backend.report.changes import changed_fields, delta_record, plain_lines
from backend.report.document import document_of, encode, json_schema, timestamp
from backend.report.text import empty_reason, header, render_text, walk
from backend.state.diff import difference
from backend.state.live import empty_host
from tests.pictures import SCENARIOS
from tests.properties.schema import NotValidError, Validator

SCHEMA = Path(__file__).parents[3] / "backend/report/snapshot.schema.json"
Scenario = Callable[..., Host]


def test_the_schema_in_the_repository_is_the_schema() -> None:
    """UPDATE_GOLDEN=1 writes it anew; a field that went or changed its type is a new major version."""
    text = json.dumps(json_schema(), indent=2, ensure_ascii=False) + "\n"
    if os.environ.get("UPDATE_GOLDEN") == "1":
        SCHEMA.write_text(text, encoding="utf-8")
    assert text == SCHEMA.read_text(encoding="utf-8")


def test_the_schema_says_what_it_is() -> None:
    schema = json_schema()
    assert schema["$schema"] == "https://json-schema.org/draft/2020-12/schema"
    assert schema["title"] == "iovtop.snapshot/1"


@pytest.mark.parametrize("privileged", [True, False])
@pytest.mark.parametrize("spec", SCENARIOS)
def test_documents_are_valid(scenario: Scenario, spec: str, *, privileged: bool) -> None:
    document = json.loads(encode(document_of(scenario(spec, privileged=privileged))))
    Validator(json_schema())(document)
    assert len(document["devices"]) == len(scenario(spec).devices)


def _with(document: dict[str, Any], path: str, value: Any) -> dict[str, Any]:
    copy = json.loads(json.dumps(document))
    place = copy
    *parents, last = path.split(".")
    for name in parents:
        place = place[int(name) if isinstance(place, list) else name]
    if value is KeyError:
        del place[last]
    else:
        place[last] = value
    return copy  # type: ignore[no-any-return]


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("schema", KeyError),
        ("simulated", "yes"),
        ("devices", {}),
        ("devices.0.kind", "thing"),
        ("devices.0.group", "12"),
        ("devices.0.id", 7),
        ("devices.0.notes", [1]),
        ("devices.0.path", "magic"),
        ("host.iommu", None),
        ("source.kind", "dreamt"),
        ("groups.0.viability.viable", None),
        ("groups.0.members", [7]),
    ],
)
def test_the_validator_finds_what_is_wrong(scenario: Scenario, path: str, value: Any) -> None:
    """The property tests lean on it: it must be able to say no."""
    document = json.loads(encode(document_of(scenario("lab"))))
    with pytest.raises(NotValidError):
        Validator(json_schema())(_with(document, path, value))


def test_ids_are_plain_and_notes_a_mapping(scenario: Scenario) -> None:
    document = json.loads(encode(document_of(scenario("lab", privileged=False))))
    mdev = next(device for device in document["devices"] if device["kind"] == "mdev" and not device["holders"])
    assert mdev["notes"]["holders"] == {
        "state": "hidden",
        "reason": "6 processes of other users are hidden: run as root to see them",
        "since": None,
    }
    assert all(isinstance(group["id"], int) for group in document["groups"])


@pytest.mark.parametrize("value", [10**24, -(10**24), 2**64, float("inf"), float("nan")])
def test_numbers_beyond_json_are_no_crash(scenario: Scenario, value: Any) -> None:
    host = scenario("bare")
    device = replace(host.devices[PciAddress("0000:01:00.0")], numa=value)
    json.loads(encode(document_of(host, (device,))))


@pytest.mark.parametrize(
    ("seconds", "text"), [(0.0, "1970-01-01T00:00:00.000Z"), (1763845200.1239, "2025-11-22T21:00:00.123Z")]
)
def test_times(seconds: float, text: str) -> None:
    assert timestamp(seconds) == text


def test_an_hour_of_any_day_is_a_time() -> None:
    """The system's clock may be anywhere."""
    for seconds in (-1.0, 0.0, 4e9, 2.5e11):
        assert timestamp(seconds).endswith("Z")


def test_the_first_delta_holds_everything(scenario: Scenario) -> None:
    host = scenario("bare")
    record = json.loads(encode(delta_record(difference(empty_host(host), host, 0))))
    assert (record["kind"], record["sequence"], record["simulated"]) == ("delta", 0, True)
    assert len(record["devices"]["added"]) == len(host.devices)
    assert record["devices"]["removed"] == []
    assert not record.keys() & {"parents", "groups"}
    lines = list(plain_lines(difference(empty_host(host), host, 0)))
    assert all(line[2] == ":" and "  new " in line for line in lines if "holders" not in line)


def test_a_change_is_told_field_by_field(scenario: Scenario) -> None:
    host = scenario("lab")
    name = PciAddress("0000:01:10.2")
    before = host.devices[name]
    after = replace(before, driver="", path=DataPath.IDLE, vfio=False, notes={"numa": Note(FactState.UNKNOWN, "x")})
    delta = difference(host, replace(host, devices={**host.devices, name: after}), 3)
    record = json.loads(encode(delta_record(delta)))
    (change,) = record["devices"]["changed"]
    assert change["id"] == name
    assert change["fields"]["driver"] == ["vfio-pci", ""]
    assert change["fields"]["path"] == ["ready", "idle"]
    lines = [line[10:] for line in plain_lines(delta)]
    assert f"{name}  driver vfio-pci -> none" in lines
    assert not any("notes" in line for line in lines)
    assert changed_fields(before, before) == {}


def test_what_goes_is_told_by_its_id(scenario: Scenario) -> None:
    host = scenario("lab")
    name = PciAddress("0000:01:10.2")
    rest = {key: device for key, device in host.devices.items() if key != name}
    delta = difference(host, replace(host, devices=rest), 3)
    assert json.loads(encode(delta_record(delta)))["devices"]["removed"] == [name]
    assert [line[10:] for line in plain_lines(delta)] == [f"{name}  gone"]


@pytest.mark.parametrize(("one", "other"), [("lab", "messy"), ("messy", "vgpu"), ("bare", "lab"), ("vgpu", "bare")])
def test_any_step_can_be_told(scenario: Scenario, one: str, other: str) -> None:
    delta = difference(scenario(one), scenario(other, privileged=False), 1)
    json.loads(encode(delta_record(delta)))
    for line in plain_lines(delta):
        assert line.isprintable()


@pytest.mark.parametrize("view", View)
@pytest.mark.parametrize("spec", SCENARIOS)
def test_text_holds_every_row(scenario: Scenario, spec: str, view: View) -> None:
    projection = project(scenario(spec), view)
    lines = list(render_text(projection, COLUMNS, UNICODE))
    table = lines[lines.index("") + 1 :]
    if projection.rows:
        assert len(table) == len(projection.rows) + 1
    else:
        assert table == empty_reason(projection.host, view).splitlines()
    assert sorted(key for _, key in walk(projection, UNICODE)) == sorted(projection.rows)
    assert all(line == line.rstrip() for line in lines)


def test_guides_show_the_depth(scenario: Scenario) -> None:
    projection = project(scenario("vgpu"), View.DEVICES)
    for prefix, key in walk(projection, UNICODE):
        above = 0
        while projection.parents.get(key):
            key, above = projection.parents[key], above + 1
        assert len(prefix) == 2 * above
        assert set(prefix) <= set("├└│ ")


def test_why_there_are_no_rows(scenario: Scenario) -> None:
    host = scenario("lab")
    nothing = replace(host, devices={}, parents={}, groups={})
    assert empty_reason(nothing) == "no PF, VF, mdev or other PCI function here"
    hidden = replace(nothing, notes={"devices": Note(FactState.HIDDEN, "the bus needs root")})
    assert empty_reason(hidden) == "no devices: the bus needs root"
    projection = narrow(project(host, View.DEVICES), parse_query("nothing-like-this"))
    assert list(render_text(projection, DEFAULT_COLUMNS, ASCII))[-1] == "no device matches"
    free = replace(host, vms={}, devices={key: replace(device, holders=()) for key, device in host.devices.items()})
    assert list(render_text(project(free, View.HOLDERS), DEFAULT_COLUMNS, ASCII))[-1] == "nobody holds a device"
    unseen = replace(free, holder_scan=HolderScan(False, 3, "3 processes are hidden"))
    assert empty_reason(unseen, View.HOLDERS) == "no holder is seen: 3 processes are hidden"


def test_the_header_says_what_is_real(scenario: Scenario) -> None:
    host = scenario("bare")
    assert next(header(host, UNICODE)).startswith("SIMULATED: scenario bare")
    assert next(header(replace(host, source="tree"), UNICODE)).startswith("TREE: ")
    assert next(header(replace(host, source="live"), UNICODE)).startswith("iovtop ")
    assert all(line.isascii() for line in header(host, ASCII))


def test_a_device_alone_can_be_told() -> None:
    device = Device(PciAddress("0000:01:00.0"), DeviceKind.FUNCTION, "")
    assert json.loads(encode(device))["id"] == "0000:01:00.0"
