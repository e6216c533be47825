"""Settings files of systemd and its kin: several folders, of which the first has the say about a name."""

from __future__ import annotations

from collections.abc import Iterator

from backend.host.doors import Files
from backend.probe.surroundings import listing

_MOST_BYTES = 1 << 20


def read_folders(files: Files, below: str, suffix: str) -> Iterator[tuple[str, str]]:
    """Yield path and text of each file ``below`` /etc, /run and the libraries, in order of their names.

    A file of the same name in a folder that goes before hides those in the others (systemd.syntax(7)).
    """
    found: dict[str, str] = {}
    for root in ("/usr/lib", "/usr/local/lib", "/run", "/etc"):
        folder = f"{root}/{below}"
        found |= {name: f"{folder}/{name}" for name in listing(files, folder) if name.endswith(suffix)}
    for _, path in sorted(found.items()):
        text = read_text(files, path)
        if text:
            yield path, text


def read_text(files: Files, path: str) -> str:
    """Return the text of a file; "" where there is none or it cannot be read."""
    try:
        return files.read(path, _MOST_BYTES).decode("utf-8", "backslashreplace")
    except OSError:
        return ""
