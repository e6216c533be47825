"""Going somewhere by name."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest

from backend.model.host import Host
from backend.present.places import find_places, places
from backend.present.tree import project
from backend.present.view import View
from tests.pictures import SCENARIOS

Scenario = Callable[..., Host]


@pytest.mark.parametrize("spec", SCENARIOS)
def test_every_place_is_a_row_of_its_view(scenario: Scenario, spec: str) -> None:
    host = scenario(spec)
    rows = {view: project(host, view).rows for view in View}
    lost = [place for place in places(host) if place.key and place.key not in rows[place.view]]
    assert lost == []


@pytest.mark.parametrize("spec", SCENARIOS)
def test_every_device_of_the_tree_can_be_gone_to_by_its_id(scenario: Scenario, spec: str) -> None:
    host = scenario(spec)
    known = places(host)
    for device in project(host, View.DEVICES).rows.values():
        if device.device is not None:
            assert find_places(known, str(device.device.id))[0].key == str(device.device.id)


@pytest.mark.parametrize(
    ("typed", "view", "key"),
    [
        ("web-2", View.HOLDERS, "holder:vm:20211"),
        ("WEB", View.HOLDERS, "holder:vm:20211"),
        ("ens3f0np0", View.DEVICES, "0000:c1:00.0"),
        ("c1:00.3", View.DEVICES, "0000:c1:00.3"),
        ("group 8", View.GROUPS, "group:8"),
        ("groups", View.GROUPS, ""),
        ("node 1", View.NUMA, "numa:1"),
        ("ens3f1np1", View.DEVICES, "0000:c1:00.1"),
        ("vf 3 of ens3f1np1", View.DEVICES, "0000:c1:02.5"),
        ("VF1 of 0000:c1:00.0", View.DEVICES, "0000:c1:00.3"),
        ("vf 3 of", View.DEVICES, "0000:c1:00.5"),
        ("20211", View.HOLDERS, "holder:vm:20211"),
    ],
)
def test_what_is_typed_leads_there(scenario: Scenario, typed: str, view: View, key: str) -> None:
    place = find_places(places(scenario("duo:hv07")), typed)[0]
    assert (place.view, place.key) == (view, key)


def test_nothing_is_meant_by_nothing(scenario: Scenario) -> None:
    known = places(scenario("duo:hv07"))
    assert find_places(known, "  ") == ()
    assert find_places(known, "no such thing") == ()
    assert len(find_places(known, "0", most=3)) == 3


def test_a_vm_without_a_device_can_be_gone_to(scenario: Scenario) -> None:
    place = find_places(places(replace(scenario("duo:hv07"), devices={})), "web-2")[0]
    assert (place.view, place.key) == (View.HOLDERS, "holder:vm:20211")
