"""A program that lets operations be killed at random points and looks how recovery copes; prints JSON.

Each round: a host with some VFs, a child that asks for another number of them and is killed by SIGKILL — before its
k-th system call on a file, in the midst of a write, or after a random time —, and a new process's view of what is
left. Runs by itself, for it forks: ``python -m tests.unit.ops.crashes FOLDER FIRST COUNT``.
"""

from __future__ import annotations

import asyncio
import json
import os
import random
import signal
import sys
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

from backend.model.operation import Standing, Who
from backend.model.plan import Asked, RunState
from backend.ops.journal_file import FileJournal
from backend.ops.operator import LocalOperator
from tests.unit.ops.lasting import LastingHost

PF = "0000:01:00.0"
_DEVICE = f"/sys/bus/pci/devices/{PF}"
_WHO = Who(0, None, "root", "", "", "")
_CALLS = ("open", "write", "pwrite", "pread", "fdatasync", "fsync", "ftruncate", "close")
_CALLS_BEFORE = range(6, 29)
"""Which call may be the first that is not made."""
_LONGEST = 0.25
"""Seconds that an operation takes on a machine that has nothing else to do, with time to spare."""


class Round:
    """One host, one operation, one crash."""

    def __init__(self, folder: Path, seed: int) -> None:
        self.random = random.Random(seed)
        folder.mkdir(parents=True)
        self.folder = folder
        self.before = (self.random.choice((0, 0, 1, 3, 4)), self.random.choice((True, True, False)))
        self.wanted = self.random.choice([count for count in range(5) if count != self.before[0]])
        self.guests = self.random.random() < 0.5
        self.early = host = self.host()
        for name, value in (("sriov_drivers_autoprobe", int(self.before[1])), ("sriov_numvfs", self.before[0])):
            asyncio.run(host.manual.run(host.write(f"{_DEVICE}/{name}", b"%d\n" % value, deadline=600.0)))
        self.first = len(host.writes)

    def host(self) -> LastingHost:
        return LastingHost(self.folder / "host")

    def operator(self, host: LastingHost) -> LocalOperator:
        return LocalOperator(host, FileJournal(self.folder, host.clock), _WHO)

    def crash(self) -> None:
        """Let a child do it, and kill it somewhere."""
        host = self.early
        delay = self.random.random() * _LONGEST
        by_time = self.random.random() < 0.2
        child = os.fork()
        if child == 0:
            try:
                if not by_time:
                    kill_before(self.random.choice(_CALLS_BEFORE), torn=self.random.random() < 0.3)
                asyncio.run(host.manual.run(self._ask(host)))
            finally:
                os._exit(0)
        if by_time:
            time.sleep(delay)
            os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)
        host.close()

    async def _ask(self, host: LastingHost) -> None:
        operator = self.operator(host)
        plan = await operator.plan([Asked("numvfs", {"pf": PF, "count": self.wanted, "guests": self.guests})])
        async for _ in operator.run(plan.asked, plan.fingerprint):
            pass

    async def recover(self, host: LastingHost, told: Counter[str]) -> str:
        """Recover as an operator would; return what it was to end as: asked, before, or untouched."""
        operator = self.operator(host)
        if not await operator.log():
            return "untouched"
        unfinished = await operator.recover()
        end = (await operator.log())[0]
        ended = "asked" if end.ended is RunState.DONE else "before"
        for one in unfinished:
            told[one.standing] += 1
            if one.standing is Standing.CLOSED:
                continue
            assert one.standing is Standing.OPEN, one
            back = self.random.random() < 0.5
            plan = one.rollback if back else one.finish
            assert plan is not None
            number = one.entry.operation
            events = [
                event
                async for event in operator.run(
                    plan.asked, plan.fingerprint, undoes=number if back else None, settles=number
                )
            ]
            assert events[-1].state is RunState.DONE, events
            told["taken back" if back else "finished"] += 1
            ended = "before" if back else "asked"
        assert await operator.recover() == ()
        assert not any(entry.unfinished for entry in await operator.log())
        assert await operator.damage() == ()
        return ended

    def check(self, host: LastingHost, ended: str) -> None:
        """Assert that the host is as was asked for, or as before, and that nothing was done to the PF unannounced."""
        links = [name for name in host.files.list(_DEVICE) if name.startswith("virtfn")]
        autoprobe = host.files.read(f"{_DEVICE}/sriov_drivers_autoprobe").strip() == b"1"
        count = self.wanted if ended == "asked" else self.before[0]
        assert (len(links), autoprobe) == (count, self.before[1]), (ended, len(links), autoprobe)
        if ended == "asked" and self.guests:
            drivers = {host.files.readlink(f"{_DEVICE}/{link}/driver").rpartition("/")[2] for link in links}
            assert drivers <= {"vfio-pci"}
        made = [(path, value.strip()) for path, value in host.writes[self.first :] if path.startswith(_DEVICE)]
        meant = [
            (entry.plan.steps[step.step].where, entry.plan.steps[step.step].new)
            for entry in FileJournal(self.folder, host.clock).entries()
            for step in entry.steps
            if entry.plan.steps[step.step].where.startswith(_DEVICE)
        ]
        assert made == meant or any(made == meant[:at] + meant[at + 1 :] for at in range(len(meant))), (made, meant)


def kill_before(k: int, *, torn: bool) -> None:
    """Let this process be killed before its k-th call; ``torn``: where that is a write, after a part of it."""
    left = k

    def wrapped(name: str, call: Callable[..., Any]) -> Callable[..., Any]:
        def counted(*arguments: Any, **more: Any) -> Any:
            nonlocal left
            left -= 1
            if left == 0:
                if (
                    torn and name == "write" and arguments[1][8:9] == b" "
                ):  # a line of the journal; writes of /sys are whole
                    call(arguments[0], arguments[1][: len(arguments[1]) // 2])
                os.kill(os.getpid(), signal.SIGKILL)
            return call(*arguments, **more)

        return counted

    for name in _CALLS:
        setattr(os, name, wrapped(name, getattr(os, name)))


def main(folder: Path, first: int, count: int) -> None:
    """Run the rounds and print what happened."""
    told: Counter[str] = Counter()
    wrong: list[str] = []
    for seed in range(first, first + count):
        one = Round(folder / str(seed), seed)
        one.crash()
        host = one.host()
        try:
            ended = asyncio.run(host.manual.run(one.recover(host, told)))
            told[f"ended {ended}"] += 1
            one.check(host, ended)
        except Exception as error:
            wrong.append(f"seed {seed}: {type(error).__name__}: {error}")
        host.close()
    print(json.dumps({"told": told, "wrong": wrong}))  # noqa: T201


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3]))
