"""Commands that show elsewhere what the screen shows."""

from __future__ import annotations

import shlex
from collections.abc import Callable
from dataclasses import replace

import pytest

from backend.model.host import Host
from backend.present.commands import query_for, snapshot_command
from backend.present.filter import narrow, parse_query
from backend.present.tree import holder_key, project
from backend.present.view import View
from tests.pictures import SCENARIOS
from tests.unit.cli.running import iovtop

Scenario = Callable[..., Host]


@pytest.mark.parametrize("spec", SCENARIOS)
@pytest.mark.parametrize("view", View)
def test_the_command_of_any_row_finds_just_that_row(scenario: Scenario, spec: str, view: View) -> None:
    host = scenario(spec)
    whole = project(host, view)
    for row in whole.rows.values():
        words = shlex.split(snapshot_command(host, view, "ignored", [row]))
        query = parse_query(words[words.index("--filter") + 1])
        assert narrow(whole, query).matches == {row.key}, words


def test_names_with_blanks_and_signs_are_found_too(scenario: Scenario) -> None:
    host = scenario("duo:hv07")
    device = next(device for device in host.devices.values() if device.held)
    holder = replace(device.holders[0], name='a "b", [c]*', pid=None)
    devices = {**host.devices, device.id: replace(device, holders=(holder, device.holders[0]))}
    whole = project(replace(host, devices=devices), View.HOLDERS)
    key = holder_key(holder)
    for name in (key, f"{key}/{device.id}"):
        assert narrow(whole, parse_query(query_for([whole.rows[name]]))).matches == {name}


@pytest.mark.parametrize(
    ("view", "key", "shown", "not_shown"),
    [
        (View.HOLDERS, "holder:vm:20211", "web-2", "fw-1"),
        (View.GROUPS, "group:8", "0000:c1:00.4", "0000:c1:00.5"),
        (View.DEVICES, "0000:c1:00.3", "0000:c1:00.3", "0000:c1:00.4"),
        (View.NUMA, "numa:1", "0000:c1:02.2", "0000:01:00.0"),
    ],
)
def test_the_command_works_when_it_is_pasted(
    scenario: Scenario, view: View, key: str, shown: str, not_shown: str
) -> None:
    host = scenario("duo:hv07")
    command = snapshot_command(host, view, "", [project(host, view).rows[key]])
    out = iovtop(*shlex.split(command)[1:]).stdout
    assert shown in out
    assert not_shown not in out


@pytest.mark.parametrize("query", ['driver:vfio* !free "web 2"', "it's; rm -rf /", "$(reboot)"])
def test_a_query_survives_the_shell(scenario: Scenario, query: str) -> None:
    words = shlex.split(snapshot_command(scenario("lab"), View.GROUPS, query))
    assert words == ["iovtop", "--sim", "lab", "snapshot", "--view", "groups", "--filter", query]


def test_only_hosts_that_can_be_asked_again_have_a_command(scenario: Scenario) -> None:
    live = replace(scenario("lab"), source="live", source_detail="")
    assert snapshot_command(live, View.DEVICES, "") == "iovtop snapshot"
    assert snapshot_command(replace(live, source="capture"), View.DEVICES, "") == ""
