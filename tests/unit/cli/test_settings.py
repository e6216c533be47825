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
        ("[zzz]\n", ["unknown section zzz", "known: screen, thresholds, log"]),
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
        ("thresholds = 1\n", ["thresholds must be a section"]),
        ("[thresholds]\nx = 1\n", ["thresholds.x must be a section"]),
        ("[thresholds.x]\nabove = 1\n", ["thresholds.x: counter is missing", "drops", "hwmon.temp1_input"]),
        ('[thresholds.x]\ncounter = "dorps"\nabove = 1\n', ["no counter 'dorps'", "did you mean 'drops'?"]),
        ('[thresholds.x]\ncounter = "drops"\n', ["either above or below"]),
        ('[thresholds.x]\ncounter = "drops"\nabove = 1\nbelow = 1\n', ["either above or below"]),
        ('[thresholds.x]\ncounter = "drops"\nabove = "much"\n', ["above must be a number", "1.5M", "much"]),
        ('[thresholds.x]\ncounter = "drops"\nabove = inf\n', ["above must be a number"]),
        ('[thresholds.x]\ncounter = "drops"\nabove = 1\nclear = 2\n', ["clear is more than above"]),
        ('[thresholds.x]\ncounter = "drops"\nbelow = 2\nclear = 1\n', ["clear is less than below"]),
        ('[thresholds.x]\ncounter = "drops"\nabove = 1\nfor = -1\n', ["for must be a number of seconds"]),
        ('[thresholds.x]\ncounter = "drops"\nabove = 1\nseverity = "bad"\n', ["info, warning or error", "bad"]),
        ('[thresholds.x]\ncounter = "drops"\nabov = 1\n', ["unknown key abov", "did you mean 'above'?"]),
        ('[thresholds."a b"]\ncounter = "drops"\nabove = 1\n', ["a name has letters, digits"]),
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


def test_thresholds_are_read_in_the_units_of_the_screen(home: Path) -> None:
    file = home / "c.toml"
    file.write_text(
        '[thresholds.hot]\ncounter = "hwmon.temp1_input"\nabove = 80\n'
        '[thresholds.idle]\ncounter = "in"\nbelow = "1.5M"\nclear = "2M"\nfor = 60\nseverity = "info"\n'
        '[thresholds.busy]\ncounter = "cpu"\nabove = 50\n'
    )
    hot, idle, busy = load_settings(file).thresholds
    assert (hot.limit, hot.clear, hot.above, hot.seconds, hot.severity) == (80_000, 72_000, True, 10.0, "warning")
    assert (idle.limit, idle.clear, idle.above, idle.seconds, idle.severity) == (1.5e6, 2e6, False, 60.0, "info")
    assert busy.limit == 5e8
