"""Changing some entries of the file and leaving every other line of it as somebody wrote it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from backend.model.boot import Saved
from backend.probe.boot.file import HEAD, TABLE, BadBootFile, Entry, entry_text, name_of, parse, text_of


@dataclass(slots=True)
class _Block:
    """The lines of one entry, with the remarks right above it."""

    table: str
    lines: list[str] = field(default_factory=list)
    remarks: int = 0
    """How many of the lines come before the one that begins the entry."""


def edited(text: str | None, replaced: Mapping[Entry, Entry | None], added: tuple[Entry, ...]) -> str:
    """Return the file with some entries replaced (None: taken out) and others added at its end.

    What is not replaced stays as it was, remarks included. Where the file is laid out so that its entries cannot be
    told apart by lines (tables inline), it is written anew as a whole.
    """
    if text is None:
        return HEAD + "".join(f"\n{entry_text(entry)}" for entry in added)
    saved = parse(text)
    wanted = _replaced(saved, replaced, added)
    if wanted == saved:
        return text
    head, blocks = _blocks(text)
    entries: dict[str, list[Entry]] = {"pf": [*saved.pf], "function": [*saved.function], "mdev": [*saved.mdev]}
    kept = list(head)
    if {table: sum(block.table == table for block in blocks) for table in entries} == {
        table: len(found) for table, found in entries.items()
    }:
        for block in blocks:
            entry = entries[block.table].pop(0)
            new = replaced.get(entry, entry)
            if new is entry or new == entry:
                kept += block.lines
            elif new is not None:
                kept += [*block.lines[: block.remarks], *entry_text(new).splitlines(), ""]
        while kept and not kept[-1].strip():
            kept.pop()
        for entry in added:
            kept += ["", *entry_text(entry).splitlines()]
        found = "\n".join(kept) + "\n"
        if _says(found, wanted):
            return found
    return text_of(wanted)


def _replaced(saved: Saved, replaced: Mapping[Entry, Entry | None], added: tuple[Entry, ...]) -> Saved:
    before: list[Entry] = [*saved.pf, *saved.function, *saved.mdev]
    after = [replaced.get(entry, entry) for entry in before]
    there = [entry for entry in (*after, *added) if entry is not None]
    return saved_of(there)


def saved_of(entries: list[Entry]) -> Saved:
    """Return a whole of some entries."""
    tables: dict[str, list[Entry]] = {"pf": [], "function": [], "mdev": []}
    for entry in entries:
        tables[name_of(entry)].append(entry)
    return Saved(**{table: tuple(found) for table, found in tables.items()})  # type: ignore[arg-type]


def _says(text: str, wanted: Saved) -> bool:
    try:
        return parse(text) == wanted
    except BadBootFile:
        return False


def _blocks(text: str) -> tuple[list[str], list[_Block]]:
    """Return the lines before the first entry, and those of each entry."""
    head: list[str] = []
    blocks: list[_Block] = []
    for line in text.splitlines():
        before = blocks[-1].lines if blocks else head
        begun = TABLE.fullmatch(line)
        if begun is None:
            before.append(line)
            continue
        at = len(before)
        while at and before[at - 1].lstrip().startswith("#"):
            at -= 1
        remarks = before[at:] if blocks or at else []
        if remarks:
            del before[at:]
        blocks.append(_Block(begun[1], [*remarks, line], len(remarks)))
    return head, blocks
