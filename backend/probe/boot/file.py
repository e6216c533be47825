"""The file that says what a host shall be after a boot: TOML, read and written."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import fields, is_dataclass
from difflib import get_close_matches
from typing import Any, get_args, get_type_hints

import msgspec

from backend.host.doors import Files
from backend.model.boot import DriverName, Identity, Saved, SavedFunction, SavedMdev, SavedPf, VfRange
from backend.model.ids import BadIdError, KernelName, MacAddress, MdevUuid, PciAddress
from backend.model.text import clean

PATH = "/etc/iovtop/boot.toml"
VERSION = 1
MOST_BYTES = 1 << 20

Entry = SavedPf | SavedFunction | SavedMdev
"""One table of the file."""

HEAD = f"""\
# What this host shall be after a boot. `iovtop boot save` writes it, iovtop-boot.service applies it.
# `iovtop boot changes` tells how the host differs now, `iovtop boot apply --dry-run` what would be done.

version = {VERSION}
"""

TABLE = re.compile(r"\s*\[\[\s*(pf|function|mdev)\s*\]\]\s*(#.*)?", re.ASCII)
"""A line that begins an entry."""

_IDS = re.compile(r"[0-9a-f]{4}:[0-9a-f]{4}", re.ASCII)
_ITEM = re.compile(r"\$\.(?P<table>pf|function|mdev)\[(?P<index>[0-9]+)\]")


class BadBootFile(Exception):
    """This is no such file. The message says where, why and what to do."""


def read(files: Files, path: str = PATH) -> str | None:
    """Return the text of the file; None where there is none. Raises ``BadBootFile``."""
    try:
        data = files.read(path, MOST_BYTES + 1)
    except FileNotFoundError:
        return None
    except OSError as error:
        raise BadBootFile(f"{path}: cannot be read: {error.strerror or error}") from error
    if len(data) > MOST_BYTES:
        raise BadBootFile(f"{path}: it has more than {MOST_BYTES} bytes; remove what is not needed")
    try:
        return data.decode()
    except UnicodeDecodeError as error:
        raise BadBootFile(f"{path}: byte {error.start} is no UTF-8; save it as UTF-8") from error


def parse(text: str, path: str = PATH) -> Saved:
    """Return what a file says. Raises ``BadBootFile``; nothing unknown is taken."""
    import tomllib

    try:
        data = tomllib.loads(text)
    except (tomllib.TOMLDecodeError, RecursionError) as error:
        raise BadBootFile(f"{path}: no TOML: {clean(str(error), 200)}; mend that place") from error
    version = data.pop("version", None)
    if version != VERSION:
        found = "no version" if version is None else f"version {clean(str(version), 20)}"
        raise BadBootFile(f"{path}: {found}; this iovtop reads `version = {VERSION}`")
    try:
        _check_names("", data, Saved)
        saved = msgspec.convert(data, Saved, dec_hook=_decode)
        _check(saved)
    except (msgspec.ValidationError, BadIdError, _Wrong) as error:
        raise BadBootFile(f"{path}: {_placed(str(error), text)}") from error
    return saved


class _Wrong(Exception):
    """Something that the file must not say; begins with its place, as in ``$.pf[0].vf[1]``."""


def _placed(message: str, text: str) -> str:
    """Return a message with the line of the entry that it is about."""
    found = _ITEM.search(message)
    message = clean(message, 300)
    if found is None:
        return message
    begins = (number for number, line in enumerate(text.splitlines(), 1) if _begins(line, found["table"]))
    lines = list(begins)
    index = int(found["index"])
    return f"line {lines[index]}: {message}" if index < len(lines) else message


def _begins(line: str, table: str) -> bool:
    match = TABLE.fullmatch(line)
    return match is not None and match[1] == table


def _check_names(where: str, table: Mapping[str, Any], kind: Any) -> None:
    """Raise ``_Wrong`` for a key that means nothing, which msgspec lets pass in dataclasses."""
    hints = get_type_hints(kind)
    for name, value in table.items():
        if name not in hints:
            known = [field.name for field in fields(kind)]
            near = get_close_matches(name, known, 1)
            hint = f"did you mean {near[0]}?" if near else f"there are {', '.join(known)}"
            raise _Wrong(f"{clean(name, 40)!r} means nothing here; {hint} - at `{where or '$'}`")
        inner = next((part for part in _parts(hints[name]) if is_dataclass(part)), None)
        if inner is None:
            continue
        if isinstance(value, dict):
            _check_names(f"{where or '$'}.{name}", value, inner)
        elif isinstance(value, list):
            for number, item in enumerate(value):
                if isinstance(item, dict):
                    _check_names(f"{where or '$'}.{name}[{number}]", item, inner)


def _parts(hint: Any) -> tuple[Any, ...]:
    return (hint, *get_args(hint))


def _check(saved: Saved) -> None:
    for number, pf in enumerate(saved.pf):
        place = f"$.pf[{number}]"
        _check_identity(pf.identity, place)
        if pf.vfs is not None and pf.vfs < 0:
            raise _Wrong(f"{pf.vfs} is no number of VFs - at `{place}.vfs`")
        seen: set[int] = set()
        for vf in pf.vf:
            if twice := seen & {*vf.index.indexes}:
                raise _Wrong(f"VF {min(twice)} is there twice; keep one of them - at `{place}.vf`")
            seen |= {*vf.index.indexes}
        if pf.vfs is not None and seen and max(seen) >= pf.vfs:
            raise _Wrong(f"VF {max(seen)} is none of {pf.vfs} VFs, which count from 0 - at `{place}.vf`")
    for number, function in enumerate(saved.function):
        _check_identity(function.identity, f"$.function[{number}]")
    for number, mdev in enumerate(saved.mdev):
        place = f"$.mdev[{number}]"
        if (mdev.identity is None) == (mdev.parent is None):
            raise _Wrong(f"write either `parent` or `identity` - at `{place}`")
        if mdev.identity is not None:
            _check_identity(mdev.identity, place)
    twice_there = _twice([mdev.uuid for mdev in saved.mdev])
    if twice_there:
        raise _Wrong(f"mdev {twice_there} is there twice; keep one of them")


def _check_identity(identity: Identity, place: str) -> None:
    if identity.address is None and not (identity.serial or identity.mac or identity.slot):
        raise _Wrong(f"write at least one of address, serial, mac and slot - at `{place}.identity`")
    if identity.ids and _IDS.fullmatch(identity.ids) is None:
        raise _Wrong(f"{clean(identity.ids, 40)!r} is no vendor and device, as in 8086:1572 - at `{place}.identity`")


def _twice(values: Sequence[str]) -> str:
    return next((value for number, value in enumerate(values) if value in values[:number]), "")


_PARSERS: dict[Any, Any] = {
    kind: kind.parse for kind in (PciAddress, MacAddress, MdevUuid, KernelName, DriverName, VfRange)
}


def _decode(kind: type, value: Any) -> Any:
    parse_it = _PARSERS.get(kind)
    if parse_it is None or not isinstance(value, str):
        raise BadIdError(f"{clean(str(value), 60)!r} is no {kind.__name__}")
    return parse_it(value)


def text_of(saved: Saved) -> str:
    """Return the file for what is saved."""
    entries: Sequence[Entry] = (*saved.pf, *saved.function, *saved.mdev)
    return HEAD + "".join(f"\n{entry_text(entry)}" for entry in entries)


def entry_text(entry: Entry) -> str:
    """Return the lines of one entry."""
    name = name_of(entry)
    data = msgspec.to_builtins(entry, enc_hook=str)
    lines = [f"[[{name}]]", *_keys(data)]
    for vf in data.get("vf") or () if name == "pf" else ():
        lines += ["", "[[pf.vf]]", *_keys(vf)]
    return "\n".join(lines) + "\n"


def name_of(entry: Entry) -> str:
    """Return the name of the table that an entry is."""
    return "pf" if isinstance(entry, SavedPf) else "function" if isinstance(entry, SavedFunction) else "mdev"


def _keys(table: Mapping[str, Any]) -> list[str]:
    return [f"{name} = {_value(value)}" for name, value in table.items() if not _is_left_out(value)]


def _is_left_out(value: Any) -> bool:
    """Return whether a value is what is meant by nothing, or has tables of its own."""
    return value is None or (isinstance(value, Sequence) and not isinstance(value, str))


def _value(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, Mapping):
        given = {name: inner for name, inner in value.items() if inner not in (None, "")}
        return "{ " + ", ".join(f"{name} = {_value(inner)}" for name, inner in given.items()) + " }"
    return str(value) if isinstance(value, int) else _string(str(value))


def _string(text: str) -> str:
    """Return a basic string of TOML in ASCII: JSON's, but that a character beyond has one number, not two halves."""
    parts = (one if one.isascii() else f"\\U{ord(one):08x}" for one in json.dumps(text, ensure_ascii=False))
    return "".join(parts).replace("\x7f", "\\u007f")
