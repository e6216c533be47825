"""The simulated file tree: directories, files and symbolic links.

Devices come by the thousand, so a directory does not store its attribute files. It points at a table
shared by all directories of its kind; the table's readers get the directory's ``owner``.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Generator, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from backend.simhost.schedule import Wait

Reader = Callable[[Any], bytes]
Writer = Callable[[Any, bytes], Generator[Wait, None, None] | None]


def oops(code: int, path: str = "") -> OSError:
    """Return the ``OSError`` (of the right subclass) for an errno."""
    return OSError(code, os.strerror(code), path) if path else OSError(code, os.strerror(code))


@dataclass(frozen=True, slots=True)
class Attr:
    """One attribute file of every directory that uses its table.

    A ``write`` that returns a generator is an operation that may wait; ``locked`` tells whether a read
    would have to wait for a lock at this moment.
    """

    read: Reader | None = None
    write: Writer | None = None
    locked: Callable[[Any], bool] | None = None
    present: Callable[[Any], bool] | None = None
    secret: bool = False
    """Readable by root only (mode 0600 or 0400)."""
    bits: int = 0
    """Permission bits, where they do not follow from the rest."""

    @property
    def mode(self) -> int:
        """Permission bits, as sysfs shows them."""
        if self.bits:
            return self.bits
        if self.read is None:
            return 0o200
        bits = 0o400 if self.secret else 0o444
        return bits | 0o200 if self.write else bits


@dataclass(frozen=True, slots=True)
class Ref:
    """A symbolic link of every directory that uses its table; absent where ``target`` answers None."""

    target: Callable[[Any], Dir | None]


@dataclass(frozen=True, slots=True)
class Branch:
    """A subdirectory of every directory that uses its table, with the same owner."""

    table: Table
    present: Callable[[Any], bool] | None = None


@dataclass(frozen=True, slots=True)
class Computed:
    """A subdirectory of every directory that uses its table, whose entries are computed from the owner."""

    listing: Callable[[Any], Iterable[str]]
    lookup: Callable[[Any, str], Node | None]

    def open(self, name: str, holder: Dir) -> Dir:
        """Return the subdirectory of one directory."""
        owner = holder.owner
        made = DynamicDir(name, holder, lambda: self.listing(owner), lambda entry: self.lookup(owner, entry))
        made.anchor = holder.anchor or holder
        return made


Entry = Attr | Ref | Branch | Computed
Table = Mapping[str, Entry]
NO_TABLE: Table = {}


class File:
    """A file of its own: constant bytes, or a reader."""

    __slots__ = ("data", "mode", "restricted", "write")

    def __init__(
        self,
        data: bytes | Callable[[], bytes] = b"",
        *,
        mode: int = 0o444,
        write: Callable[[bytes], Generator[Wait, None, None] | None] | None = None,
        restricted: bool = False,
    ) -> None:
        self.data = data
        self.mode = mode
        self.write = write
        self.restricted = restricted


class DeviceNode:
    """A node below /dev: only its permissions and number matter here."""

    __slots__ = ("gid", "mode", "rdev", "uid")

    def __init__(self, rdev: tuple[int, int], *, mode: int = 0o020600, uid: int = 0, gid: int = 0) -> None:
        self.rdev = rdev
        self.mode = mode
        self.uid = uid
        self.gid = gid


class Link:
    """A symbolic link: to a directory of this tree (the text is computed as sysfs does), or plain text."""

    __slots__ = ("restricted", "target")

    def __init__(self, target: Dir | str, *, restricted: bool = False) -> None:
        self.target = target
        self.restricted = restricted


class Dir:
    """A directory. ``alive`` turns false for ever when the device behind it goes away."""

    __slots__ = ("_entries", "_link", "alive", "anchor", "name", "owner", "parent", "restricted", "table")

    def __init__(
        self,
        name: str,
        parent: Dir | None,
        *,
        table: Table = NO_TABLE,
        owner: Any = None,
        restricted: bool = False,
        anchor: Dir | None = None,
    ) -> None:
        self.name = name
        self.parent = parent
        self.table = table
        self.owner = owner
        self.restricted = restricted
        self.anchor = anchor
        self.alive = True
        self._entries: dict[str, Node] | None = None
        """Most directories have only what their table says."""
        self._link: Link | None = None

    @property
    def entries(self) -> dict[str, Node]:
        """What was put here, besides what the table says."""
        if self._entries is None:
            self._entries = {}
        return self._entries

    def to_here(self) -> Link:
        """Return the symbolic link to this directory: one object, wherever and however often it stands."""
        if self._link is None:
            self._link = Link(self)
        return self._link

    def get(self, name: str) -> Node | None:
        """Return the entry ``name``, or None."""
        node = self._entries.get(name) if self._entries is not None else None
        if node is not None:
            return node
        entry = self.table.get(name)
        if entry is None:
            return None
        if isinstance(entry, Attr):
            return entry if entry.present is None or entry.present(self.owner) else None
        if isinstance(entry, Ref):
            target = entry.target(self.owner)
            return None if target is None else target.to_here()
        if isinstance(entry, Computed):
            return entry.open(name, self)
        if entry.present is not None and not entry.present(self.owner):
            return None
        return Dir(name, self, table=entry.table, owner=self.owner, anchor=self.anchor or self)

    def names(self) -> list[str]:
        """Return the names of all entries."""
        entries = self._entries or {}
        found = list(entries)
        for name, entry in self.table.items():
            if name in entries:
                continue
            if isinstance(entry, Ref):
                if entry.target(self.owner) is not None:
                    found.append(name)
            elif isinstance(entry, Computed) or entry.present is None or entry.present(self.owner):
                found.append(name)
        return found

    def gone(self) -> bool:
        """Tell whether this directory was removed."""
        return not self.alive or (self.anchor is not None and not self.anchor.alive)

    def path(self) -> str:
        """Return the absolute path."""
        parts: list[str] = []
        here: Dir | None = self
        while here is not None and here.parent is not None:
            parts.append(here.name)
            here = here.parent
        return "/" + "/".join(reversed(parts))

    def dir(self, name: str) -> Dir:
        """Return the subdirectory ``name``, made when it is not there yet."""
        node = self.entries.get(name)
        if isinstance(node, Dir):
            return node
        made = Dir(name, self)
        self.entries[name] = made
        return made

    def add(self, name: str, *, table: Table = NO_TABLE, owner: Any = None) -> Dir:
        """Make the subdirectory ``name``; one of that name is replaced."""
        made = Dir(name, self, table=table, owner=owner)
        self.entries[name] = made
        return made

    def branch(self, name: str, table: Table) -> None:
        """Make the subdirectory ``name`` with the files of ``table``."""
        self.entries[name] = Dir(name, self, table=table, owner=self.owner)

    def link(self, name: str, target: Dir | str) -> None:
        """Make the symbolic link ``name``."""
        self.entries[name] = Link(target) if isinstance(target, str) else target.to_here()

    def file(self, name: str, data: bytes | str | Callable[[], bytes]) -> None:
        """Make the read-only file ``name``."""
        self.entries[name] = File(data.encode("utf-8", "surrogateescape") if isinstance(data, str) else data)

    def drop(self, name: str) -> None:
        """Remove the entry ``name`` (a directory with all below it); nothing happens when it is not there."""
        node = self._entries.pop(name, None) if self._entries is not None else None
        if isinstance(node, Dir):
            node.kill()

    def kill(self) -> None:
        """Mark this directory and all below it as gone."""
        self.alive = False
        for node in (self._entries or {}).values():
            if isinstance(node, Dir):
                node.kill()


class DynamicDir(Dir):
    """A directory whose entries are computed: ``/proc``, ``/proc/PID/fd``, ``/sys/kernel/irq``."""

    __slots__ = ("_listing", "_lookup")

    def __init__(
        self,
        name: str,
        parent: Dir | None,
        listing: Callable[[], Iterable[str]],
        lookup: Callable[[str], Node | None],
        *,
        restricted: bool = False,
    ) -> None:
        super().__init__(name, parent, restricted=restricted)
        self._listing = listing
        self._lookup = lookup

    def get(self, name: str) -> Node | None:
        """Return the entry ``name``, or None."""
        return (self._entries.get(name) if self._entries is not None else None) or self._lookup(name)

    def names(self) -> list[str]:
        """Return the names of all entries."""
        return [*(self._entries or ()), *self._listing()]


Node = Dir | File | DeviceNode | Link | Attr


def relative(container: Dir, target: Dir) -> str:
    """Return the text of a link in ``container``, as ``kernfs_get_target_path`` writes it."""
    above = []
    up: Dir | None = target.parent
    while up is not None:
        above.append(up)
        up = up.parent
    base: Dir = container
    steps = 0
    while base not in above and base.parent is not None:
        base = base.parent
        steps += 1
    names: list[str] = []
    here: Dir | None = target
    while here is not None and here is not base:
        names.append(here.name)
        here = here.parent
    return "../" * steps + "/".join(reversed(names))
