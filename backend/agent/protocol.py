"""What passes between a face and the agent: lines of JSON, versioned, typed, bounded.

A line is one message. The agent's first is marked, so that whatever a login prints before it can be skipped.
Both sides number their messages; a number that does not grow ends the connection, as does everything else that
is not exactly as it is written down here. Every text is made harmless as it comes in, on both sides.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, TypeVar

import msgspec
from msgspec import Meta, Struct

from backend.model.operation import Entry, Unfinished
from backend.model.plan import Asked, Plan, RunEvent
from backend.model.text import MAX_TEXT, clean
from backend.model.vfio import VfioLook
from backend.ops.errors import Problem

VERSION = 1
"""Of this protocol. Both sides must have the same."""

MAGIC = b"iovtop-agent "
"""Begins the first line of the agent; the version follows, a space, and its welcome."""

MAX_LINE = 8 << 20
"""Bytes of a line."""

MAX_NOISE = 64 << 10
"""Bytes that may come before the marked line."""

_MAX_DEPTH = 32
_MAX_VALUES = 200_000
_MAX_NAMES = 64

Number = Annotated[int, Meta(ge=0, lt=1 << 53)]
Requests = Annotated[tuple[Asked, ...], Meta(min_length=1, max_length=4096)]


class BadLine(Exception):
    """Something that is no message. Whoever sent it is not talked to any more."""


class _Message(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, tag_field="kind"):
    seq: Number
    """Its number. Grows with every message of one side."""


class Hello(_Message, frozen=True, tag="hello"):
    """The face's first message."""

    protocol: int


class PlanFor(_Message, frozen=True, tag="plan"):
    """Wants the plan of some requests."""

    requests: Requests
    settles: Number | None = None


class Run(_Message, frozen=True, tag="run"):
    """Wants a plan run that was looked at."""

    requests: Requests
    seen: tuple[str, ...]
    typed: str = ""
    undoes: Number | None = None
    settles: Number | None = None


class Cancel(_Message, frozen=True, tag="cancel"):
    """Wants no further step made."""


class Leave(_Message, frozen=True, tag="leave"):
    """Wants a step that is stuck in the kernel left behind."""


class Log(_Message, frozen=True, tag="log"):
    """Wants the journal."""


class Damage(_Message, frozen=True, tag="damage"):
    """Wants to know what is wrong with the journal."""


class Recover(_Message, frozen=True, tag="recover"):
    """Wants operations looked at that have not ended."""


class Forget(_Message, frozen=True, tag="forget"):
    """Wants an operation closed that has not ended."""

    operation: Number


class LookAt(_Message, frozen=True, tag="look"):
    """Wants a device opened, asked what it is, and closed."""

    device: str


class Close(_Message, frozen=True, tag="close"):
    """Wants nothing any more."""


Request = Hello | PlanFor | Run | Cancel | Leave | Log | Damage | Recover | Forget | LookAt | Close


class Welcome(_Message, frozen=True, tag="welcome"):
    """The agent's first message, on the marked line."""

    program: str
    """Version of iovtop."""
    host: str
    source: str
    """live, or simulated."""
    verbs: tuple[str, ...]
    """What can be run. Without write mode there is none."""
    warning: str = ""
    """What is wrong with how the agent is installed, in one sentence."""


class Planned(_Message, frozen=True, tag="plan"):
    """The plan."""

    to: Number
    """Number of the request that it answers."""
    plan: Plan


class Happened(_Message, frozen=True, tag="event"):
    """One event of a run. The last is in ``backend.model.plan.ENDS``."""

    to: Number
    event: RunEvent


class Entered(_Message, frozen=True, tag="entry"):
    """One operation of the journal."""

    to: Number
    entry: Entry


class Damaged(_Message, frozen=True, tag="damage"):
    """What is wrong with the journal."""

    to: Number
    sentences: tuple[str, ...]


class Found(_Message, frozen=True, tag="found"):
    """One operation that had not ended."""

    to: Number
    unfinished: Unfinished


class Seen(_Message, frozen=True, tag="look"):
    """What a device says of itself."""

    to: Number
    look: VfioLook


class Done(_Message, frozen=True, tag="done"):
    """The end of an answer that takes several messages, or none."""

    to: Number


class Failed(_Message, frozen=True, tag="error"):
    """Why there is no answer, or no more of it."""

    to: Number
    problem: Problem
    message: str
    remedy: str = ""


Answer = Welcome | Planned | Happened | Entered | Damaged | Found | Seen | Done | Failed

M = TypeVar("M")


def encode(message: Request | Answer) -> bytes:
    """Return a message as a line. Raises ``BadLine`` when it is too long."""
    line = _ENCODER.encode(message) + b"\n"
    if len(line) > MAX_LINE:
        raise BadLine(f"a message of {len(line)} bytes; at most {MAX_LINE} are taken")
    return line


def request_from(line: bytes) -> Request:
    """Return what a face sent. Raises ``BadLine``; a text that is too long is refused, not cut."""
    found: Request = _decode(line, Request, cut=False)
    return found


def answer_from(line: bytes) -> Answer:
    """Return what an agent sent. Raises ``BadLine``; a text that is too long is cut."""
    found: Answer = _decode(line, Answer, cut=True)
    return found


def _decode(line: bytes, kind: Any, *, cut: bool) -> Any:
    if len(line) > MAX_LINE:
        raise BadLine(f"a line of more than {MAX_LINE} bytes")
    if line.count(b",") + line.count(b"[") + line.count(b"{") > _MAX_VALUES:
        raise BadLine(f"a message of more than {_MAX_VALUES} values")
    try:
        return msgspec.convert(_bounded(msgspec.json.decode(line), _MAX_DEPTH, cut=cut), kind)
    except msgspec.MsgspecError as error:
        raise BadLine(clean(str(error), 300)) from error
    except (RecursionError, UnicodeDecodeError) as error:
        raise BadLine("no JSON that could be meant") from error


def _bounded(value: Any, depth: int, *, cut: bool) -> Any:
    """Return plain data with every text made harmless. Raises ``BadLine`` for what is too deep or too long."""
    if depth == 0:
        raise BadLine(f"a message of more than {_MAX_DEPTH} levels")
    if isinstance(value, str):
        if len(value) > MAX_TEXT and not cut:
            raise BadLine(f"a text of more than {MAX_TEXT} characters")
        return clean(value)
    if isinstance(value, Mapping):
        if len(value) > _MAX_NAMES:
            raise BadLine(f"an object of more than {_MAX_NAMES} names")
        return {clean(name, 128): _bounded(item, depth - 1, cut=cut) for name, item in value.items()}
    if isinstance(value, list):
        return [_bounded(item, depth - 1, cut=cut) for item in value]
    return value


def _plain(value: Any) -> Any:
    """Ids are texts and numbers of classes of their own."""
    if isinstance(value, str):
        return str(value)
    if isinstance(value, int):
        return int(value)
    raise TypeError(f"{type(value).__name__} does not travel")


_ENCODER = msgspec.json.Encoder(enc_hook=_plain)
