"""The file that says what a host shall be after a boot: TOML, read and written."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import fields, is_dataclass
from typing import Any, get_args, get_type_hints

import msgspec

from backend.model.boot import DriverName, Saved, VfRange
from backend.model.ids import BadIdError, KernelName, MacAddress, MdevUuid, PciAddress
from backend.model.text import clean

PATH = "/etc/iovtop/boot.toml"
VERSION = 1
MOST_BYTES = 1 << 20

_HEAD = """\
# What this host shall be after a boot. `iovtop boot save` writes it, iovtop-boot.service applies it.
# `iovtop boot changes` tells how the host differs now, `iovtop boot apply --dry-run` what would be done.

"""


class BadBootFile(Exception):
    """This is no such file. The message says where and why."""


def parse(text: str) -> Saved:
    """Return what a file says. Raises ``BadBootFile``; nothing unknown is taken."""
    import tomllib

    try:
        data = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise BadBootFile(f"{PATH}: no TOML: {clean(str(error), 200)}") from error
    version = data.pop("version", None)
    if version != VERSION:
        raise BadBootFile(f"{PATH}: version {clean(str(version), 20)}; this iovtop reads version {VERSION}")
    _check_names("", data, Saved)
    try:
        saved = msgspec.convert(data, Saved, dec_hook=_decode)
    except (msgspec.ValidationError, BadIdError) as error:
        raise BadBootFile(f"{PATH}: {clean(str(error), 200)}") from error
    _check(saved)
    return saved


def _check_names(where: str, table: Mapping[str, Any], kind: Any) -> None:
    """Raise ``BadBootFile`` for a key that means nothing, which msgspec lets pass in dataclasses."""
    hints = get_type_hints(kind)
    for name, value in table.items():
        if name not in hints:
            known = ", ".join(field.name for field in fields(kind))
            raise BadBootFile(f"{PATH}: {where}{clean(name, 40)} means nothing; there are {known}")
        inner = next((part for part in (hints[name], *get_args(hints[name])) if is_dataclass(part)), None)
        if inner is None:
            continue
        if isinstance(value, dict):
            _check_names(f"{where}{name}.", value, inner)
        elif isinstance(value, list):
            for number, item in enumerate(value, 1):
                if isinstance(item, dict):
                    _check_names(f"{where}{name} {number}: ", item, inner)


def _check(saved: Saved) -> None:
    for number, pf in enumerate(saved.pf, 1):
        if pf.vfs is not None and pf.vfs < 0:
            raise BadBootFile(f"{PATH}: pf {number}: vfs: {pf.vfs} is no number of VFs")
        seen: set[int] = set()
        for vf in pf.vf:
            if twice := seen & {*vf.index.indexes}:
                raise BadBootFile(f"{PATH}: pf {number}: VF {min(twice)} is there twice")
            seen |= {*vf.index.indexes}
    for number, mdev in enumerate(saved.mdev, 1):
        if (mdev.identity is None) == (mdev.parent is None):
            raise BadBootFile(f"{PATH}: mdev {number}: it has a parent, or the identity of one")


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
    data = msgspec.to_builtins(saved, enc_hook=str)
    lines = [f"version = {VERSION}"]
    for name in ("pf", "function", "mdev"):
        for table in data[name]:
            lines += ["", f"[[{name}]]", *_keys(table)]
            for vf in table.get("vf") or () if name == "pf" else ():
                lines += ["", f"[[{name}.vf]]", *_keys(vf)]
    return _HEAD + "\n".join(lines) + "\n"


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
    """Return a basic string of TOML: JSON's, but for DEL, which must be written in full too."""
    return json.dumps(text).replace("\x7f", "\\u007f")
