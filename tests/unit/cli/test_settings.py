"""config.toml: what it may say, and how clearly it is refused."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from backend.cli.exits import CommandError, Exit
from backend.cli.settings import DEFAULT_CONFIG, Settings, config_home, load_settings, state_home
from backend.present.view import View


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A user's folders."""
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    return tmp_path


def test_no_file_means_the_defaults(home: Path) -> None:
    assert load_settings() == Settings(log_file=home / "state/iovtop/iovtop.log")


def test_the_printed_defaults_are_the_defaults(home: Path) -> None:
    file = home / "c.toml"
    file.write_text(DEFAULT_CONFIG)
    assert load_settings(file) == load_settings()


def test_the_users_own_file(home: Path) -> None:
    file = home / "config/iovtop/config.toml"
    file.parent.mkdir(parents=True)
    file.write_text('[screen]\nview = "groups"\ninterval = 2\nmouse = false\nfilter = "vf"\n[log]\nfile = "~/x.log"\n')
    expected = Settings(view=View.GROUPS, interval=2.0, mouse=False, filter="vf")
    assert replace(load_settings(), log_file=None) == expected
    assert load_settings().log_file == Path.home() / "x.log"


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("[scren]\n", ["unknown section scren", "did you mean screen?"]),
        ("[zzz]\n", ["unknown section zzz", "known: screen, log"]),
        ('[screen]\nthem = "dark"\n', ["unknown key screen.them", "did you mean screen.theme?"]),
        ("[screen]\nqqq = 1\n", ["unknown key screen.qqq", "known: screen.theme"]),
        ("[log]\nfiel = 1\n", ["unknown key log.fiel", "did you mean log.file?"]),
        ("[screen]\ninterval = 0.1\n", ["screen.interval", "0.5 to 60", "0.1"]),
        ("[screen]\ninterval = true\n", ["screen.interval", "True"]),
        ("[screen]\ninterval = nan\n", ["screen.interval"]),
        ('[screen]\nmouse = "yes"\n', ["screen.mouse must be true or false"]),
        ('[screen]\nview = "device"\n', ["screen.view must be devices, groups, holders"]),
        ('[screen]\nglyphs = "emoji"\n', ["screen.glyphs must be auto, unicode or ascii"]),
        ("[screen]\ntheme = 1\n", ["screen.theme must be a text"]),
        ("[log]\nfile = 1\n", ["log.file must be a text"]),
        ("screen = 1\n", ["screen must be a section", "[screen]"]),
        ("[screen\n", ["not valid TOML", "line 1"]),
    ],
)
def test_what_is_wrong_names_file_key_and_what_was_meant(home: Path, text: str, words: list[str]) -> None:
    file = home / "c.toml"
    file.write_text(text)
    with pytest.raises(CommandError) as caught:
        load_settings(file)
    assert caught.value.code is Exit.USAGE
    message = str(caught.value)
    assert message.startswith(f"{file}: ")
    assert "\n" not in message
    for word in words:
        assert word in message


def test_a_file_that_is_no_text(home: Path) -> None:
    (home / "c.toml").write_bytes(b"\xff\xfe")
    with pytest.raises(CommandError, match="cannot be read"):
        load_settings(home / "c.toml")


def test_folders_of_the_user(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert config_home() == home / "config/iovtop"
    assert state_home() == home / "state/iovtop"
    monkeypatch.setenv("XDG_CONFIG_HOME", "")
    assert config_home() == Path.home() / ".config/iovtop"
