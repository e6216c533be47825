"""What every section is given."""

from __future__ import annotations

import shlex
import sys
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from tests.bench import paths
from tests.bench.report import Skip
from tests.bench.trees import Trees


@dataclass(frozen=True, slots=True)
class Options:
    """What was asked for on the command line."""

    size: str = "L"
    repeat: int = 5
    seconds: float = 10.0
    xl: bool = False
    slow: bool = False
    command: str = ""
    """Another iovtop to measure than the checkout's; "" for that one."""


@dataclass(frozen=True, slots=True)
class Bench:
    """Options and trees of one run."""

    options: Options
    trees: Trees = field(default_factory=Trees)

    def iovtop(self, *arguments: str | Path) -> list[str]:
        """Return the command line of iovtop with these arguments.

        The interpreter is this one, by its real path: a version manager's shim would cost more than iovtop.

        Raises:
            Skip: the checkout has no iovtop to start.
        """
        return [*self._program(), *map(str, arguments)]

    def _program(self) -> Sequence[str]:
        if self.options.command:
            return shlex.split(self.options.command)
        if not (paths.CHECKOUT / "tui" / "__main__.py").exists():
            raise Skip("this checkout has no tui/__main__.py to start")
        return [sys.executable, "-m", "tui"]
