"""CPU time of commands, measured in turn, so that a busy moment of the machine meets all of them."""

from __future__ import annotations

import json
import os
import shutil
import statistics
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from tests.bench import namespaces, paths, tools
from tests.bench.report import Skip

_TIMEOUT = 120
_BUDGET = 25.0
"""Wall seconds after which a command is not repeated any more."""


@dataclass(frozen=True, slots=True)
class Command:
    """One command to measure."""

    name: str
    argv: Sequence[str]
    sysfs: Path | None = None
    """A tree to put on /sys for it."""
    warm: bool = False
    """Run it once before, unmeasured: a Python program that writes its .pyc files at first."""


@dataclass(frozen=True, slots=True)
class Sample:
    """One run: seconds of all processes that were waited for, and memory of the command itself."""

    status: int
    timed_out: bool
    wall: float
    user: float
    system: float
    rss_kib: int

    @property
    def cpu(self) -> float:
        """Return user and system seconds together: only their sum is exact in Linux."""
        return self.user + self.system


@dataclass(slots=True)
class Runs:
    """All samples of one command, and what it printed last."""

    samples: list[Sample] = field(default_factory=list)
    output: bytes = b""
    errors: str = ""

    @property
    def cpu(self) -> float:
        """Return the median CPU seconds."""
        return statistics.median(sample.cpu for sample in self.samples)

    @property
    def least_cpu(self) -> float:
        """Return the least CPU seconds of any run."""
        return min(sample.cpu for sample in self.samples)

    def ratio(self, reference: Runs) -> float:
        """Return the median ratio of CPU seconds to another command's, round by round."""
        pairs = zip(self.samples, reference.samples, strict=False)
        return statistics.median(mine.cpu / other.cpu for mine, other in pairs)

    @property
    def wall(self) -> float:
        """Return the median wall seconds."""
        return statistics.median(sample.wall for sample in self.samples)

    @property
    def rss_mib(self) -> float:
        """Return the largest memory of any run."""
        return max(sample.rss_kib for sample in self.samples) / 1024

    @property
    def problem(self) -> str:
        """Return why the last run does not count; "" if it does."""
        last = self.samples[-1]
        if last.timed_out:
            return f"not done after {_TIMEOUT} s"
        if last.status:
            reason = self.errors.strip().splitlines()[-1:] or ["no message"]
            return f"exit status {last.status}: {reason[0][:200]}"
        return ""


def environment() -> dict[str, str]:
    """Return the environment of every measured command.

    libudev lists nothing below a /sys that is no sysfs unless it is told not to look.
    """
    kept = {name: value for name, value in os.environ.items() if not name.startswith("PYTHON")}
    path = kept.get("PATH", "/usr/bin:/bin")
    return {
        **kept,
        "PATH": f"{path}:/usr/sbin:/sbin",
        "LC_ALL": "C.UTF-8",
        "PYTHONPATH": str(paths.CHECKOUT),
        "SYSTEMD_DEVICE_VERIFY_SYSFS": "0",
    }


def installed(program: str) -> bool:
    """Return whether ``program`` can be run."""
    return shutil.which(program, path=environment()["PATH"]) is not None


def run_once(command: Command, scratch: Path, variables: Mapping[str, str]) -> tuple[Sample, Path]:
    """Run a command once. Returns its sample, and the file with its standard output (errors: ``.err``)."""
    output = scratch / "output"
    argv = [str(tools.program("runmeas")), str(output), str(_TIMEOUT), *command.argv]
    if command.sysfs is not None:
        argv = namespaces.on_sys(command.sysfs, argv)
    done = subprocess.run(argv, capture_output=True, text=True, env=dict(variables), cwd=paths.CHECKOUT, check=False)
    if done.returncode:
        raise Skip(f"{command.name}: {done.stderr.strip() or 'runmeas failed'}")
    return Sample(**json.loads(done.stdout)), output


def run_in_turn(commands: Sequence[Command], scratch: Path, repeat: int) -> dict[str, Runs]:
    """Run all commands ``repeat`` times, one after another in each round.

    A command that fails, or has used up its share of time, is left out of the later rounds.
    """
    variables = environment()
    results: dict[str, Runs] = {command.name: Runs() for command in commands}
    for command in commands:
        if command.warm:
            run_once(command, scratch, variables)
    for turn in range(repeat):
        print(f"round {turn + 1}/{repeat} of {len(commands)} commands", file=sys.stderr, flush=True)
        for command in commands:
            runs = results[command.name]
            spent = sum(sample.wall for sample in runs.samples)
            if runs.samples and (runs.problem or spent + runs.wall > _BUDGET):
                continue
            sample, output = run_once(command, scratch, variables)
            runs.samples.append(sample)
            runs.output = output.read_bytes()
            runs.errors = Path(f"{output}.err").read_text(encoding="utf-8", errors="replace")
    return results
