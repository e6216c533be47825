"""Opening a simulated host."""

from __future__ import annotations

import gc
from pathlib import Path

from backend.host.doors import Clock
from backend.simhost import UnknownScenario, scenario_files, scenario_names
from backend.simhost.build import build
from backend.simhost.clock import RealClock
from backend.simhost.decode import ScenarioError, guess
from backend.simhost.host import SimulatedHost
from backend.simhost.load import read, with_options
from backend.simhost.plans import vm_plan
from backend.simhost.scale import expand
from backend.simhost.scenario import Scenario
from backend.simhost.timeline import Timeline


def open_spec(spec: str, clock: Clock | None, privileged: bool) -> SimulatedHost:
    """Return the host that ``spec`` names; see ``backend.simhost.open_simulated``."""
    return open_scenario(load_spec(spec), spec, clock=clock, privileged=privileged)


def load_spec(spec: str) -> Scenario:
    """Return the scenario that ``name`` or ``name:options`` names. Raises ``UnknownScenario``."""
    name, _, options = spec.partition(":")
    variants = scenario_files().get(name)
    if variants is None:
        names = scenario_names()
        raise UnknownScenario(f"no scenario {name!r}{guess(name, names)}; there are: {', '.join(names)}")
    chosen = next(iter(variants))
    if options and "" not in variants:
        if options not in variants:
            raise UnknownScenario(
                f"scenario {name!r} has no host {options!r}{guess(options, variants)}; there are: {', '.join(variants)}"
            )
        chosen, options = options, ""
    scenario = read(Path(variants[chosen]))
    if not scenario.options and not options:
        return scenario
    try:
        return expand(with_options(scenario, options, name))
    except ScenarioError as error:
        raise UnknownScenario(str(error)) from error


def open_scenario(
    scenario: Scenario, name: str, *, clock: Clock | None = None, privileged: bool = True
) -> SimulatedHost:
    """Return the host of a scenario that is already loaded."""
    collecting = gc.isenabled()
    gc.disable()  # tens of thousands of objects that all stay: looking for garbage doubles the time
    try:
        kernel = build(scenario, clock or RealClock())
    finally:
        if collecting:
            gc.enable()
    vms = {vm.name: vm_plan(vm) for vm in scenario.vm}
    timeline = Timeline(kernel, scenario.timeline, vms)
    return SimulatedHost(kernel, name, privileged=privileged, timeline=timeline.operations)
