"""Results that took long to make, kept in folders named by what they were made from."""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
import shutil
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

_MANIFEST = ".manifest.json"
_UNUSED_DAYS = 30


def say(text: str) -> None:
    """Tell the user what takes time."""
    print(f"lab: {text}", file=sys.stderr, flush=True)


def kept(cache: Path, name: str, inputs: Sequence[str], build: Callable[[Path], None]) -> Path:
    """Return the folder that ``build`` fills, made anew only when ``inputs`` changed or a file in it did.

    One process builds, the others wait for it. A build that fails leaves nothing behind.
    """
    digest = hashlib.sha256(json.dumps([name, *inputs]).encode()).hexdigest()[:16]
    place = cache / f"{name}-{digest}"
    cache.mkdir(parents=True, exist_ok=True)
    with locked(cache / f".{name}.lock"):
        if place.exists() and (damage := _damage(place)):
            say(f"{place} is damaged ({damage}): making it again")
            shutil.rmtree(place)
        if not place.exists():
            scratch = Path(tempfile.mkdtemp(prefix=f".{name}-", dir=cache))
            try:
                build(scratch)
                (scratch / _MANIFEST).write_text(json.dumps(_describe(scratch)))
                scratch.rename(place)
            finally:
                shutil.rmtree(scratch, ignore_errors=True)
        os.utime(place / _MANIFEST)
        _forget_unused(cache, name, place)
    return place


@contextmanager
def locked(path: Path) -> Iterator[None]:
    """Let one process at a time prepare something; the others wait and find it ready."""
    with path.open("w") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            say(f"waiting for another process that prepares {path.name.strip('.').removesuffix('.lock')}")
            fcntl.flock(file, fcntl.LOCK_EX)
        yield


def _describe(folder: Path) -> dict[str, tuple[int, str]]:
    found = {}
    for path in sorted(folder.rglob("*")):
        if path.is_file() and not path.is_symlink():
            found[str(path.relative_to(folder))] = (path.stat().st_size, _checksum(path))
    return found


def _checksum(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _damage(folder: Path) -> str:
    """Return what is wrong with a folder, or "". All sizes are compared, and the checksums of what boots."""
    try:
        described = json.loads((folder / _MANIFEST).read_text())
    except (OSError, ValueError):
        return "no list of its files"
    for name, (size, checksum) in described.items():
        path = folder / name
        try:
            if path.stat().st_size != size:
                return f"{name} has another size"
        except OSError:
            return f"{name} is missing"
        boots = "vmlinuz" in name or "initramfs" in name or "/qemu-system" in name or name.count("/") == 0
        if boots and _checksum(path) != checksum:
            return f"{name} has another checksum"
    return ""


def _forget_unused(cache: Path, name: str, current: Path) -> None:
    """Remove what was made of other inputs and has not been used for long."""
    for other in cache.glob(f"{name}-*"):
        manifest = other / _MANIFEST
        if other != current and manifest.exists() and time.time() - manifest.stat().st_mtime > _UNUSED_DAYS * 86400:
            shutil.rmtree(other, ignore_errors=True)
