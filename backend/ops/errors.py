"""Why there is no plan, or no run: one sentence and a remedy each."""

from __future__ import annotations

from enum import StrEnum
from typing import ClassVar


class Problem(StrEnum):
    """Kinds of errors, as they travel and as exit codes tell them."""

    BAD_REQUEST = "bad request"
    NO_SUCH_DEVICE = "no such device"
    REFUSED = "refused"
    CHANGED = "changed"
    BUSY = "busy"
    READ_ONLY = "read-only"
    JOURNAL = "journal"
    AGENT = "agent"


class OperationError(Exception):
    """The message says what, where and why; ``remedy`` what to do."""

    problem: ClassVar[Problem]

    def __init__(self, message: str, remedy: str = "") -> None:
        super().__init__(message)
        self.remedy = remedy

    @property
    def told(self) -> str:
        """The message, and what to do, in one line."""
        return f"{self}; {self.remedy}" if self.remedy else str(self)


class BadRequest(OperationError):
    """Data that is no request."""

    problem = Problem.BAD_REQUEST


class NoSuchDevice(OperationError):
    """A request names something that this host does not have."""

    problem = Problem.NO_SUCH_DEVICE


class Refused(OperationError):
    """What was asked for can not be: for what the device is, or because a condition does not hold."""

    problem = Problem.REFUSED


class Changed(OperationError):
    """The host is not as it was when the plan was looked at. Nothing was done."""

    problem = Problem.CHANGED


class Busy(OperationError):
    """Somebody else changes this host at the moment."""

    problem = Problem.BUSY


class ReadOnly(OperationError):
    """Writing was not switched on."""

    problem = Problem.READ_ONLY


class JournalUnwritable(OperationError):
    """The journal cannot be written: without it nothing is changed."""

    problem = Problem.JOURNAL


class JournalUnreadable(OperationError):
    """The journal cannot be read by this user, or at all."""

    problem = Problem.JOURNAL


class AgentError(OperationError):
    """Whoever changes this host for us cannot be started, has gone, or does not make sense."""

    problem = Problem.AGENT


def error_of(problem: Problem, message: str, remedy: str) -> OperationError:
    """Return the error of a kind."""
    kind = next(kind for kind in OperationError.__subclasses__() if kind.problem is problem)
    return kind(message, remedy)


class Explained(OSError):
    """An error of an action that brings its own words: what it acts on answers in sentences, not in numbers.

    Attributes:
        cause: one sentence: what happened, and how things stand now.
        remedy: what to do.
    """

    def __init__(self, code: int, cause: str, remedy: str = "") -> None:
        super().__init__(code, cause)
        self.cause = cause
        self.remedy = remedy
