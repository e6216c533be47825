"""The papers say what the program does."""

from __future__ import annotations

import os
import re
from pathlib import Path

from backend.cli.exits import Exit
from tui.actions import ACTIONS, key_table

ROOT = Path(__file__).parents[2]

_KEYS_HEAD = "# Keys\n\nMade from the program's own list of actions.\n\n"


def test_keys_page_lists_every_action() -> None:
    page = _KEYS_HEAD + key_table()
    if os.environ.get("UPDATE_GOLDEN"):
        (ROOT / "KEYS.md").write_text(page)
    assert (ROOT / "KEYS.md").read_text() == page
    assert all(action.help.replace("|", "\\|") in page for action in ACTIONS)


def test_readme_lists_every_exit_code() -> None:
    rows = re.findall(r"^\| (\d+) \|", (ROOT / "README.md").read_text(), re.MULTILINE)
    assert {int(row) for row in rows} == {int(code) for code in Exit}


def test_readme_names_files_that_exist() -> None:
    links = re.findall(r"\]\(([^)#:]+)\)", (ROOT / "README.md").read_text())
    assert links
    assert [link for link in links if not (ROOT / link).exists()] == []


def test_make_targets_of_the_papers_exist() -> None:
    makefile = (ROOT / "Makefile").read_text()
    named = {
        target
        for paper in ("README.md", "CONTRIBUTING.md")
        for target in re.findall(r"\bmake ([a-z]+(?:-[a-z]+)*)\b", (ROOT / paper).read_text())
    }
    assert named
    assert [target for target in named if not re.search(rf"^{target}:", makefile, re.MULTILINE)] == []
