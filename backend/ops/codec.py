"""Requests as plain data, and back."""

from __future__ import annotations

from typing import Any

import msgspec

from backend.model.ids import (
    BadIdError,
    DeviceId,
    GroupId,
    KernelName,
    MacAddress,
    MdevUuid,
    PciAddress,
    parse_device_id,
)
from backend.model.plan import Asked
from backend.model.requests import REQUESTS, Request
from backend.model.text import clean
from backend.ops.errors import BadRequest


def asked(request: Request) -> Asked:
    """Return a request as plain data."""
    return Asked(request.verb, msgspec.to_builtins(request, enc_hook=plain))


def request_of(data: Asked) -> Request:
    """Return the request that data spells. Raises ``BadRequest``: every id is parsed, nothing unknown is taken."""
    kind = REQUESTS.get(data.verb)
    if kind is None:
        raise BadRequest(f"no verb {clean(data.verb, 40)!r}", f"the verbs are {', '.join(sorted(REQUESTS))}")
    unknown = sorted(set(data.arguments) - set(kind.__dataclass_fields__))
    if unknown:
        raise BadRequest(f"{data.verb} takes no {clean(unknown[0], 40)!r}")
    try:
        return msgspec.convert(dict(data.arguments), kind, dec_hook=_decode)
    except (msgspec.ValidationError, BadIdError) as error:
        # What our own parsers say names the value: the place in the data, which msgspec adds, helps nobody.
        told = error.__cause__ if isinstance(error.__cause__, BadIdError) else error
        raise BadRequest(f"{data.verb}: {clean(str(told), 300)}") from error


def plain(value: Any) -> Any:
    """Return an id as the text or number that it is underneath: a hook for msgspec."""
    return int(value) if isinstance(value, int) else str(value)


_PARSERS: dict[type, Any] = {
    DeviceId: parse_device_id,
    PciAddress: PciAddress.parse,
    MdevUuid: MdevUuid.parse,
    KernelName: KernelName.parse,
    MacAddress: MacAddress.parse,
}


def _decode(kind: type, value: Any) -> Any:
    if kind is GroupId and type(value) is int:
        return GroupId.parse(str(value))
    parse = _PARSERS.get(kind)
    if parse is None or not isinstance(value, str):
        raise BadIdError(f"{clean(str(value), 60)!r} is no {kind.__name__}")
    return parse(value)
