"""Debian's source of a kernel, or a part of it."""

from __future__ import annotations

import tarfile
from collections.abc import Callable
from pathlib import Path

from tests.lab.errors import LabError
from tests.lab.parts.debian import Archive


def unpack_source(archive: Archive, package: str, scratch: Path, wanted: Callable[[str], bool], output: Path) -> Path:
    """Unpack the files whose names are wanted; return the source's top folder below ``output``."""
    root = scratch / "source"
    archive.unpack([package], scratch / "debs", root)
    packed = next(root.glob("usr/src/linux-source-*.tar.xz"), None)
    if packed is None:
        raise LabError(f"{package} holds no source")
    with tarfile.open(packed) as tar:
        tar.extractall(output, (member for member in tar if wanted(member.name)), filter="tar")
    packed.unlink()
    return next(output.iterdir())
