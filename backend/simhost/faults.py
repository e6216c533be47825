"""Failures on order: the k-th call through a door, or a file that never answers."""

from __future__ import annotations

from backend.simhost.tree import oops


class WouldHang(RuntimeError):
    """A plain read that would sleep in the kernel: such a file must go through ``Guarded``.

    Not an ``OSError``, so that no probe mistakes it for an answer of the host.
    """


class Faults:
    """What a test has ordered. ``calls`` counts every call of Files, Directory, Processes and Guarded."""

    def __init__(self) -> None:
        self.calls = 0
        self._fail_at: dict[int, int] = {}
        self._fail_paths: dict[str, int] = {}
        self._hanging: set[str] = set()

    def fail_reads(self, k: int, code: int) -> None:
        """Let the ``k``-th call from now on (the next is 1) fail with an errno."""
        self._fail_at[self.calls + k] = code

    def fail_path(self, path: str, code: int) -> None:
        """Let every call that names ``path`` (as given, also relative) fail with an errno; 0 ends that."""
        if code:
            self._fail_paths[path] = code
        else:
            self._fail_paths.pop(path, None)

    def hang_reads(self, path: str, hang: bool = True) -> None:
        """Let reads of ``path`` never return: ``Guarded`` waits, a plain read raises ``WouldHang``."""
        if hang:
            self._hanging.add(path)
        else:
            self._hanging.discard(path)

    def hangs(self, path: str) -> bool:
        """Tell whether reads of ``path`` never return."""
        return path in self._hanging

    def called(self, path: str) -> None:
        """Count a call. Raises what was ordered for it."""
        self.calls += 1
        code = self._fail_at.pop(self.calls, None) or self._fail_paths.get(path)
        if code:
            raise oops(code, path)

    def would_hang(self, path: str) -> None:
        """Raise ``WouldHang``."""
        raise WouldHang(f"reading {path} here would wait in the kernel: use the guarded door")
