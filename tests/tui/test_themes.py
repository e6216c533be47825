"""Themes: complete, legible, and clear about what is wrong with them."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import combinations

import pytest
from rich.color import ColorSystem
from rich.style import Style

import themes
from backend.present.columns import Role
from tests.tui.colour_vision import VISIONS, Triple, contrast, difference, distance
from themes.spec import COLORS, PARTS, ROLES
from tui.term.theming import Look, textual_theme

SHIPPED = ("ansi", "colour-blind", "dark", "high-contrast", "light", "mono")
COLORED = ("colour-blind", "dark", "high-contrast", "light")
GROUNDS = ("", "cursor", "cursor-blurred")
SHAPES = {"guide", "rule", "cursor", "cursor-blurred", "cursor-bar"}
"""Parts that are no text: 4.5:1 is asked of text."""
ON_ROWS = {"base", "key", "pf", "fold", "changed", "changed-mark"}
"""Parts that rows are made of: they lie on the cursor's ground too, even where they have one of their own."""

STATES = ("idle", "host", "ready", "passthrough", "trap", "mediated", "good", "warning", "danger", "vm", "held", "free")
ALIKE = ({"ready", "good", "free"}, {"host", "held"})
"""States that say the same: fine to use; in use by something that is no VM."""
CLEARLY = 10
"""The least distance of two states: ten times what can be seen at all, for thin letters far apart on a screen."""
ROUGHLY = 7
"""The same in a terminal of 256 colours, which shows the nearest that it has."""
BARELY = 4
"""The least distance where the theme is not made for it and the words beside the colours must do."""


def minimal(**colors: str) -> str:
    values = dict.fromkeys(COLORS, "#ffffff") | colors
    return "[colors]\n" + "".join(f'{name} = "{value}"\n' for name, value in values.items())


def foreground(style: Style, shown: ColorSystem = ColorSystem.TRUECOLOR) -> str:
    """Return the colour of a text as a terminal shows it."""
    assert style.color is not None
    return style.color.downgrade(shown).get_truecolor().hex


def ratio(style: Style) -> float:
    """Return the contrast of a text with its ground."""
    assert style.bgcolor is not None
    assert not style.dim
    return contrast(foreground(style), style.bgcolor.get_truecolor().hex)


def texts(look: Look) -> Iterator[tuple[str, Style]]:
    """Return the name and the look of every text, on every ground that it can lie on."""
    for role in Role:
        for ground in GROUNDS:
            yield f"{role} on {ground or 'base'}", look.role(role, ground)
    for part in PARTS.keys() - SHAPES:
        yield part, look.part(part)
        if part in ON_ROWS or not look.spec.parts[part].background:
            for ground in GROUNDS[1:]:
                yield f"{part} on {ground}", look.part(part, ground)


def test_the_shipped_themes_are_all_there() -> None:
    assert set(SHIPPED) <= set(themes.names())


def test_themes_know_the_roles_of_the_columns() -> None:
    assert set(ROLES) == {role.value for role in Role}


@pytest.mark.parametrize("name", COLORED)
def test_every_text_stands_out_from_every_ground_it_lies_on(name: str) -> None:
    poor = {words: round(ratio(style), 2) for words, style in texts(Look(themes.load(name))) if ratio(style) < 4.5}
    assert not poor


@pytest.mark.parametrize("name", COLORED)
def test_the_bar_of_the_cursor_can_be_seen(name: str) -> None:
    look = Look(themes.load(name))
    for ground in GROUNDS[1:]:
        assert ratio(look.part("cursor-bar", ground)) >= 3


def test_high_contrast_is_what_it_says() -> None:
    look = Look(themes.load("high-contrast"))
    poor = {words: round(ratio(style), 2) for words, style in texts(look) if ratio(style) < 7}
    assert not poor


@pytest.mark.parametrize(("shown", "least"), [(ColorSystem.TRUECOLOR, CLEARLY), (ColorSystem.EIGHT_BIT, ROUGHLY)])
@pytest.mark.parametrize("vision", VISIONS)
def test_states_stay_apart_for_those_who_lack_one_kind_of_cone(vision: str, shown: ColorSystem, least: float) -> None:
    look = Look(themes.load("colour-blind"))
    colors = {state: foreground(look.role(Role(state)), shown) for state in STATES}
    pairs = [pair for pair in combinations(STATES, 2) if not any(same.issuperset(pair) for same in ALIKE)]
    far = {(a, b): distance(colors[a], colors[b], vision) for a, b in pairs}
    assert {pair: round(apart, 1) for pair, apart in far.items() if apart < least} == {}


@pytest.mark.parametrize("vision", VISIONS)
@pytest.mark.parametrize("name", ["dark", "high-contrast", "light"])
def test_good_warning_and_danger_differ_in_colour_or_weight(name: str, vision: str) -> None:
    roles = themes.load(name).roles
    for a, b in combinations(("good", "warning", "danger"), 2):
        apart = distance(roles[a].color, roles[b].color, vision)
        assert apart >= BARELY or roles[a].bold != roles[b].bold, (a, b, round(apart, 1))


@pytest.mark.parametrize(
    ("one", "other", "apart"),
    [
        ((50, 2.6772, -79.7751), (50, 0, -82.7485), 2.0425),
        ((50, 0, 0), (50, -1, 2), 2.3669),
        ((50, 2.49, -0.001), (50, -2.49, 0.0011), 7.2195),
        ((50, 2.5, 0), (73, 25, -18), 27.1492),
        ((22.7233, 20.0904, -46.6940), (23.0331, 14.9730, -42.5619), 2.0373),
        ((2.0776, 0.0795, -1.1350), (0.9033, -0.0636, -0.5514), 0.9082),
    ],
)
def test_distances_are_those_of_the_published_examples(one: Triple, other: Triple, apart: float) -> None:
    assert difference(one, other) == pytest.approx(apart, abs=1e-4)
    assert difference(other, one) == pytest.approx(apart, abs=1e-4)


@pytest.mark.parametrize(
    ("vision", "one", "other"),
    [
        ("protanopia", "#f03e1d", "#3e7520"),
        ("deuteranopia", "#25b13f", "#f33750"),
        ("tritanopia", "#d3530b", "#e7007a"),
        ("tritanopia (Brettel)", "#855ff7", "#538c0c"),
    ],
)
def test_colours_known_to_be_confused_come_out_close_and_greys_stay(vision: str, one: str, other: str) -> None:
    assert distance(one, other) > 30
    assert distance(one, other, vision) < BARELY
    assert distance("#808080", "#ffffff", vision) == pytest.approx(distance("#808080", "#ffffff"), abs=0.1)


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
        (f"title = {'[' * 5000}", "mine.toml: is nested too deeply"),
        (f"title = {'1' * 5000}", "mine.toml: Exceeds the limit"),
    ],
)
def test_errors_name_file_and_key(text: str, message: str) -> None:
    with pytest.raises(themes.ThemeError) as caught:
        themes.parse(text, "mine", "/home/me/mine.toml")
    assert message in str(caught.value)
    assert str(caught.value).startswith("/home/me/mine.toml: ")
    assert caught.value.brief.startswith("mine.toml: ")


def test_an_unknown_theme_is_met_with_the_nearest_name() -> None:
    with pytest.raises(themes.ThemeError, match="did you mean 'light'"):
        themes.load("ligth")
