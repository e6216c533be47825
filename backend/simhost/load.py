"""Finding and reading scenario files, and checking what they say."""

from __future__ import annotations

import dataclasses
import re
import tomllib
from collections.abc import Mapping
from pathlib import Path

from backend.simhost.catalogue import DRIVERS
from backend.simhost.decode import ScenarioError, decode, guess
from backend.simhost.families import FAMILIES
from backend.simhost.models import MODELS
from backend.simhost.scenario import Scenario

_ADDRESS = re.compile(r"[0-9a-f]{4,8}:[0-9a-f]{2}:[01][0-9a-f]\.[0-7]", re.ASCII)


def parse(text: str, name: str) -> Scenario:
    """Return the scenario in a TOML text; ``name`` is used in errors. Raises ``ScenarioError``."""
    try:
        table = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise ScenarioError(f"{name}: not valid TOML: {error}") from error
    scenario = decode(Scenario, table, name)
    check(scenario, name)
    return scenario


def read(path: Path) -> Scenario:
    """Return the scenario in a file. Raises ``ScenarioError``, or ``OSError`` when it cannot be read."""
    return parse(path.read_text("utf-8"), path.name)


def with_options(scenario: Scenario, text: str, name: str) -> Scenario:
    """Return the scenario with options ``key=number,...`` set. Raises ``ScenarioError``."""
    options = dict(scenario.options)
    for item in filter(None, text.split(",")):
        key, equals, value = item.partition("=")
        if key not in options:
            allowed = ", ".join(f"{k}={v}" for k, v in options.items()) or "none"
            raise ScenarioError(f"{name}: no option {key!r}{guess(key, options)}; allowed: {allowed}")
        if not equals or not value.isdecimal() or not value.isascii() or len(value) > 6:
            raise ScenarioError(f"{name}: option {key} wants a number, as in {key}={options[key]}")
        options[key] = int(value)
    return dataclasses.replace(scenario, options=options)


def check(scenario: Scenario, name: str) -> None:
    """Check names that refer to something. Raises ``ScenarioError``."""
    for number, port in enumerate(scenario.port):
        _located(port.address, port.model, f"{name}.port[{number}]")
    for number, function in enumerate(scenario.function):
        _located(function.address, function.model, f"{name}.function[{number}]")
    for number, port in enumerate(scenario.port):
        if len(port.buses) != 2 or not 0 <= port.buses[0] <= port.buses[1] <= 255:
            raise ScenarioError(f"{name}.port[{number}].buses: two bus numbers are wanted, the first and the last")
    for number, function in enumerate(scenario.function):
        place = f"{name}.function[{number}]"
        if function.driver:
            _known(function.driver, DRIVERS, f"{place}.driver")
        if function.mdev_types:
            _known(function.mdev_types, FAMILIES, f"{place}.mdev_types")
        sriov = MODELS[function.model].sriov
        if function.vfs and sriov is None:
            raise ScenarioError(f"{place}.vfs: a {function.model} has no VFs")
        if sriov is not None and function.vfs > (function.total or sriov.total):
            raise ScenarioError(f"{place}.vfs: a {function.model} has at most {function.total or sriov.total} VFs")
        for vf in function.vf:
            if vf.driver:
                _known(vf.driver, DRIVERS, f"{place}.vf.driver")
    for number, parent in enumerate(scenario.mdev_parent):
        _known(parent.family, FAMILIES, f"{name}.mdev_parent[{number}].family")
    for number, driver in enumerate(scenario.host.drivers):
        _known(driver, DRIVERS, f"{name}.host.drivers[{number}]")
    for number, file in enumerate(scenario.file):
        if not file.path.startswith("/etc/") or ".." in file.path:
            raise ScenarioError(f"{name}.file[{number}].path: {file.path!r} is no file below /etc")
    vms = {vm.name: vm for vm in scenario.vm}
    for number, event in enumerate(scenario.timeline):
        if event.vm:
            _known(event.vm, vms, f"{name}.timeline[{number}].vm")


def _located(address: str, model: str, place: str) -> None:
    if not _ADDRESS.fullmatch(address):
        raise ScenarioError(f"{place}.address: {address!r} is no PCI address such as 0000:3b:00.0")
    _known(model, MODELS, f"{place}.model")


def _known(value: str, known: Mapping[str, object], where: str) -> None:
    if value not in known:
        raise ScenarioError(
            f"{where}: {value!r} is not known{guess(value, known)}; allowed: {', '.join(sorted(known))}"
        )
