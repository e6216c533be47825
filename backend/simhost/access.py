"""What all doors of one simulated host share: the way into its kernel."""

from __future__ import annotations

import threading

from backend.simhost.faults import Faults
from backend.simhost.kernel import Kernel
from backend.simhost.paths import Tree
from backend.simhost.tree import Attr, Dir


class Access:
    """The way in: counted, and never two at a time."""

    def __init__(self, kernel: Kernel, privileged: bool) -> None:
        self.kernel = kernel
        self.tree = Tree(kernel.core.root, privileged=privileged)
        self.privileged = privileged
        self.faults = Faults()
        self.lock = threading.RLock()

    def enter(self, path: str) -> None:
        """Count a call, fail it if a test wants that, and let everything happen that is due."""
        self.faults.called(path)
        self.kernel.core.schedule.pump()

    def content(self, start: Dir, name: str, limit: int, path: str = "") -> bytes:
        """Return what a plain read gives; ``path`` is the whole path where ``name`` is relative."""
        if self.faults.hangs(path or name):
            self.faults.would_hang(path or name)
        holder, node = self.tree.find(start, name)
        if isinstance(node, Attr) and node.locked is not None and node.locked(holder.owner):
            self.faults.would_hang(name)
        return self.tree.content(holder, node, name)[:limit]
