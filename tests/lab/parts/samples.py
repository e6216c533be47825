"""The kernel's sample mdev drivers mtty, mdpy and mbochs, built from Debian's source of the very kernel."""

from __future__ import annotations

import os
import re
from pathlib import Path

from tests.lab.parts.cache import say
from tests.lab.parts.debian import Archive, run
from tests.lab.parts.source import unpack_source

NAMES = ("mtty", "mdpy", "mbochs")
_FOLDER = "samples/vfio-mdev"
_HEADERS = r"linux-(headers|kbuild)-.*"


def build_samples(archive: Archive, release: str, source: str, headers: str, output: Path, scratch: Path) -> None:
    """Build the three modules into ``output``.

    Args:
        release: as ``uname -r`` says it.
        source: package of the kernel's source, ``name=version``.
        headers: package of its headers, ``name=version``.
    """
    say(f"building {', '.join(NAMES)} for {release}")
    root = scratch / "headers"
    archive.unpack(archive.with_dependencies(headers, _HEADERS), scratch / "debs", root)
    tree = root / "usr" / "src" / f"linux-headers-{release}"
    for makefile in (tree / "Makefile", tree / ".config"):
        if makefile.is_file() and not makefile.is_symlink():
            makefile.write_text(re.sub(r"(?<![\w/])/usr/src/", f"{root}/usr/src/", makefile.read_text()))
    found = unpack_source(archive, source, scratch, lambda name: f"/{_FOLDER}/" in name, scratch / "code") / _FOLDER
    (found / "Makefile").unlink(missing_ok=True)
    (found / "Kbuild").write_text("obj-m := " + " ".join(f"{name}.o" for name in NAMES) + "\n")
    # With it, the build wants pahole, to describe types that nobody here asks for.
    (tree / "vmlinux").unlink(missing_ok=True)
    run(["make", f"--jobs={os.cpu_count()}", "-C", str(tree), f"M={found}", "CC=gcc", "modules"])
    for name in NAMES:
        (found / f"{name}.ko").rename(output / f"{name}.ko")
