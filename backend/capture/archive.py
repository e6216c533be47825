"""The archive of a capture: a compressed tar with the kernel's own paths, and what was noted about them."""

from __future__ import annotations

import gzip
import io
import json
import tarfile
from dataclasses import asdict
from typing import IO, Any

from backend.capture.entry import Entry, Notes

HEADER = "capture.json"
"""First in the archive: what it is, so that nothing else need be read to tell."""

NOTES = "capture-notes.json"
"""Last, since it is known only then."""


class Archive:
    """Writes an archive. The same entries make the same bytes."""

    def __init__(self, file: IO[bytes], header: dict[str, Any]) -> None:
        self._gzip = gzip.GzipFile(filename="", mode="wb", compresslevel=6, fileobj=file, mtime=0)
        self._tar = tarfile.open(fileobj=self._gzip, mode="w", format=tarfile.PAX_FORMAT)  # noqa: SIM115 - closed below
        self._add_json(HEADER, header)

    def add(self, entry: Entry) -> None:
        """Add an entry."""
        info = tarfile.TarInfo(entry.path.lstrip("/"))
        info.mode = entry.mode
        if entry.target is not None:
            info.type = tarfile.SYMTYPE
            info.linkname = entry.target
        elif entry.data is None:
            info.type = tarfile.DIRTYPE
        else:
            info.size = len(entry.data)
        self._tar.addfile(info, io.BytesIO(entry.data) if entry.data else None)

    def finish(self, notes: Notes, replaced: dict[str, int]) -> None:
        """Add the notes and write what is left."""
        document = asdict(notes)
        document["unread"] = sorted(notes.unread)
        document["root_only"] = sorted(notes.root_only)
        self._add_json(NOTES, {**document, "replaced": replaced})
        self._tar.close()
        self._gzip.close()

    def _add_json(self, name: str, document: dict[str, Any]) -> None:
        data = json.dumps(document, indent=1, sort_keys=True).encode() + b"\n"
        info = tarfile.TarInfo(name)
        info.mode = 0o644
        info.size = len(data)
        self._tar.addfile(info, io.BytesIO(data))
