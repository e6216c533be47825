"""What this machine lacks is named by package."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.lab.parts import missing_packages


def test_packages_of_commands_that_are_not_there(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    missing = missing_packages()
    assert missing == sorted(missing)
    assert {"bash", "tmux"} <= set(missing)
    (tmp_path / "tmux").write_text("#!/bin/sh\n")
    (tmp_path / "tmux").chmod(0o755)
    assert set(missing) - set(missing_packages()) == {"tmux"}


def test_building_a_kernel_needs_more(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    more = set(missing_packages(build_kernel=True)) - set(missing_packages())
    assert {"bison", "flex"} <= more
