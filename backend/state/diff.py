"""The step between two hosts, found by identity: objects that did not change are the same objects."""

from __future__ import annotations

from collections.abc import Hashable, Mapping
from typing import TypeVar

from backend.model.counters import Activity
from backend.model.delta import Changes, Delta
from backend.model.host import Host

K = TypeVar("K", bound=Hashable)
V = TypeVar("V")

_PLAIN = (
    "name", "source", "source_detail", "kernel", "boot_id", "uid", "iommu", "weaknesses", "holder_scan", "notes",
    "alarms",
    "boot",
)  # fmt: skip


def changes(old: Mapping[K, V], new: Mapping[K, V]) -> Changes[K, V]:
    """Return what came, went and changed. Equal records that are different objects count as changed."""
    if old is new:
        return Changes()
    added = {}
    changed = {}
    for key, value in new.items():
        before = old.get(key)
        if before is None:
            added[key] = value
        elif before is not value:
            changed[key] = (before, value)
    if len(new) - len(added) == len(old):
        return Changes(added, {}, changed)
    return Changes(added, {key: value for key, value in old.items() if key not in new}, changed)


def difference(old: Host, new: Host, sequence: int) -> Delta:
    """Return the step from ``old`` to ``new``."""
    return Delta(
        sequence,
        old,
        new,
        changes(old.devices, new.devices),
        changes(old.parents, new.parents),
        changes(old.groups, new.groups),
        any(_of(old, name) != _of(new, name) for name in _PLAIN),
        changes(old.vms, new.vms),
        measured(old.activity, new.activity),
    )


def measured(old: Activity, new: Activity) -> frozenset[str]:
    """Return the subjects whose flows are others than before."""
    if old is new:
        return frozenset()
    fresh = {subject for subject, flows in new.items() if old.get(subject) is not flows}
    return frozenset(fresh | (old.keys() - new.keys()))


def _of(host: Host, name: str) -> object:
    value = getattr(host, name)
    # A scan that found the same again is no change, whenever it was taken.
    return (value.complete, value.hidden, value.reason) if name == "holder_scan" else value
