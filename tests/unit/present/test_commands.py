"""Commands that show elsewhere what the screen shows."""

from __future__ import annotations

import shlex
from collections.abc import Callable
from dataclasses import replace

import pytest

from backend.model.host import Host
from backend.present.commands import snapshot_command
from backend.present.view import View
from tests.unit.cli.running import iovtop

Scenario = Callable[..., Host]


def test_the_command_prints_just_what_was_asked_for(scenario: Scenario) -> None:
    host = scenario("duo:hv07")
    command = snapshot_command(host, View.DEVICES, "ignored", ["0000:c1:00.3", "0000:c1:02.2"])
    words = shlex.split(command)
    assert words[0] == "iovtop"
    shown = iovtop(*words[1:]).stdout
    assert "0000:c1:00.3" in shown
    assert "0000:c1:02.2" in shown
    assert "0000:c1:00.4" not in shown


@pytest.mark.parametrize("query", ['driver:vfio* !free "web 2"', "it's; rm -rf /", "$(reboot)"])
def test_a_query_survives_the_shell(scenario: Scenario, query: str) -> None:
    words = shlex.split(snapshot_command(scenario("lab"), View.GROUPS, query, []))
    assert words == ["iovtop", "--sim", "lab", "snapshot", "--view", "groups", "--filter", query]


def test_only_hosts_that_can_be_asked_again_have_a_command(scenario: Scenario) -> None:
    live = replace(scenario("lab"), source="live", source_detail="")
    assert snapshot_command(live, View.DEVICES, "", []) == "iovtop snapshot"
    assert snapshot_command(replace(live, source="capture"), View.DEVICES, "", []) == ""
