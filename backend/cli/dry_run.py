"""``--dry-run``: only print the plan."""

from __future__ import annotations

import argparse
from collections.abc import Iterable, Iterator

FORMATS = ("text", "json", "shell")
"""What a plan is printed as."""


def add_option(parser: argparse._ActionsContainer) -> None:
    """Add the option; its value is None where it is not given."""
    parser.add_argument(
        "--dry-run", nargs="?", const=FORMATS[0], choices=FORMATS, metavar="FORMAT",
        help="only print what would be done: as text, as json, or as a shell script; --dry-run=FORMAT",
    )  # fmt: skip


def with_formats(arguments: Iterable[str]) -> Iterator[str]:
    """Yield the words with every --dry-run and its format as one: a bare one would take any word after it for that."""
    words = iter(arguments)
    for word in words:
        if word != "--dry-run":
            yield word
            continue
        after = next(words, None)
        if after in FORMATS:
            yield f"--dry-run={after}"
        else:
            yield f"--dry-run={FORMATS[0]}"
            if after is not None:
                yield after
