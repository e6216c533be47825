"""``iovtop boot changes``, ``apply`` and ``unit``: what was saved for boot, beside the host as it is.

``boot save`` and ``boot remove`` are changes like any other: see ``backend.cli.change``.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from backend.cli import dry_run
from backend.cli.amounts import whole
from backend.cli.asking import agreed
from backend.cli.change import Session, glyphs, interrupts, opened, plan_only, session
from backend.cli.exits import CommandError, Exit
from backend.cli.output import say_source, write_json
from backend.cli.telling import JsonTeller, PlainTeller, remark
from backend.host.doors import HostDoors
from backend.model.boot import BootState, Saved
from backend.model.plan import RunEvent, RunState
from backend.ops.boot.applying import Applying, Part
from backend.ops.boot.beyond import drift_beyond
from backend.ops.boot.sight import Sight
from backend.probe.boot.file import PATH, BadBootFile, parse, read
from backend.report.boot import state_data, state_lines
from backend.report.plan import SHELL, plan_data, plan_lines, script_body

if TYPE_CHECKING:
    from backend.model.plan import Plan

_ENDS = {RunState.STUCK: Exit.STUCK, RunState.FAILED: Exit.FAILED, RunState.ABORTED: Exit.CHANGED}
_MARKS = {"text": "", "shell": "# "}
"""How plans are printed → what begins a line that is not part of one."""
_WORST = (Exit.STUCK, Exit.FAILED, Exit.CHANGED, Exit.REFUSED)


def add_commands(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the commands that are no changes of their own."""
    text = "tell how the host differs from what was saved: 0 not at all, 1 it does, 2 the file is wrong"
    changes = commands.add_parser("changes", help=text, description=text, allow_abbrev=False)
    _add_file(changes)
    changes.add_argument("--json", action="store_true", help="one JSON object")
    changes.set_defaults(run=run_changes)
    text = "make the host what was saved, each thing by a plan of its own"
    apply = commands.add_parser("apply", help=text, description=text, allow_abbrev=False)
    _add_file(apply)
    dry_run.add_option(apply)
    apply.add_argument("-y", "--yes", action="store_true", help="do not ask; needed where there is no terminal")
    apply.add_argument(
        "--confirm", metavar="ID", action="append", default=[],
        help="the full id of a protected device that may be changed; may be given several times",
    )  # fmt: skip
    apply.add_argument("--wait", type=whole(0), default=0, metavar="SECONDS", help="wait so long for devices to come")
    apply.add_argument("--json", action="store_true", help="plans and events as JSON lines")
    apply.set_defaults(run=run_apply)
    text = "print the systemd unit that applies it at boot, for packages and other inits"
    unit = commands.add_parser("unit", help=text, description=text, allow_abbrev=False)
    unit.set_defaults(run=run_unit)


def _add_file(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--file", metavar="FILE", help=f"instead of {PATH}")


def run_changes(doors: HostDoors, options: argparse.Namespace) -> Exit:
    """Tell how the host differs."""
    saved = _saved(doors, options)
    if saved is None:
        if options.json:
            write_json({"kind": "boot", "saved": []}, doors)
        else:
            say_source(doors)
            sys.stdout.write("nothing is saved for boot\n")
        return Exit.OK
    with session(doors, plan_only(doors)) as here, _sight(doors, saved) as sight:
        state = here.wait(_state(sight, here, options.file or PATH))
        claims = sight.scene.claims
    if options.json:
        write_json(state_data(state, claims), doors)
    else:
        say_source(doors)
        sys.stdout.write("".join(f"{line}\n" for line in state_lines(state, claims, glyphs())))
    return Exit.FINDING if state.drift or state.lost else Exit.OK


async def _state(sight: Sight, here: Session, file: str) -> BootState:
    await sight.look()
    state = await sight.state(file)
    beyond = [drift async for drift in drift_beyond(sight, here.operator)]
    return replace(state, drift=(*state.drift, *beyond))


def run_apply(doors: HostDoors, options: argparse.Namespace) -> Exit:
    """Make the host what was saved."""
    saved = _saved(doors, options)
    if saved is None:
        how = _how(options)
        if how != "json":
            _begin(doors, how)
            sys.stdout.write(f"{_MARKS[how]}nothing is saved for boot\n")
        return Exit.OK
    if options.dry_run is not None:
        with session(doors, plan_only(doors)) as here, _sight(doors, saved) as sight:
            return here.wait(_rehearse(doors, sight, here, options))
    if doors.source.kind == "live" and os.geteuid():
        # Only root can read the serial numbers by which cards are known.
        message = "only root can tell cards by their serial numbers: sudo iovtop boot apply"
        raise CommandError(message, Exit.NO_PERMISSION)
    with session(doors, opened(doors, write=True)) as here, _sight(doors, saved) as sight:
        here.wait(_wait_for_devices(doors, sight, options.wait))
        if not options.yes:
            if not sys.stdin.isatty():
                raise CommandError("nothing was done: there is no terminal to ask on; give --yes")
            here.wait(_rehearse(doors, sight, here, options))
            if not agreed("Do it?"):
                raise CommandError("nothing was done", Exit.INTERRUPTED)
        elif not options.json:
            say_source(doors)
        return here.wait(_apply(sight, here, options))


def run_unit(doors: HostDoors, options: argparse.Namespace) -> Exit:
    """Print the unit."""
    from backend.ops.boot.unit import program, unit_text

    sys.stdout.write(unit_text(program(simulated=doors.source.kind == "simulated") or "/usr/bin/iovtop"))
    return Exit.OK


def _saved(doors: HostDoors, options: argparse.Namespace) -> Saved | None:
    """Return what was saved; None where nothing was. Raises ``CommandError``."""
    try:
        text = read(doors.files) if options.file is None else Path(options.file).read_text("utf-8")
        return parse(text, options.file or PATH) if text is not None else None
    except BadBootFile as error:
        raise CommandError(str(error)) from error
    except (OSError, UnicodeDecodeError) as error:
        raise CommandError(f"{options.file}: cannot be read: {getattr(error, 'strerror', '') or error}") from error


@contextlib.contextmanager
def _sight(doors: HostDoors, saved: Saved) -> Iterator[Sight]:
    sight = Sight(doors, saved)
    try:
        yield sight
    finally:
        sight.close()


async def _wait_for_devices(doors: HostDoors, sight: Sight, seconds: int) -> None:
    """Wait until it is known of every entry which device it means, for so long at the most."""
    until = doors.clock.monotonic() + seconds
    await sight.look()
    while sight.placed.lost and doors.clock.monotonic() < until:
        await doors.clock.sleep(1.0)
        await sight.look()


async def _rehearse(doors: HostDoors, sight: Sight, here: Session, options: argparse.Namespace) -> Exit:
    parts = [part async for part in Applying(sight, here.operator, rehearsal=True).parts()]
    how = _how(options)
    if how == "json":
        for part in parts:
            write_json(_part_data(part), doors)
    else:
        _begin(doors, how)
        for part in parts:
            sys.stdout.write("".join(f"{line}\n" for line in _part_lines(part, how)))
        if not parts:
            sys.stdout.write(f"{_MARKS[how]}nothing to do: the host is as it was saved\n")
    sys.stdout.flush()
    return Exit.REFUSED if any(part.failed for part in parts) else Exit.OK


def _how(options: argparse.Namespace) -> str:
    """Return how plans are printed: ``text``, ``json`` or ``shell``."""
    return str(options.dry_run or ("json" if options.json else "text"))


def _begin(doors: HostDoors, how: str) -> None:
    """Print what comes before the first plan."""
    if how == "shell":
        sys.stdout.write(f"{SHELL}\n")
    say_source(doors, _MARKS[how])


def _part_lines(part: Part, how: str) -> Iterator[str]:
    mark = _MARKS[how]
    if part.plan is not None:
        yield from script_body(part.plan) if how == "shell" else plan_lines(part.plan, glyphs())
    elif part.later:
        yield f"{mark}{part.phase or ''}: {part.later}"
    if part.plan is None and part.refused:
        yield f"{mark}{_refusal(part)}"


async def _apply(sight: Sight, here: Session, options: argparse.Namespace) -> Exit:
    def tell(plan: Plan, event: RunEvent) -> None:
        if event.step <= 0 and event.state is RunState.STARTED and not options.json:
            sys.stdout.write(f"{plan.title}\n")
        (JsonTeller(plan) if options.json else PlainTeller(plan)).tell(event)

    ended: list[Part] = []
    with interrupts(here.operator, remark) as handler:
        applying = Applying(
            sight, here.operator, confirmed=options.confirm, tell=tell, stopped=lambda: handler.count > 0
        )
        async for part in applying.parts():
            ended.append(part)
            if options.json:
                write_json(_part_data(part), here.doors)
            elif part.refused:
                remark(_refusal(part))
    done = sum(part.ended is not None and not part.failed for part in ended)
    failed = sum(part.failed for part in ended)
    if not options.json:
        what = f"{done} done, {failed} not" if ended else "nothing to do: the host is as it was saved"
        sys.stdout.write(f"{what}\n")
    if handler.count:
        return Exit.INTERRUPTED
    codes = {_ENDS.get(part.ended.state, Exit.OK) if part.ended else Exit.REFUSED for part in ended if part.failed}
    return next((code for code in _WORST if code in codes), Exit.OK)


def _refusal(part: Part) -> str:
    return "; ".join(filter(None, (f"{part.name}: {part.refused}", part.remedy)))


def _part_data(part: Part) -> dict[str, object]:
    return {
        "kind": "part", "name": part.name, "phase": part.phase, "later": part.later,
        "refused": part.refused, "remedy": part.remedy, "ended": part.ended.state if part.ended is not None else None,
        "plan": plan_data(part.plan) if part.plan is not None else None,
    }  # fmt: skip
