"""Themes of the user's own: found, told what is wrong with them, followed while they are changed."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest

import themes
from backend.cli.exits import CommandError, Exit
from backend.cli.settings import Settings
from tests.pictures import simulated
from tests.tui.builders import make_pfs
from tests.tui.screens import Screen, screen
from themes.spec import COLORS, ThemeSpec
from tui.run import run_app
from tui.term.theme_watch import Wardrobe
from tui.term.theming import textual_name
from tui.widgets.detail_pane import DetailPane

HOST = make_pfs(1, 2)
MINE = Settings(theme="mine")


def theme_text(**colors: str) -> str:
    values = dict.fromkeys(COLORS, "#eeeeee") | {"background": "#101010"} | colors
    return "[colors]\n" + "".join(f'{name} = "{value}"\n' for name, value in values.items())


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return the user's folder of themes, looked at more often than a user would need."""
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    monkeypatch.setattr("tui.app.LOOK_AGAIN", 0.02)
    made = tmp_path / "iovtop" / "themes"
    made.mkdir(parents=True)
    return made


def test_a_theme_of_the_user_goes_before_a_shipped_one(tmp_path: Path) -> None:
    (tmp_path / "dark.toml").write_text(theme_text(accent="#123456"))
    (tmp_path / "mine.toml").write_text(theme_text())
    assert themes.load("dark", tmp_path).colors["accent"] == "#123456"
    assert themes.load("dark").colors["accent"] != "#123456"
    assert set(themes.names(tmp_path)) - set(themes.names()) == {"mine"}


def test_only_files_with_a_plain_name_are_themes(tmp_path: Path) -> None:
    (tmp_path / ".#mine.toml").write_text(theme_text())
    (tmp_path / "mine.toml~").write_text(theme_text())
    (tmp_path / "folder.toml").mkdir()
    os.mkfifo(tmp_path / "pipe.toml")
    (tmp_path / "lost.toml").symlink_to(tmp_path / "nowhere")
    (tmp_path.parent / "outside.toml").write_text(theme_text())
    assert themes.names(tmp_path) == themes.names()
    with pytest.raises(themes.ThemeError, match=r"no theme '\.\./outside'"):
        themes.load("../outside", tmp_path)


def test_no_folder_is_no_error(tmp_path: Path) -> None:
    assert themes.names(tmp_path / "none") == themes.names()
    assert themes.load("light", tmp_path / "none") == themes.load("light")


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"\xff\xfe", "is no UTF-8 text"),
        (b"", "[colors] lacks background"),
        (theme_text(text="gren").encode(), "colors.text: 'gren' is no colour (did you mean 'green'?)"),
    ],
)
def test_a_broken_theme_is_told_by_file_key_and_reason(tmp_path: Path, content: bytes, reason: str) -> None:
    file = tmp_path / "mine.toml"
    file.write_bytes(content)
    with pytest.raises(themes.ThemeError) as caught:
        themes.load("mine", tmp_path)
    assert str(caught.value).startswith(f"{file}: {reason}")
    assert caught.value.brief.startswith(f"mine.toml: {reason}")


@pytest.mark.skipif(os.geteuid() == 0, reason="root reads everything")
def test_a_theme_that_may_not_be_read_says_so(tmp_path: Path) -> None:
    (tmp_path / "mine.toml").write_text(theme_text())
    (tmp_path / "mine.toml").chmod(0)
    with pytest.raises(themes.ThemeError, match=r"mine\.toml: cannot be read: Permission denied"):
        themes.load("mine", tmp_path)


def test_a_broken_theme_ends_the_program_before_the_screen_opens(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TERM", "xterm-256color")
    monkeypatch.delenv("NO_COLOR", raising=False)
    (folder / "mine.toml").write_text('"\\u001b[2J" = 1\n')
    with pytest.raises(CommandError, match=r"mine\.toml: unknown key") as caught:
        run_app(simulated("bare")[0], MINE)
    assert "\x1b" not in str(caught.value)
    assert caught.value.code is Exit.USAGE


def rewrite(file: Path, text: str) -> None:
    """Change a file the way editors do: write another and put it in its place."""
    other = file.with_suffix(".new")
    other.write_text(text)
    other.replace(file)


def write_in_place(file: Path, text: str) -> None:
    file.write_text(text)


def grounds(s: Screen) -> set[str]:
    """Return what lies behind the text on the screen."""
    strips = s.app.screen._compositor.render_strips()
    styles = [segment.style for strip in strips for segment in strip if segment.style is not None]
    return {style.bgcolor.get_truecolor().hex for style in styles if style.bgcolor is not None}


@pytest.mark.parametrize("change", [rewrite, write_in_place])
async def test_a_change_of_the_worn_theme_is_put_on(folder: Path, change: Callable[[Path, str], None]) -> None:
    file = folder / "mine.toml"
    file.write_text(theme_text(background="#111111"))
    async with screen(HOST, settings=MINE) as s:
        assert "#111111" in grounds(s)
        change(file, theme_text(background="#123456", surface="#000000"))
        await s.until(lambda: "theme mine read again" in s.text(), "the message")
        await s.until(lambda: "#111111" not in grounds(s), "the new ground everywhere")
        assert "#123456" in grounds(s)
        assert s.app.screen.styles.background.hex == "#123456"
        assert s.app.theme == textual_name("mine")


async def test_a_broken_edit_keeps_the_look_and_says_why_until_it_is_mended(folder: Path) -> None:
    file = folder / "mine.toml"
    file.write_text(theme_text(background="#111111"))
    async with screen(HOST, settings=MINE) as s:
        rewrite(file, theme_text(background="#123456", text="gren"))
        await s.until(lambda: "mine.toml: colors.text: 'gren' is no colour" in s.text(), "the message")
        assert "#111111" in grounds(s)
        rewrite(file, theme_text(background="#654321"))
        await s.until(lambda: "#654321" in grounds(s), "the mended theme")


async def test_a_theme_that_went_away_keeps_its_look_and_is_put_on_when_it_is_back(folder: Path) -> None:
    file = folder / "mine.toml"
    file.write_text(theme_text(background="#111111"))
    async with screen(HOST, settings=MINE) as s:
        file.unlink()
        await s.until(lambda: "mine.toml: is gone; the look before stays" in s.text(), "the message")
        assert "#111111" in grounds(s)
        file.write_text(theme_text(background="#654321"))
        await s.until(lambda: "#654321" in grounds(s), "the new file")


async def test_other_screens_follow_too(folder: Path) -> None:
    file = folder / "mine.toml"
    file.write_text(theme_text(background="#111111", surface="#111111"))
    async with screen(HOST, settings=MINE) as s:
        await s.press("question_mark")
        assert s.app.screen.query(DetailPane)
        rewrite(file, theme_text(background="#123456", surface="#123456"))
        await s.until(lambda: grounds(s) == {"#123456"}, "the help in new colours")
        await s.press("question_mark")
        await s.until(lambda: "#123456" in grounds(s) and "#111111" not in grounds(s), "the first screen")


async def test_the_next_theme_leaves_out_a_broken_one_and_names_it(folder: Path) -> None:
    (folder / "dawn.toml").write_text("[colours]\n")
    async with screen(HOST) as s:
        names = [s.app.theme]
        while names.count(names[0]) < 2:
            await s.press("T")
            names.append(s.app.theme)
            if s.app.theme == textual_name("high-contrast"):
                assert "dawn.toml: unknown key colours (did you mean 'colors'?)" in s.text()
        assert names[1:] == [
            textual_name(name) for name in ("high-contrast", "light", "mono", "ansi", "colour-blind", "dark")
        ]


async def test_a_name_that_is_a_list_to_textual_is_one_name(folder: Path) -> None:
    (folder / "my theme, new.toml").write_text(theme_text(background="#123456"))
    async with screen(HOST, settings=Settings(theme="my theme, new")) as s:
        assert s.app.screen.styles.background.hex == "#123456"


def test_nothing_is_looked_at_while_a_shipped_theme_is_worn(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (folder / "mine.toml").write_text(theme_text())
    wardrobe = Wardrobe(folder)
    wardrobe.put_on("light")
    with monkeypatch.context() as closed:
        closed.setattr("os.stat", lambda path: pytest.fail("a stat"))
        assert wardrobe.changed() is None
    wardrobe.put_on("mine")
    assert wardrobe.changed() is None
    with pytest.raises(themes.ThemeError):
        wardrobe.put_on("nothing")
    rewrite(folder / "mine.toml", theme_text(accent="#123456"))
    changed = wardrobe.changed()
    assert changed is not None
    assert changed.colors["accent"] == "#123456"
    assert wardrobe.changed() is None


def test_a_shipped_theme_shows_again_when_the_users_file_of_its_name_is_gone(tmp_path: Path) -> None:
    file = tmp_path / "light.toml"
    file.write_text(theme_text())
    wardrobe = Wardrobe(tmp_path)
    wardrobe.put_on("light")
    file.unlink()
    assert wardrobe.changed() == themes.load("light")
    file.write_text(theme_text(accent="#123456"))
    again = wardrobe.changed()
    assert again is not None
    assert again.colors["accent"] == "#123456"


def test_an_edit_while_a_theme_is_read_is_seen_afterwards(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "mine.toml"
    file.write_text(theme_text())
    read = themes.load

    def slow(name: str, folder: Path | None = None) -> ThemeSpec:
        spec = read(name, folder)
        rewrite(file, theme_text(accent="#123456"))
        return spec

    wardrobe = Wardrobe(tmp_path)
    with monkeypatch.context() as patched:
        patched.setattr(themes, "load", slow)
        assert wardrobe.put_on("mine").colors["accent"] == "#eeeeee"
    changed = wardrobe.changed()
    assert changed is not None
    assert changed.colors["accent"] == "#123456"
