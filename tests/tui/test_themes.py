"""Themes: complete, legible, and clear about what is wrong with them."""

from __future__ import annotations

from pathlib import Path

import pytest
from textual.color import Color

import themes
from backend.present.columns import Role
from themes.spec import COLORS, PARTS, ROLES, ThemeSpec
from themes.style import Style
from tui.term.theming import Look, textual_theme

SHIPPED = ("ansi", "dark", "high-contrast", "light", "mono")
COLORED = ("dark", "high-contrast", "light")
SHAPES = {"guide", "rule", "cursor", "cursor-blurred", "cursor-bar"}
"""Parts that are no text: 4.5:1 is asked of text."""


def minimal(**colors: str) -> str:
    values = dict.fromkeys(COLORS, "#ffffff") | colors
    return "[colors]\n" + "".join(f'{name} = "{value}"\n' for name, value in values.items())


def contrast(spec: ThemeSpec, style: Style, ground: str) -> float:
    """Return the contrast ratio of a text (WCAG 2)."""
    front = Color.parse(style.color or spec.colors["text"])
    back = Color.parse(style.background or ground)
    if style.reverse:
        front, back = back, front
    lighter, darker = sorted((luminance(front), luminance(back)), reverse=True)
    return (lighter + 0.05) / (darker + 0.05)


def luminance(color: Color) -> float:
    """Return the relative luminance (WCAG 2)."""
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in color.normalized]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def test_the_shipped_themes_are_all_there() -> None:
    assert set(SHIPPED) <= set(themes.names())


def test_themes_know_the_roles_of_the_columns() -> None:
    assert set(ROLES) == {role.value for role in Role}


@pytest.mark.parametrize("name", COLORED)
def test_every_text_stands_out_from_every_ground_it_lies_on(name: str) -> None:
    spec = themes.load(name)
    grounds = [spec.colors["background"], spec.colors["selection"], spec.parts["cursor-blurred"].background]
    texts = {**spec.roles, **{n: s for n, s in spec.parts.items() if n not in SHAPES}}
    for text, style in texts.items():
        for ground in [style.background] if style.background else grounds:
            assert contrast(spec, style, ground) >= 4.5, (text, ground)


def test_high_contrast_is_what_it_says() -> None:
    spec = themes.load("high-contrast")
    for style in spec.roles.values():
        assert contrast(spec, style, spec.colors["background"]) >= 7


@pytest.mark.parametrize("name", ["ansi", "mono"])
def test_themes_of_the_terminal_use_only_its_colours(name: str) -> None:
    spec = themes.load(name)
    assert spec.ansi
    assert all(not value.startswith("#") for value in spec.colors.values())
    assert spec.parts["cursor"].reverse


def test_mono_has_no_colour() -> None:
    spec = themes.load("mono")
    for style in (*spec.roles.values(), *spec.parts.values()):
        assert {style.color, style.background} <= {"", "default"}


@pytest.mark.parametrize("name", SHIPPED)
def test_every_theme_becomes_styles_for_every_role(name: str) -> None:
    look = Look(themes.load(name))
    for role in Role:
        look.role(role, "cursor")
    for part in PARTS:
        look.part(part)
    assert textual_theme(look.spec).ansi is look.spec.ansi


def test_a_theme_of_the_user_goes_before_a_shipped_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    folder = tmp_path / "iovtop" / "themes"
    folder.mkdir(parents=True)
    (folder / "dark.toml").write_text(minimal(accent="#123456"))
    (folder / "mine.toml").write_text(minimal())
    assert themes.load("dark").colors["accent"] == "#123456"
    assert "mine" in themes.names()


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("colors = ", "mine.toml: Invalid value"),
        ('[colors]\ntext = "#ffffff"\n', "mine.toml: [colors] lacks background"),
        (minimal(acent="#ffffff"), "unknown key colors.acent (did you mean 'accent'?)"),
        (minimal(text="gren"), "colors.text: 'gren' is no colour (did you mean 'green'?)"),
        (minimal() + '[roles]\npasstrough = "text"\n', "unknown key roles.passtrough (did you mean 'passthrough'?)"),
        (minimal() + '[roles]\ntrap = "bold acent"\n', "roles.trap: 'acent' is no colour"),
        (minimal() + "[roles]\ntrap = 3\n", "roles.trap: 3 is no str"),
        ("dark = 1\n" + minimal(), "dark: 1 is no bool"),
        ("drak = true\n" + minimal(), "unknown key drak (did you mean 'dark'?)"),
    ],
)
def test_errors_name_file_and_key(text: str, message: str) -> None:
    with pytest.raises(themes.ThemeError) as caught:
        themes.parse(text, "mine", "/home/me/mine.toml")
    assert message in str(caught.value)
    assert "mine.toml" in str(caught.value)


def test_an_unknown_theme_is_met_with_the_nearest_name() -> None:
    with pytest.raises(themes.ThemeError, match="did you mean 'light'"):
        themes.load("ligth")
