"""How a change is typed: every type of argument, and every verb that there is."""

from __future__ import annotations

import argparse
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, ClassVar, Literal

import pytest

from backend.agent.verbs import VERBS, Verb
from backend.cli.exits import CommandError
from backend.cli.words import UNTYPED, add_options, arguments, asked_for, help_of
from backend.model.ids import GroupId, KernelName, MdevUuid, PciAddress
from backend.model.plan import Danger


class Mode(StrEnum):
    LEGACY = "legacy"
    SWITCHDEV = "switchdev"


@dataclass(frozen=True, slots=True)
class Everything:
    verb: ClassVar[str] = "everything"

    device: PciAddress
    group: GroupId
    mode: Mode
    path: Literal["host", "ready"]
    uuids: tuple[MdevUuid, ...] = ()
    attributes: tuple[tuple[str, str], ...] | None = None
    vfio: bool = False
    auto: bool | None = None
    driver: KernelName | None = None
    count: int = 1


@dataclass(frozen=True, slots=True)
class Settings:
    verb: ClassVar[str] = "vf set"

    vf: PciAddress
    mac: str | None = None
    vlan: int | None = None
    spoof_check: bool | None = None
    link: Literal["auto", "up", "down"] | None = None


def typed(request: Any, *words: str) -> dict[str, Any]:
    """Return the arguments of the request that the words ask for."""
    verb = Verb(request, "", Danger.REVERSIBLE)
    parser = argparse.ArgumentParser(exit_on_error=False)
    add_options(parser, verb)
    found = asked_for(verb, parser.parse_args(words), lambda text: f"<{text}>")
    assert found.verb == request.verb
    return dict(found.arguments)


LEAST = ("eno1", "12", "switchdev", "ready")
"""What Everything cannot do without."""


def test_what_is_needed_stands_in_its_place() -> None:
    assert typed(Everything, *LEAST) == {"device": "<eno1>", "group": 12, "mode": "switchdev", "path": "ready"}


def test_the_rest_are_options() -> None:
    options = (
        "--attributes",
        "a=1",
        "--attributes",
        "b=x=y",
        "--vfio",
        "--auto",
        "no",
        "--driver",
        "igb",
        "--count",
        "3",
    )
    found = typed(Everything, *LEAST, "uuid-1", "uuid-2", *options)
    assert found["attributes"] == [("a", "1"), ("b", "x=y")]
    assert (found["vfio"], found["auto"], found["driver"], found["count"]) == (True, False, "igb", 3)
    assert found["uuids"] == ["uuid-1", "uuid-2"]


def test_settings_are_typed_with_their_values() -> None:
    found = typed(Settings, "vf 3 of eno1", "mac=02:00:00:00:00:01", "vlan=100", "spoof-check=off", "link=up")
    assert found == {
        "vf": "<vf 3 of eno1>", "mac": "02:00:00:00:00:01", "vlan": 100, "spoof_check": False, "link": "up",
    }  # fmt: skip


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("eno1", "vlna=3"), "did you mean 'vlan'"),
        (("eno1", "vlan"), "is not NAME=VALUE"),
        (("eno1", "vlan=many"), "'many' is no number"),
        (("eno1", "vlan=-1"), "'-1' is no number"),
        (("eno1", "spoof_check=maybe"), "neither yes nor no"),
    ],
)
def test_what_no_setting_is(words: tuple[str, ...], message: str) -> None:
    with pytest.raises(CommandError, match=message):
        typed(Settings, *words)


def test_every_argument_of_every_verb_is_explained() -> None:
    missing = [(verb.name, one.name) for verb in VERBS.values() for one in arguments(verb) if not help_of(verb, one)]
    assert missing == []


def test_what_is_not_typed_is_optional() -> None:
    for verb in VERBS.values():
        assert not [one.name for one in verb.arguments if (verb.name, one.name) in UNTYPED and one.needed]


@pytest.mark.parametrize("name", sorted(VERBS))
def test_every_verb_can_be_typed(name: str) -> None:
    parser = argparse.ArgumentParser()
    add_options(parser, VERBS[name])
    assert parser.format_help()
