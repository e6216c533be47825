"""Definitions of mdevs as mdevctl(8) keeps them: one JSON file each, by parent and UUID."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from backend.model.ids import BadIdError, KernelName, MdevUuid
from backend.model.text import clean
from backend.ops.errors import Refused
from backend.ops.world import World
from backend.probe.surroundings import listing

FOLDER = "/etc/mdevctl.d"


@dataclass(frozen=True, slots=True)
class Definition:
    """One definition."""

    parent: KernelName
    uuid: MdevUuid
    type: KernelName
    auto: bool
    attributes: tuple[tuple[str, str], ...] = ()
    """Attribute and value, in the order in which mdevctl sets them."""

    @property
    def path(self) -> str:
        """Where it is kept."""
        return path_of(self.parent, self.uuid)

    @property
    def text(self) -> str:
        """The file, as mdevctl writes it."""
        data = {
            "mdev_type": self.type,
            "start": "auto" if self.auto else "manual",
            "attrs": [{name: value} for name, value in self.attributes],
        }
        return json.dumps(data, indent=2) + "\n"


def path_of(parent: str, uuid: str) -> str:
    """Return where the definition of an mdev is kept."""
    return f"{FOLDER}/{parent}/{uuid}"


def parents_of(world: World, uuid: str) -> list[KernelName]:
    """Return the parents that a UUID is defined for; mdevctl allows several."""
    return list(_parents(world, uuid))


def _parents(world: World, uuid: str) -> Iterator[KernelName]:
    for name in sorted(listing(world.doors.files, FOLDER)):
        if uuid in listing(world.doors.files, f"{FOLDER}/{name}"):
            try:
                yield KernelName.parse(name)
            except BadIdError:
                continue


def read_definition(world: World, parent: str, uuid: MdevUuid) -> Definition | None:
    """Return a definition; None when there is none. Raises ``Refused`` for a file that mdevctl did not write."""
    path = path_of(parent, uuid)
    text = world.read(path)
    if text is None:
        return None
    try:
        return _parse(json.loads(text), KernelName.parse(parent), uuid)
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError) as error:
        raise Refused(f"{path} is no definition of mdevctl's: {clean(str(error), 120)}", "mend or remove it") from error


def _parse(data: dict[str, Any], parent: KernelName, uuid: MdevUuid) -> Definition:
    attributes = [item for entry in data.get("attrs") or () for item in entry.items()]
    return Definition(
        parent, uuid, KernelName.parse(str(data["mdev_type"])), data.get("start") == "auto",
        tuple((str(name), str(value)) for name, value in attributes),
    )  # fmt: skip


def check_attributes(attributes: tuple[tuple[str, str], ...]) -> None:
    """Raise ``Refused`` for an attribute that would lead out of the mdev's own folder when mdevctl sets it."""
    for name, value in attributes:
        try:
            for part in name.split("/"):
                KernelName.parse(part)
        except BadIdError as error:
            raise Refused(f"{clean(name, 80)!r} is no attribute of an mdev: {error}") from error
        if "\n" in value or "\0" in value:
            raise Refused(f"the value of {clean(name, 80)} is more than one line")
