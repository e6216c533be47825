"""The registry of actions: complete, without clashes, and the only source of keys."""

from __future__ import annotations

from itertools import combinations

import pytest

from backend.cli.settings import Settings
from tests.tui.builders import FakeLive
from tests.tui.screens import connecting
from tui.actions import ACTIONS, Action, Scope, by_topic, footer_actions, key_table
from tui.app import IovtopApp
from tui.screens.main import MainScreen
from tui.term.capabilities import detect
from tui.widgets.detail_pane import DetailPane
from tui.widgets.entry import Entry
from tui.widgets.live_tree import LiveTree

HOMES: dict[Scope, type] = {
    Scope.TREE: LiveTree,
    Scope.DETAIL: DetailPane,
    Scope.MAIN: MainScreen,
    Scope.INPUT: Entry,
    Scope.EVERYWHERE: IovtopApp,
    Scope.MENU: MainScreen,
}


@pytest.mark.parametrize("action", ACTIONS, ids=lambda action: action.id)
def test_every_action_has_a_method_where_it_applies(action: Action) -> None:
    call = action.call.partition("(")[0]
    home = IovtopApp if call.startswith("app.") else HOMES[action.scope]
    assert hasattr(home, f"action_{call.removeprefix('app.')}")


def test_ids_are_unique() -> None:
    assert len({action.id for action in ACTIONS}) == len(ACTIONS)


def test_no_key_means_two_things_at_one_place() -> None:
    for first, second in combinations(ACTIONS, 2):
        if first.scope is second.scope or {first.scope, second.scope} == {Scope.MAIN, Scope.TREE}:
            assert not set(first.keys) & set(second.keys), (first.id, second.id)


def test_no_key_that_terminals_swallow_is_the_only_one() -> None:
    lost = {"ctrl+h", "ctrl+i", "ctrl+m", "ctrl+s", "ctrl+z", "f1", "f11"}
    for action in ACTIONS:
        assert set(action.keys) - lost, action.id


def test_the_table_of_keys_names_every_action_once() -> None:
    table = key_table()
    for action in ACTIONS:
        assert action.help.replace("|", "\\|") in table
    assert table.count("\n| `") == len(ACTIONS)
    assert sum(len(actions) for actions in by_topic().values()) == len(ACTIONS)


async def test_the_palette_offers_our_actions_only() -> None:
    app = IovtopApp(connecting(FakeLive()), Settings(), detect({"TERM": "xterm-256color"}, "utf-8"))
    async with app.run_test() as pilot:
        await pilot.pause()
        offered = [command.title for command in app.get_system_commands(app.screen)]
    ours = [action for action in ACTIONS if action.palette]
    for title, action in zip(offered, ours, strict=True):
        assert title.startswith(f"{action.title} ")
        assert title.endswith(f" {action.shown_keys}")


@pytest.mark.parametrize("scope", [Scope.TREE, Scope.DETAIL])
def test_the_footer_names_only_keys_that_work_there(scope: Scope) -> None:
    assert {action.scope for action in footer_actions(scope)} <= {scope, Scope.MAIN, Scope.EVERYWHERE}
    assert [action.footer for action in footer_actions(scope)][-2:] == ["help", "quit"]


def test_the_footer_of_an_input_names_its_own_keys_alone() -> None:
    assert {action.scope for action in footer_actions(Scope.INPUT)} == {Scope.INPUT}
