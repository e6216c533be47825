"""What the screen shows of a host: one view, narrowed by a filter, kept up to date from deltas."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace

from backend.model.counters import process_subject
from backend.model.delta import Delta
from backend.model.device import Device
from backend.model.holder import Holder
from backend.model.host import Host
from backend.model.ids import DeviceId
from backend.present.columns import columns_named
from backend.present.filter import Query, narrow, parse_query
from backend.present.glyphs import ASCII
from backend.present.sorting import Order, sorted_by
from backend.present.tree import Projection, Row, Subject, holder_key, is_plumbing, numa_key, project
from backend.present.view import View


@dataclass(frozen=True, slots=True)
class Update:
    """What a delta did to the rows."""

    laid_out: bool
    """Whether rows may have come, gone or moved."""
    keys: frozenset[str] = frozenset()
    """Where nothing moved: the rows that speak of something that changed, or was measured anew."""
    added: frozenset[str] = frozenset()
    """The rows that were not there before."""


class Viewing:
    """A view of a host and a filter.

    Attributes:
        view: which view.
        query: the filter; false when there is none.
        order: by which column siblings are ordered; None as the host numbers them.
        shown: the rows; None before the first picture of the host.
    """

    def __init__(self, view: View = View.DEVICES, query: Query | None = None) -> None:
        self.view = view
        self.query = query if query is not None else parse_query("")
        self.order: Order | None = None
        self.host: Host | None = None
        self.shown: Projection | None = None
        self._all: Projection | None = None

    @property
    def total(self) -> int:
        """How many rows there are without the filter."""
        return len(self._all.rows) if self._all is not None else 0

    def look(self, view: View) -> None:
        """Change to another view."""
        self.view = view
        self._project()

    def arrange(self, order: Order | None) -> None:
        """Change the order of siblings."""
        self.order = order
        self._project()

    def ask(self, query: Query) -> None:
        """Change the filter."""
        self.query = query
        if self._all is not None:
            self.shown = narrow(self._all, query)

    def take(self, delta: Delta) -> Update:
        """Follow the host one step."""
        self.host = delta.new
        touched = None if self._all is None or delta.structural else touched_rows(self._all, delta)
        if touched is None:
            before = self._all.rows if self._all is not None else None
            self._project()
            assert self._all is not None
            added = frozenset() if before is None else frozenset(self._all.rows.keys() - before.keys())
            return Update(True, added=added)
        assert self._all is not None
        assert self.shown is not None
        earlier = self._all
        self._all = _patched(self._all, delta.new, touched)
        if self.order is not None and self._order_moved(earlier, touched):
            self._project()
            return Update(True)
        if not self.query:
            self.shown = self._all
        elif self._matches_moved(delta):
            self.shown = narrow(self._all, self.query)
            return Update(True)
        else:
            self.shown = _patched(self.shown, delta.new, touched)
        return Update(False, frozenset(touched))

    def _project(self) -> None:
        if self.host is not None:
            earlier = self._all if self._all is not None and self._all.view is self.view else None
            self._all = project(self.host, self.view, earlier)
            if self.order is not None:
                self._all = sorted_by(self._all, self.order, ASCII)
            self.shown = narrow(self._all, self.query)

    def _order_moved(self, before: Projection, touched: Iterable[str]) -> bool:
        """Return whether the column that orders the rows says anything else of the touched ones."""
        assert self._all is not None
        assert self.order is not None
        (column,) = columns_named([self.order.column])
        return any(
            column.cell(before.host, before.rows[key], ASCII) != column.cell(self._all.host, self._all.rows[key], ASCII)
            for key in touched
        )

    def _matches_moved(self, delta: Delta) -> bool:
        """Return whether a device begins or ceases to match the filter."""
        if self.query.moved(delta.old, delta.new):
            return True
        matches = self.query.matches
        pairs = [*delta.devices.changed.values()]
        for _, group in delta.groups.changed.values():
            for member in group.members:
                before, after = delta.old.devices.get(member), delta.new.devices.get(member)
                if before is not None and after is not None:
                    pairs.append((before, after))
        return any(matches(delta.old, old) != matches(delta.new, new) for old, new in pairs)


def touched_rows(projection: Projection, delta: Delta) -> dict[str, Subject] | None:
    """Return the rows that a delta touches with what they speak of now; None when rows may come, go or move."""
    touched: dict[str, Subject] = {}
    several = projection.view is View.HOLDERS
    for old, new in delta.devices.changed.values():
        if _moves(projection.view, old, new):
            return None
        if several:
            touched.update((key, new) for key in _device_keys(projection.view, new))
        else:
            touched[str(new.id)] = new
    for before, group in delta.groups.changed.values():
        if projection.view is View.GROUPS and before.members != group.members:
            return None
        touched[f"group:{int(group.id)}"] = group
        for member in group.members:
            device = delta.new.devices.get(member)
            if device is not None:
                touched.update((key, device) for key in _device_keys(projection.view, device))
    if projection.view is View.DEVICES:
        for earlier, parent in delta.parents.changed.values():
            if [(t.id, t.instances) for t in earlier.types] != [(t.id, t.instances) for t in parent.types]:
                return None
            touched[f"parent:{parent.name}"] = parent
            touched.update((f"type:{parent.name}/{t.id}", t) for t in parent.types)
    for key, subject in _measured_rows(projection, delta):
        touched.setdefault(key, subject)
    return {key: subject for key, subject in touched.items() if key in projection.rows}


def _measured_rows(projection: Projection, delta: Delta) -> Iterable[tuple[str, Subject]]:
    """Yield the rows of what was measured, and those above them, which show sums.

    What is counted of a process is shown by its own row and by every device that it holds.
    """
    measured: dict[DeviceId, Device] = {}
    processes = any(name.startswith(_PROCESS) for name in delta.activity)
    held = _held_devices(delta) if processes else {}
    for name in delta.activity:
        device = delta.new.devices.get(DeviceId(name))
        for one in (device,) if device is not None else held.get(name, ()):
            measured[one.id] = one
    for device in measured.values():
        for key in _device_keys(projection.view, device):
            yield key, device
            above = projection.parents.get(key)
            while above:
                subject = projection.rows[above].subject
                yield above, delta.new.devices.get(subject.id, subject) if isinstance(subject, Device) else subject
                above = projection.parents.get(above)
    if processes and projection.view is View.HOLDERS:
        for key, row in projection.rows.items():
            pid = row.subject.pid if isinstance(row.subject, Holder) else None
            if pid is not None and process_subject(pid) in delta.activity:
                yield key, row.subject


_PROCESS = process_subject(0).removesuffix("0")


def _held_devices(delta: Delta) -> dict[str, list[Device]]:
    """Return the devices that each measured process holds."""
    held: dict[str, list[Device]] = {}
    for device in delta.new.devices.values():
        for holder in device.holders:
            if holder.pid is not None and (name := process_subject(holder.pid)) in delta.activity:
                held.setdefault(name, []).append(device)
    return held


def _moves(view: View, old: Device, new: Device) -> bool:
    if view is View.DEVICES:
        return old.kind is not new.kind or old.parent != new.parent or is_plumbing(old) != is_plumbing(new)
    if view is View.GROUPS:
        return old.group != new.group
    if view is View.NUMA:
        return _place_near(old) != _place_near(new)
    return old.holders != new.holders


def _place_near(device: Device) -> tuple[object, ...]:
    return numa_key(device), device.root_port, device.parent, is_plumbing(device), device.held


def _device_keys(view: View, device: Device) -> Iterable[str]:
    if view is not View.HOLDERS:
        return (str(device.id),)
    return [f"{holder_key(holder)}/{device.id}" for holder in device.holders]


def _patched(projection: Projection, host: Host, touched: dict[str, Subject]) -> Projection:
    rows = dict(projection.rows)
    for key, subject in touched.items():
        if key in rows:
            rows[key] = Row(key, subject, subject if isinstance(subject, Device) else None)
    return replace(projection, host=host, rows=rows)
