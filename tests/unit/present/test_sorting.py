"""Siblings in another order."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from backend.model.host import Host
from backend.present.columns import COLUMN_IDS, columns_named
from backend.present.glyphs import ASCII
from backend.present.sorting import Order, sort_key, sorted_by
from backend.present.tree import project
from backend.present.view import View
from tests.pictures import SCENARIOS

Scenario = Callable[..., Host]


@pytest.mark.parametrize("view", View)
@pytest.mark.parametrize("spec", SCENARIOS)
def test_every_row_stays_below_its_parent(scenario: Scenario, spec: str, view: View) -> None:
    tree = project(scenario(spec), view)
    for column in COLUMN_IDS:
        for reverse in (False, True):
            found = sorted_by(tree, Order(column, reverse), ASCII)
            assert {key: sorted(below) for key, below in found.children.items()} == {
                key: sorted(below) for key, below in tree.children.items()
            }


@pytest.mark.parametrize("reverse", [False, True])
def test_siblings_are_in_order_and_the_silent_ones_last(scenario: Scenario, reverse: bool) -> None:
    tree = sorted_by(project(scenario("duo:hv07"), View.DEVICES), Order("holder", reverse), ASCII)
    (column,) = columns_named(["holder"])
    texts = [column.cell(tree.host, tree.rows[key], ASCII).text for key in tree.children["0000:c1:00.0"]]
    told = [text for text in texts if text != ASCII.none]
    assert told == sorted(told, reverse=reverse)
    assert texts == told + [ASCII.none] * (len(texts) - len(told))


def test_numbers_count_as_numbers() -> None:
    assert sorted(["vf10", "vf2", "VF1", "", "group 9"], key=sort_key) == ["group 9", "VF1", "vf2", "vf10", ""]


@given(st.text(), st.text())
def test_any_two_texts_can_be_compared(one: str, other: str) -> None:
    assert (sort_key(one) < sort_key(other)) in (True, False)
