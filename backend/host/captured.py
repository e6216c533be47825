"""A host as it was when somebody captured it."""

from __future__ import annotations

import errno
import json
import os
import shutil
import tarfile
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from backend.host.clock import SystemClock
from backend.host.doors import Clock, Directory, Events, FileStat, Links, Perf, Process, StillWaiting, Usage
from backend.host.tree import TreeFiles
from backend.model.devstate import About
from backend.model.source import Source
from backend.model.vfio import VfioLook

FORMAT = "iovtop.capture/1"
_HEADER, _NOTES = "capture.json", "capture-notes.json"
_MOST_ENTRIES = 5_000_000
_MOST_BYTES = 4 << 30


class BadCapture(Exception):
    """This is no capture that can be opened; the message says why."""


class CapturedFiles(TreeFiles):
    """The files of a capture: what could not be read then cannot be read now, for the same reason."""

    def __init__(self, folder: Path, notes: dict[str, Any]) -> None:
        roots = {path: folder / path[1:] for path in ("/sys", "/proc", "/etc")}
        super().__init__({path: str(root) for path, root in roots.items() if root.is_dir()})
        self._errors: dict[str, str] = notes["errors"]
        self._unread = frozenset(notes["unread"])
        self._nodes: dict[str, list[int]] = notes["nodes"]
        self._folder = str(folder)

    def open(self, path: str, flags: int) -> int:
        """Return a descriptor, or raise what the captured host's kernel did."""
        if flags & os.O_PATH:
            return super().open(path, flags)
        real = self.real(path)
        if name := self._errors.get(real):
            raise OSError(getattr(errno, name, errno.EIO), os.strerror(getattr(errno, name, errno.EIO)), path)
        if not flags & os.O_DIRECTORY and real.rpartition("/")[2] in self._unread:
            if not self.stat(path).mode & 0o444:
                raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), path)
            raise OSError(errno.ENODATA, "not recorded in this capture", path)
        return super().open(path, flags)

    def real(self, path: str) -> str:
        """Return the path that the capture knows a file by: the one without links."""
        return self.location(path).removeprefix(self._folder)

    def open_dir(self, path: str) -> Directory:
        """Open a directory."""
        name = self._errors.get(path)
        if name:
            raise OSError(getattr(errno, name, errno.EIO), os.strerror(getattr(errno, name, errno.EIO)), path)
        return super().open_dir(path)

    def list(self, path: str) -> list[str]:
        """Return the names in a directory; of /dev, those that were noted."""
        if not path.startswith("/dev"):
            return super().list(path)
        names = [node.rpartition("/")[2] for node in self._nodes if node.rpartition("/")[0] == path]
        if not names and path not in self._nodes:
            raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), path)
        return names

    def stat(self, path: str) -> FileStat:
        """Return who could use a file."""
        if not path.startswith("/dev"):
            return super().stat(path)
        if path not in self._nodes:
            raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), path)
        mode, uid, gid, major, minor = self._nodes[path]
        return FileStat(mode, uid, gid, (major, minor))


class CapturedProcesses:
    """The processes that held devices."""

    def __init__(self, described: dict[str, dict[str, Any]], pids: Sequence[int]) -> None:
        self._described = described
        self._pids = pids

    def pids(self) -> Sequence[int]:
        """Return the ids of the processes that were recorded."""
        return self._pids

    def describe(self, pid: int) -> Process:
        """Return a process as it was."""
        if pid not in self._pids:
            raise ProcessLookupError(errno.ESRCH, "no such process", str(pid))
        found = self._described.get(str(pid))
        if found is None:
            raise PermissionError(errno.EACCES, "hidden process", str(pid))
        return Process(pid, found["name"], found["argv"], found["uid"], found["user"], found["start_time"])

    def usage(self, pid: int) -> Usage:
        """Refuse: a capture holds one moment."""
        raise OSError(errno.ENODATA, "not recorded in this capture", str(pid))


class CapturedAccess:
    """What could block then: it is known whether it did. Nothing can be written."""

    def __init__(self, files: CapturedFiles, waiting: Sequence[str]) -> None:
        self._files = files
        self._waiting = frozenset(waiting)

    async def read(self, path: str, *, deadline: float) -> bytes:
        """Return the content. Raises ``StillWaiting`` where reading it did not come back."""
        if self._files.real(path) in self._waiting:
            raise StillWaiting(path, 0, "", deadline)
        return self._files.read(path)

    async def write(self, path: str, data: bytes, *, deadline: float) -> None:
        """Refuse."""
        raise OSError(errno.EROFS, "a capture cannot be changed", path)

    async def load_module(self, name: str, *, deadline: float) -> None:
        """Refuse."""
        raise OSError(errno.EROFS, "a capture cannot be changed", name)

    async def enable_unit(self, name: str, on: bool, *, deadline: float) -> None:
        """Refuse."""
        raise OSError(errno.EROFS, "a capture cannot be changed", name)

    async def set_vf_token(self, pf: str, token: str, *, deadline: float) -> None:
        """Refuse."""
        raise OSError(errno.EROFS, "a capture cannot be changed", pf)

    async def save(self, path: str, data: bytes, *, mode: int, deadline: float) -> None:
        """Refuse."""
        raise OSError(errno.EROFS, "a capture cannot be changed", path)

    async def delete(self, path: str, *, deadline: float) -> None:
        """Refuse."""
        raise OSError(errno.EROFS, "a capture cannot be changed", path)

    async def look_at(self, device: str, *, deadline: float) -> VfioLook:
        """Refuse."""
        raise OSError(errno.EROFS, "nothing can be opened in a capture", device)

    async def save_state(self, path: str, about: About, *, deadline: float) -> None:
        """Refuse."""
        raise OSError(errno.EROFS, "a capture cannot be changed", about.device)

    async def restore_state(self, path: str, about: About, device: str, *, deadline: float) -> None:
        """Refuse."""
        raise OSError(errno.EROFS, "a capture cannot be changed", device)

    def waiting(self) -> tuple[StillWaiting, ...]:
        """Nothing goes on any more."""
        return ()


class CapturedHost:
    """All doors of a captured host. Raises ``BadCapture``.

    Args:
        path: the archive, or the folder that it was unpacked into.
    """

    def __init__(self, path: Path, clock: Clock | None = None) -> None:
        self._scratch: str | None = None
        folder = path
        if not path.is_dir():
            self._scratch = tempfile.mkdtemp(prefix="iovtop-capture-")
            folder = Path(self._scratch)
        try:
            folder = folder.resolve()
            if self._scratch is not None:
                unpack(path, folder)
            header, notes = _load(folder / _HEADER, path), _load(folder / _NOTES, path)
            if header.get("format") != FORMAT:
                raise BadCapture(f"{path}: format {header.get('format')!r}; this iovtop opens {FORMAT}")
            self.files = CapturedFiles(folder, notes)
            self.guarded = CapturedAccess(self.files, notes["waiting"])
            proc = folder / "proc"
            pids = [int(name) for name in (os.listdir(proc) if proc.is_dir() else ()) if name.isdecimal()]
            self.processes = CapturedProcesses(
                notes["processes"], [pid for pid in pids if (proc / str(pid) / "fd").exists()]
            )
            self._name = str(header["host"])
            self.source = Source("capture", _describe(path, header))
        except (KeyError, TypeError, ValueError, OSError) as error:
            self.close()
            raise BadCapture(f"{path}: damaged capture: {error}") from error
        except BaseException:
            self.close()
            raise
        self.clock: Clock = clock or SystemClock()
        self.sockets = None
        self.programs = None

    @property
    def events(self) -> Events:
        """Nothing happens any more."""
        from backend.host.uevents import NoEvents

        return NoEvents()

    @property
    def perf(self) -> Perf:
        """Nothing counts any more."""
        from backend.host.perf import NoPerf

        return NoPerf()

    @property
    def links(self) -> Links:
        """Its network cannot be asked any more."""
        from backend.host.links import NoLinks

        return NoLinks("capture")

    def name(self) -> str:
        """Return the host's name."""
        return self._name

    def close(self) -> None:
        """Remove what was unpacked."""
        if self._scratch is not None:
            shutil.rmtree(self._scratch, ignore_errors=True)
            self._scratch = None


def _describe(path: Path, header: dict[str, Any]) -> str:
    taken = time.strftime("%Y-%m-%d %H:%M UTC", time.gmtime(header["taken_at"]))
    seen = "as root" if header["uid"] == 0 else "without root"
    of = "a simulated host, " if header["source"] == "simulated" else ""
    return f"{path.name}, {of}taken {taken} {seen}{', redacted' if header['redacted'] else ''}"


def _load(file: Path, capture: Path) -> dict[str, Any]:
    try:
        found = json.loads(file.read_text())
    except FileNotFoundError:
        raise BadCapture(
            f"{capture}: no {file.name} in it; a plain copy of /sys opens with --sysfs and --procfs"
        ) from None
    if not isinstance(found, dict):
        raise BadCapture(f"{capture}: {file.name} is damaged")
    return found


def unpack(archive: Path, folder: Path) -> None:
    """Unpack an archive. Nothing lands outside of ``folder``, and nothing is ever written through a link."""
    links = []
    total = 0
    try:
        with tarfile.open(archive, "r:*") as tar:
            for number, member in enumerate(tar):
                place = folder / member.name
                total += member.size
                if number > _MOST_ENTRIES or total > _MOST_BYTES:
                    raise BadCapture(f"{archive}: too large for a capture")
                if not place.is_relative_to(folder) or ".." in place.parts:
                    raise BadCapture(f"{archive}: {member.name!r} would lie outside of it")
                if member.issym():
                    links.append((place, member.linkname))
                elif member.isdir():
                    place.mkdir(parents=True, exist_ok=True)
                elif member.isreg():
                    file = tar.extractfile(member)
                    assert file is not None
                    place.parent.mkdir(parents=True, exist_ok=True)
                    place.write_bytes(file.read())
                    place.chmod(member.mode & 0o777)
                else:
                    raise BadCapture(f"{archive}: {member.name!r} is neither file, folder nor link")
    except tarfile.ReadError as error:
        raise BadCapture(f"{archive}: not a capture, or a damaged one: no archive that tar can read") from error
    except (tarfile.TarError, EOFError, OSError) as error:
        raise BadCapture(f"{archive}: not a capture, or a damaged one: {str(error).splitlines()[0]}") from error
    for place, target in links:
        try:
            place.parent.mkdir(parents=True, exist_ok=True)
            if place.parent.resolve() != place.parent:
                raise BadCapture(f"{archive}: {place.relative_to(folder)} would lie behind a link")
            place.symlink_to(target)
        except OSError as error:
            raise BadCapture(f"{archive}: damaged: {error}") from error
