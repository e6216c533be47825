"""What terminals can show, told by their environment."""

from __future__ import annotations

import pytest

from tests.tui.builders import make_pfs
from tests.tui.screens import screen
from tui.term.capabilities import Depth, detect


@pytest.mark.parametrize(
    ("environ", "depth", "theme", "glyphs"),
    [
        ({"TERM": "xterm-256color", "COLORTERM": "truecolor"}, Depth.TRUE, "dark", "unicode"),
        ({"TERM": "xterm-256color"}, Depth.PALETTE, "dark", "unicode"),
        ({"TERM": "tmux-256color"}, Depth.PALETTE, "dark", "unicode"),
        ({"TERM": "xterm"}, Depth.SIXTEEN, "ansi", "unicode"),
        ({"TERM": "screen"}, Depth.SIXTEEN, "ansi", "unicode"),
        ({"TERM": "linux"}, Depth.SIXTEEN, "ansi", "ascii"),
        ({"TERM": "vt100"}, Depth.NONE, "mono", "ascii"),
        ({"TERM": "dumb"}, Depth.NONE, "mono", "ascii"),
        ({}, Depth.NONE, "mono", "unicode"),
        ({"TERM": "xterm-256color", "NO_COLOR": "1"}, Depth.PALETTE, "mono", "unicode"),
    ],
)
def test_depth_theme_and_glyphs(environ: dict[str, str], depth: Depth, theme: str, glyphs: str) -> None:
    found = detect(environ, "utf-8")
    assert (found.depth, found.theme("dark"), found.glyphs.name) == (depth, theme, glyphs)


def test_a_theme_chosen_on_purpose_stays() -> None:
    assert detect({"TERM": "xterm"}, "utf-8").theme("light") == "light"
    assert detect({"TERM": "xterm", "NO_COLOR": "1"}, "utf-8").theme("light") == "mono"


def test_signs_follow_the_locale_unless_told() -> None:
    assert detect({"TERM": "xterm"}, "iso-8859-1").glyphs.name == "ascii"
    assert detect({"TERM": "linux"}, "iso-8859-1", "unicode").glyphs.name == "unicode"
    assert detect({"TERM": "xterm"}, "utf-8", "ascii").glyphs.name == "ascii"


@pytest.mark.parametrize("environ", [{"TERM": "xterm", "NO_COLOR": "1"}, {"TERM": "linux"}, {"TERM": "vt100"}])
async def test_poor_terminals_get_no_colour_they_cannot_show(
    environ: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    if "NO_COLOR" in environ:
        monkeypatch.setenv("NO_COLOR", "1")
    async with screen(make_pfs(2, 4), (80, 24), environ=environ, glyphs="auto") as s:
        await s.press("j", "T")
        for strip in s.app.screen._compositor.render_strips():
            for segment in strip:
                for color in (segment.style.color, segment.style.bgcolor) if segment.style else ():
                    assert color is None or color.is_system_defined or color.is_default, segment
        assert any(segment.style and segment.style.reverse for segment in s.tree.render_line(1))


async def test_ascii_is_ascii_everywhere() -> None:
    async with screen(make_pfs(4, 16), (80, 24), glyphs="ascii") as s:
        for keys in (["j"], ["2"], ["enter"], ["escape"], ["slash", "v"], ["escape"], ["question_mark"]):
            await s.press(*keys)
            assert s.text().isascii(), [line for line in s.lines() if not line.isascii()]
