"""How a change is typed: options made from the arguments of its verb, and requests made from what was typed.

What a request must have is a word in its place, a yes-or-no is an option, the rest are options with a value; where a
request is nothing but settings, they are typed as ``name=value``.
"""

from __future__ import annotations

import argparse
import enum
import types
import typing
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from backend.agent.verbs import Argument, Verb
from backend.cli.exits import CommandError
from backend.model.ids import DeviceId
from backend.model.plan import Asked
from backend.present.filter import suggest

SETTINGS = frozenset({"vf set", "port"})
"""Verbs whose optional arguments are typed as ``name=value``."""

UNTYPED = frozenset({
    ("group bind", "members"),
    ("unbind", "override"),
    ("vgpu-type", "was"),
    ("reset", "methods"),
    ("state save", "id"),
    ("boot save", "lines"),
})  # fmt: skip
"""Arguments that planning fills in, for undo and recovery; nobody types them."""

_HELP = {
    "attributes": "an attribute that mdevctl sets when it starts it; may be given several times",
    "auto": "whether it is started at boot",
    "autoprobe": "whether host drivers may take new VFs afterwards",
    "count": "how many",
    "device": "a PCI address, an interface, or 'vf N of PF'",
    "devices": "PCI addresses, interfaces, 'vf N of PF', or UUIDs of mdevs; none: all",
    "driver": "this driver",
    "group": "number of an IOMMU group",
    "guests": "the VFs are for guests: on a VFIO driver, and no host driver has them in between",
    "hw_addr": "MAC address of the function",
    "link": "its link: auto follows that of the PF",
    "mac": "MAC address; all zeroes: the VF takes its own",
    "max_io_eqs": "event queues it can have",
    "method": "one of its reset methods; without it the kernel's first choice",
    "migratable": "whether it can migrate live",
    "min_rate": "Mbit/s it can always send; 0: none are kept for it",
    "mode": "mode of the embedded switch",
    "off": "the other way: not started at boot",
    "orphans": "all that nobody holds and nobody has defined, too",
    "parent": "name of the mdev parent, as in /sys/class/mdev_bus",
    "path": "host: a host driver; ready: for guests; trap: for guests, as an mdev",
    "pf": "a PF: PCI address or interface",
    "proto": "protocol of the VLAN tag",
    "qos": "priority in the VLAN, 0 to 7",
    "rate": "the most Mbit/s it may send; 0: no limit",
    "roce": "whether it has RDMA over Ethernet",
    "spoofcheck": "whether packets with another sender's address are dropped",
    "state": "whether it is active",
    "trap": "every access traps: no region is mapped into the VM",
    "trust": "whether its user may change its MAC address and hear everything",
    "type": "the type",
    "uuid": "UUID of the mdev",
    "uuids": "UUIDs of the mdevs",
    "vf": "a VF: PCI address, interface, or 'vf N of PF'",
    "vlan": "its VLAN; 0: none",
    "vfio": "a VFIO driver: the one made for this hardware, or vfio-pci",
}
"""What an argument means, by its name."""

_HELP_OF_VERB = {
    ("state save", "device"): "UUID of an mdev that nobody holds",
    ("state save", "name"): "what to call it; without it the device and the time",
    ("state restore", "device"): "UUID of an mdev that nobody holds, of the same type",
    ("state restore", "name"): "which state: `iovtop states` lists them; without it the newest of the device itself",
    ("state remove", "name"): "which state: `iovtop states` lists them",
    ("msix", "count"): "how many; 0: as many as its PF gives by default",
    ("numvfs", "driver"): "with --guests: this VFIO driver instead of the one made for this hardware",
}
"""The same, where the name alone says too little."""

_YES = {"yes": True, "on": True, "true": True, "1": True, "no": False, "off": False, "false": False, "0": False}

Resolve = Callable[[str], str]
"""Returns the id of the device that a text names. Raises ``CommandError``."""


@dataclass(frozen=True, slots=True)
class _Kind:
    """What an argument takes."""

    type: Any
    """The type without None, and of one element where it takes several."""
    several: bool

    @classmethod
    def of(cls, argument: Argument) -> _Kind:
        kind = argument.type
        if typing.get_origin(kind) in (typing.Union, types.UnionType):
            kind = next(one for one in typing.get_args(kind) if one is not type(None))
        several = typing.get_origin(kind) is tuple
        return cls(typing.get_args(kind)[0] if several else kind, several)

    @property
    def choices(self) -> tuple[str, ...]:
        if typing.get_origin(self.type) is typing.Literal:
            return tuple(str(choice) for choice in typing.get_args(self.type))
        if isinstance(self.type, type) and issubclass(self.type, enum.StrEnum):
            return tuple(member.value for member in self.type)
        return ()

    @property
    def pairs(self) -> bool:
        return typing.get_origin(self.type) is tuple


def arguments(verb: Verb) -> tuple[Argument, ...]:
    """Return the arguments that are typed."""
    return tuple(one for one in verb.arguments if (verb.name, one.name) not in UNTYPED)


def add_options(parser: argparse.ArgumentParser, verb: Verb) -> None:
    """Add what the verb takes."""
    settings = []
    for argument in arguments(verb):
        kind = _Kind.of(argument)
        dest, text = f"argument_{argument.name}", help_of(verb, argument)
        option = f"--{argument.name.replace('_', '-')}"
        name = argument.name.removesuffix("s") if kind.several else argument.name
        metavar = "|".join(kind.choices) or name.replace("_", "-").upper()
        choices = kind.choices or None
        if argument.needed:
            nargs = "+" if kind.several else None
            parser.add_argument(dest, help=text, metavar=metavar, nargs=nargs, choices=choices)
        elif verb.name in SETTINGS:
            settings.append(f"{argument.name}={'|'.join(kind.choices) or _value_of(kind)}: {text}")
        elif kind.pairs:
            parser.add_argument(option, help=text, dest=dest, action="append", metavar="NAME=VALUE", default=[])
        elif kind.several:
            parser.add_argument(dest, help=text, metavar=metavar, nargs="*")
        elif kind.type is bool and argument.default is False:
            parser.add_argument(option, help=text, dest=dest, action="store_true")
        elif kind.type is bool:
            parser.add_argument(option, help=text, dest=dest, choices=("yes", "no"))
        else:
            parser.add_argument(option, help=text, dest=dest, metavar=metavar, choices=choices)
    if settings:
        parser.add_argument("settings", nargs="+", metavar="NAME=VALUE", help="; ".join(settings))


def help_of(verb: Verb, argument: Argument) -> str:
    """Return what an argument of a verb means."""
    return _HELP_OF_VERB.get((verb.name, argument.name)) or _HELP.get(argument.name, "")


def _value_of(kind: _Kind) -> str:
    return "yes|no" if kind.type is bool else "N" if kind.type is int else "VALUE"


def asked_for(verb: Verb, options: argparse.Namespace, resolve: Resolve) -> Asked:
    """Return the request that was typed. Raises ``CommandError``; what only planning can judge is left to it."""
    given: dict[str, Any] = {}
    typed = _settings(verb, options.settings) if verb.name in SETTINGS else {}
    for argument in arguments(verb):
        value = typed.get(argument.name, getattr(options, f"argument_{argument.name}", None))
        if value is None or (value == [] and not argument.needed) or (value is False and argument.default is False):
            continue
        given[argument.name] = _value(argument, value, resolve)
    return Asked(verb.name, given)


def _value(argument: Argument, value: Any, resolve: Resolve) -> Any:
    kind = _Kind.of(argument)
    if kind.pairs:
        return [_pair(text) for text in value]
    if kind.several:
        return [_one(argument, kind, text, resolve) for text in value]
    return _one(argument, kind, value, resolve)


def _one(argument: Argument, kind: _Kind, value: Any, resolve: Resolve) -> Any:
    if isinstance(value, bool):
        return value
    if kind.type is bool:
        if value not in _YES:
            raise CommandError(f"{argument.name}: {value!r} is neither yes nor no")
        return _YES[value]
    if isinstance(kind.type, type) and issubclass(kind.type, int):
        if not (value.isascii() and value.isdecimal()):
            raise CommandError(f"{argument.name}: {value!r} is no number from 0 on")
        return int(value)
    named = argument.name in ("pf", "vf", "device", "devices")
    if named and isinstance(kind.type, type) and issubclass(kind.type, DeviceId):
        return resolve(value)
    return value


def _pair(text: str) -> tuple[str, str]:
    name, equals, value = text.partition("=")
    if not equals or not name:
        raise CommandError(f"{text!r} is not NAME=VALUE")
    return name, value


def _settings(verb: Verb, words: list[str]) -> Mapping[str, str]:
    known = [argument.name for argument in arguments(verb) if not argument.needed]
    found: dict[str, str] = {}
    for word in words:
        name, value = _pair(word)
        name = name.replace("-", "_")
        if name not in known:
            raise CommandError(f"{verb.name} sets no {name!r}{suggest(name, known)}; it sets {', '.join(known)}")
        found[name] = value
    return found
