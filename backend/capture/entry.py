"""One entry of a capture."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True, slots=True)
class Entry:
    """A folder (neither ``data`` nor ``target``), a file or a link, by the kernel's own path."""

    path: str
    data: bytes | None = None
    target: str | None = None
    mode: int = 0o755


@dataclass(slots=True)
class Notes:
    """What the entries themselves cannot say."""

    errors: dict[str, str] = field(default_factory=dict)
    """Path → name of the errno that reading it gave."""
    waiting: list[str] = field(default_factory=list)
    """Paths whose reading did not come back in time."""
    unread: set[str] = field(default_factory=set)
    """Names of attributes that are there and were not read, because they were not asked for."""
    root_only: set[str] = field(default_factory=set)
    """Names of attributes that only root may read."""
    processes: dict[str, dict[str, Any]] = field(default_factory=dict)
    """Process id → what everybody may see of it."""
    nodes: dict[str, list[int]] = field(default_factory=dict)
    """Device node → mode, uid, gid, major, minor."""
