"""Changes from the command line: look at the plan, ask, run it, tell how it goes and how it ended."""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import os
import signal
import sys
from collections.abc import Callable, Coroutine, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

from backend.agent.open_operator import open_operator
from backend.agent.verbs import Verb
from backend.cli import dry_run
from backend.cli.asking import agreed, ask
from backend.cli.exits import CommandError, Exit
from backend.cli.naming import Names
from backend.cli.output import write_json
from backend.cli.telling import teller_for
from backend.cli.words import add_options as add_words
from backend.cli.words import asked_for
from backend.host.caller import caller
from backend.host.doors import HostDoors
from backend.model.plan import Asked, Plan, RunEvent, RunState
from backend.ops.errors import OperationError, Problem
from backend.ops.journal import MemoryJournal
from backend.ops.journal_file import FOLDER, FileJournal
from backend.ops.operator import LocalOperator, Operator
from backend.present.glyphs import ASCII, Glyphs, glyphs_for
from backend.report.plan import plan_data, plan_lines, script_lines
from backend.report.text import source_line

T = TypeVar("T")

_CODES = {
    Problem.BAD_REQUEST: Exit.USAGE,
    Problem.NO_SUCH_DEVICE: Exit.NO_DEVICE,
    Problem.REFUSED: Exit.REFUSED,
    Problem.CHANGED: Exit.CHANGED,
    Problem.BUSY: Exit.REFUSED,
    Problem.READ_ONLY: Exit.REFUSED,
    Problem.JOURNAL: Exit.FAILED,
    Problem.AGENT: Exit.FAILED,
}

_ENDS = {
    RunState.DONE: Exit.OK,
    RunState.ABORTED: Exit.CHANGED,
    RunState.FAILED: Exit.FAILED,
    RunState.STUCK: Exit.STUCK,
}


@dataclass(frozen=True, slots=True)
class Aim:
    """What is asked for, and what it means for the journal."""

    requests: Sequence[Asked]
    undoes: int | None = None
    settles: int | None = None


def add_options(parser: argparse.ArgumentParser, verb: Verb) -> None:
    """Add the options of a verb that changes the host."""
    add_words(parser, verb)
    add_change_options(parser)
    parser.set_defaults(verb=verb, run=run)


def add_change_options(parser: argparse.ArgumentParser) -> None:
    """Add what all changes have in common."""
    group = parser.add_argument_group("how it is done")
    dry_run.add_option(group)
    group.add_argument("-y", "--yes", action="store_true", help="do not ask; needed where there is no terminal")
    group.add_argument("--confirm", metavar="ID", default="", help="the full id of a protected device, typed again")
    group.add_argument("--json", action="store_true", help="plan and events as JSON lines")


def run(doors: HostDoors, options: argparse.Namespace) -> Exit:
    """Do what a verb asks for."""
    verb: Verb = options.verb
    aim = Aim((asked_for(verb, options, Names(doors).device),))
    opener = plan_only(doors) if options.dry_run is not None else opened(doors, write=True)
    with session(doors, opener) as here:
        return carry_out(here, aim, options)


@dataclass(frozen=True, slots=True)
class Session:
    """A way to change one host, and the loop that it lives in."""

    doors: HostDoors
    operator: Operator
    runner: asyncio.Runner

    def wait(self, coroutine: Coroutine[Any, Any, T]) -> T:
        """Return what it gives."""
        return self.runner.run(coroutine)


async def opened(doors: HostDoors, *, write: bool) -> Operator:
    """Open the way to change a host, or to its journal. Raises ``OperationError``."""
    # sudo asks on our terminal; nothing else of ours is on it at that time.
    operator = await open_operator(doors, write=write, ask=contextlib.nullcontext if sys.stdin.isatty() else None)
    if operator.welcome.warning:
        sys.stderr.write(f"iovtop: {operator.welcome.warning}\n")
    return operator


async def plan_only(doors: HostDoors) -> Operator:
    """Open what only plans: in this process, with no more rights than it has, for any host that can be read."""
    if doors.source.kind == "simulated":
        return await opened(doors, write=False)
    ours = doors.source.kind == "live" and os.geteuid() == 0
    return LocalOperator(doors, FileJournal(FOLDER, doors.clock) if ours else MemoryJournal(doors.clock), caller())


@contextlib.contextmanager
def session(doors: HostDoors, opener: Coroutine[Any, Any, Operator]) -> Iterator[Session]:
    """Open the way to change a host. Raises ``CommandError``, also for what goes wrong inside."""
    with asyncio.Runner() as runner:
        try:
            operator = runner.run(opener)
        except OperationError as error:
            raise command_error(error, Exit.NO_PERMISSION if error.problem is Problem.AGENT else None) from error
        try:
            yield Session(doors, operator, runner)
        except OperationError as error:
            raise command_error(error) from error
        finally:
            runner.run(operator.close())


def command_error(error: OperationError, code: Exit | None = None) -> CommandError:
    """Return the error that ends the command."""
    return CommandError(error.told, code if code is not None else _CODES[error.problem])


def carry_out(here: Session, aim: Aim, options: argparse.Namespace) -> Exit:
    """Plan, show, ask and run. Raises ``OperationError``, ``CommandError``."""
    plan = here.wait(here.operator.plan(aim.requests, aim.settles))
    show_plan(here.doors, plan, options)
    if options.dry_run is not None:
        return Exit.OK if plan.ready else Exit.REFUSED
    if not plan.ready:
        raise CommandError("; ".join(filter(None, (f"refused: {plan.objections}", plan.remedies))), Exit.REFUSED)
    if not plan.steps and aim.settles is None:
        return Exit.OK
    typed = _confirmed(plan, options)
    # Asked outside the loop, so that Ctrl-C at the question just ends the command.
    return here.wait(_run(here, aim, plan, typed, options))


def show_plan(doors: HostDoors, plan: Plan, options: argparse.Namespace) -> None:
    """Print a plan as the options want it."""
    how = options.dry_run or ("json" if options.json else "text")
    source = source_line(doors.source.kind, doors.source.detail)
    if how == "json":
        write_json(plan_data(plan), doors)
        return
    lines = [*(script_lines(plan) if how == "shell" else plan_lines(plan, glyphs()))]
    if source:
        lines.insert(1 if how == "shell" else 0, f"# {source}" if how == "shell" else source)
    sys.stdout.write("".join(f"{line}\n" for line in lines))
    sys.stdout.flush()


def glyphs() -> Glyphs:
    """Return the signs that standard output can show."""
    return glyphs_for(sys.stdout.encoding or "", os.environ.get("TERM", "")) if sys.stdout.isatty() else ASCII


def _confirmed(plan: Plan, options: argparse.Namespace) -> str:
    """Return what was typed, for a plan that may run. Raises ``CommandError``."""
    terminal = sys.stdin.isatty()
    if plan.must_type:
        typed = options.confirm
        if not typed and terminal:
            typed = ask(f"{plan.must_type} is protected. Type its full id to do it all the same: ")
        if typed != plan.must_type:
            raise CommandError(
                f"{plan.must_type} is protected: give --confirm {plan.must_type} to do it all the same", Exit.REFUSED
            )
        if terminal or options.yes:
            return str(typed)
    if options.yes:
        return ""
    if not terminal:
        raise CommandError("nothing was done: there is no terminal to ask on; give --yes")
    if not agreed("Do it?"):
        raise CommandError("nothing was done", Exit.INTERRUPTED)
    return ""


async def _run(here: Session, aim: Aim, plan: Plan, typed: str, options: argparse.Namespace) -> Exit:
    operator = here.operator
    ended: RunEvent | None = None
    with teller_for(plan, json=options.json) as teller, interrupts(operator, teller.remark) as handler:
        async for event in operator.run(plan.asked, plan.fingerprint, typed, aim.undoes, aim.settles):
            try:
                teller.tell(event)
            except OSError:  # whoever listened has gone; the step that is being made is still waited for
                if not handler.deaf:
                    handler.deaf = True
                    operator.cancel()
            ended = event
    assert ended is not None
    if ended.state is RunState.DONE and plan.undo and not options.json:
        # What was done to a simulated host is gone with it: only a later line of the same `do` can take it back.
        simulated = here.doors.source.kind == "simulated"
        command = "`undo" if simulated else "`iovtop undo"
        where = ", in the same `iovtop do`" if simulated else ""
        back = f"; {command} {ended.operation}` takes it back{where}"
        sys.stdout.write(f"operation {ended.operation}{back}\n")
    return _end(ended, cancelled=handler.count > 0 or handler.deaf)


def _end(ended: RunEvent, *, cancelled: bool) -> Exit:
    code = Exit.INTERRUPTED if ended.state is RunState.ABORTED and cancelled else _ENDS[ended.state]
    if code is not Exit.OK:
        remedy = f"; {ended.remedy}" if ended.remedy else ""
        raise CommandError(f"operation {ended.operation}: {ended.text}{remedy}", code)
    return code


class Interrupts:
    """How often the operator pressed Ctrl-C: once to make no further step, twice to wait no longer."""

    def __init__(self, operator: Operator, remark: Callable[[str], None]) -> None:
        self._operator = operator
        self._remark = remark
        self.count = 0
        self.deaf = False
        """Whether nobody can be told anything any more."""

    def __call__(self) -> None:
        """Take one more."""
        self.count += 1
        if self.count == 1:
            self._operator.cancel()
            self._say("this step cannot be cut short; no further one is made. Ctrl-C again: wait no longer for it")
        else:
            self._operator.leave()
            self._say("left: the step goes on in the kernel")

    def _say(self, text: str) -> None:
        with contextlib.suppress(OSError):
            self._remark(text)


@contextlib.contextmanager
def interrupts(operator: Operator, remark: Callable[[str], None]) -> Iterator[Interrupts]:
    """Let Ctrl-C, a lost terminal and the end of the session stop the operation between two steps.

    Args:
        remark: says to the operator what that means; ``OSError`` where nobody listens any more.
    """
    loop = asyncio.get_running_loop()
    handler = Interrupts(operator, remark)
    numbers = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
    for number in numbers:
        loop.add_signal_handler(number, handler)
    try:
        yield handler
    finally:
        for number in numbers:
            loop.remove_signal_handler(number)
