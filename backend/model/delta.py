"""What changed between two moments of a host."""

from __future__ import annotations

from collections.abc import Hashable, Mapping
from dataclasses import dataclass, field
from typing import Generic, TypeVar

from backend.model.device import Device
from backend.model.group import IommuGroup
from backend.model.host import Host
from backend.model.ids import DeviceId, GroupId
from backend.model.mdev import MdevParent
from backend.model.vm import Vm

K = TypeVar("K", bound=Hashable)
V = TypeVar("V")


@dataclass(frozen=True, slots=True)
class Changes(Generic[K, V]):
    """What happened to one kind of record."""

    added: Mapping[K, V] = field(default_factory=dict)
    removed: Mapping[K, V] = field(default_factory=dict)
    changed: Mapping[K, tuple[V, V]] = field(default_factory=dict)
    """Old and new record."""

    def __bool__(self) -> bool:
        return bool(self.added or self.removed or self.changed)

    def keys(self) -> set[K]:
        """Return the ids that changed in any way."""
        return self.added.keys() | self.removed.keys() | self.changed.keys()


@dataclass(frozen=True, slots=True)
class Delta:
    """The step from one ``Host`` to the next."""

    sequence: int
    old: Host
    new: Host
    devices: Changes[DeviceId, Device]
    parents: Changes[str, MdevParent]
    groups: Changes[GroupId, IommuGroup]
    host_changed: bool
    """Whether a field of the host itself changed: weaknesses, the state of the holder scan, ..."""
    vms: Changes[int, Vm] = field(default_factory=Changes)
    activity: frozenset[str] = frozenset()
    """Subjects of which something was measured anew, or nothing any more."""

    def __bool__(self) -> bool:
        return bool(self.host_changed or self.devices or self.parents or self.groups or self.vms or self.activity)

    @property
    def structural(self) -> bool:
        """Whether records came or went, so that a tree must be laid out anew."""
        return any(c.added or c.removed for c in (self.devices, self.parents, self.groups, self.vms))
