"""``iovtop doctor --cost``: each sampler's price, declared and measured."""

from __future__ import annotations

import json

from tests.unit.cli.conftest import Cli


def test_every_sampler_is_priced(cli: Cli) -> None:
    ended = cli("--sim", "duo", "doctor", "--cost")
    assert ended.code == 0
    assert "SIMULATED" in ended.out
    lines = ended.out.splitlines()
    for sampler in ("netdev", "interrupts", "kvm", "process", "aer", "perf", "tracepoints", "vf-traffic", "hwmon"):
        assert any(line.startswith(f"{sampler} ") for line in lines), sampler
    assert "of one core" in ended.out


def test_the_price_as_json_has_figures_for_what_is_there(cli: Cli) -> None:
    ended = cli("--sim", "duo", "doctor", "--cost", "--format", "json")
    document = json.loads(ended.out)
    assert document["schema"] == "iovtop.cost/1"
    costs = {cost["sampler"]: cost for cost in document["samplers"]}
    assert costs["interrupts"]["functions"] == costs["interrupts"]["readings"] > 0
    assert costs["interrupts"]["cpu"] > 0
    assert costs["vf-traffic"]["known"] > 0
    assert costs["drm"]["functions"] == 0
    assert costs["drm"]["why"]
    assert all(cost["syscalls"] is None for cost in costs.values())
    assert "tracepoint" in document["uncounted"]


def test_json_of_the_rest_is_told_where_it_is(cli: Cli) -> None:
    ended = cli("--sim", "duo", "doctor", "--format", "json")
    assert ended.code == 2
    assert "snapshot --format json" in ended.err
