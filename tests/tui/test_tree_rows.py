"""The index of visible rows: cursor and place hold on to rows, whatever comes, goes or moves."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial

from hypothesis import given, settings
from hypothesis import strategies as st

from backend.present.tree import Projection, Row, project
from backend.present.view import View
from tests.tui.builders import make_host, make_pf, make_pfs, pf_address
from tui.widgets.tree_rows import SMALL, TreeRows


@dataclass
class Forest:
    """Rows by name: what is below what, in order."""

    children: dict[str, list[str]] = field(default_factory=lambda: {"": []})

    def projection(self) -> Projection:
        host = make_host(make_pf(0, 0))
        device = host.devices[pf_address(0)]
        parents = {key: parent for parent, keys in self.children.items() for key in keys if parent}
        rows = {key: Row(key, device, device) for keys in self.children.values() for key in keys}
        return Projection(View.DEVICES, host, rows, {p: k for p, k in self.children.items() if k}, parents)


NAMES = [f"r{n}" for n in range(24)]


@st.composite
def forests(draw: st.DrawFn) -> Forest:
    names = draw(st.permutations(NAMES))[: draw(st.integers(0, len(NAMES)))]
    forest = Forest()
    for place, name in enumerate(names):
        parent = draw(st.sampled_from(["", *names[:place]]))
        forest.children.setdefault(parent, []).append(name)
    return forest


MOVES = st.sampled_from(
    ["down", "up", "first", "last", "page down", "page up", "collapse", "expand", "wheel down", "wheel up"]
)


def apply(rows: TreeRows, move: str) -> None:
    moves: dict[str, Callable[[], None]] = {
        "down": partial(rows.move, 1),
        "up": partial(rows.move, -1),
        "first": partial(rows.put_cursor, 0),
        "last": partial(rows.put_cursor, len(rows) - 1),
        "page down": partial(rows.page, rows.height),
        "page up": partial(rows.page, -rows.height),
        "collapse": rows.collapse,
        "expand": rows.expand,
        "wheel down": partial(rows.scroll_to, rows.top + 2),
        "wheel up": partial(rows.scroll_to, rows.top - 2),
    }
    moves[move]()


def check(rows: TreeRows) -> None:
    """What always holds."""
    assert rows.index == {key: place for place, key in enumerate(rows.keys)}
    assert len(rows.guides) == len(rows.keys)
    assert (rows.cursor in rows.index) if rows.keys else rows.cursor == ""
    assert 0 <= rows.top <= max(0, len(rows) - rows.height)
    projection = rows.projection
    if projection is None:
        return
    expected: list[str] = []

    def walk(parent: str) -> None:
        for key in projection.children.get(parent, ()):
            expected.append(key)
            if rows.is_open(key):
                walk(key)

    walk("")
    assert rows.keys == expected


@settings(max_examples=300, deadline=None)
@given(steps=st.lists(st.one_of(forests(), MOVES, st.integers(1, 12)), max_size=12), first=forests())
def test_rows_are_consistent_after_any_history(first: Forest, steps: list[Forest | str | int]) -> None:
    rows = TreeRows()
    rows.resize(5)
    rows.show(first.projection())
    for one in steps:
        if isinstance(one, Forest):
            rows.show(one.projection())
        elif isinstance(one, str):
            apply(rows, one)
        else:
            rows.resize(one)
        check(rows)


@settings(max_examples=300, deadline=None)
@given(before=forests(), after=forests(), moves=st.lists(MOVES, max_size=8), height=st.integers(1, 12))
def test_the_cursor_stays_on_its_row_and_the_row_where_it_was(
    before: Forest, after: Forest, moves: list[str], height: int
) -> None:
    rows = TreeRows()
    rows.resize(height)
    rows.show(before.projection())
    for move in moves:
        apply(rows, move)
    cursor, top = rows.cursor, rows.top
    seen = bool(rows.keys) and top <= rows.position < top + height
    line = rows.position - top
    first_key = rows.keys[top] if rows.keys else ""
    rows.show(after.projection())
    check(rows)
    if cursor in rows.index:
        assert rows.cursor == cursor
    anchor, offset = (cursor, line) if seen else (first_key, 0)
    if anchor in rows.index:
        wanted = rows.index[anchor] - offset
        assert rows.top == max(0, min(wanted, len(rows) - height))


@settings(max_examples=100, deadline=None)
@given(forest=forests(), moves=st.lists(MOVES, max_size=6))
def test_the_same_tree_again_changes_nothing(forest: Forest, moves: list[str]) -> None:
    rows = TreeRows()
    rows.resize(4)
    rows.show(forest.projection())
    for move in moves:
        apply(rows, move)
    before = (rows.keys, rows.guides, rows.cursor, rows.top)
    rows.show(forest.projection())
    assert (rows.keys, rows.guides, rows.cursor, rows.top) == before


def test_a_vanished_row_hands_the_cursor_to_its_next_sibling() -> None:
    rows = TreeRows()
    rows.resize(10)
    rows.show(Forest({"": ["a"], "a": ["b", "c", "d"]}).projection())
    rows.put_cursor(2)
    rows.show(Forest({"": ["a"], "a": ["b", "d"]}).projection())
    assert rows.cursor == "d"
    rows.show(Forest({"": ["a"], "a": ["b"]}).projection())
    assert rows.cursor == "b"
    rows.show(Forest({"": ["a"]}).projection())
    assert rows.cursor == "a"


def test_closing_a_row_keeps_the_cursor_on_it() -> None:
    rows = TreeRows()
    rows.resize(10)
    rows.show(Forest({"": ["a", "z"], "a": ["b", "c"], "c": ["d"]}).projection())
    rows.put_cursor(rows.index["d"])
    rows.set_open("a", False)
    assert rows.cursor == "a"


def test_left_goes_from_a_leaf_to_its_parent_and_right_into_an_open_row() -> None:
    rows = TreeRows()
    rows.resize(10)
    rows.show(Forest({"": ["a"], "a": ["b", "c"]}).projection())
    rows.put_cursor(2)
    rows.collapse()
    assert rows.cursor == "a"
    assert rows.is_open("a")
    rows.expand()
    assert rows.cursor == "b"


def test_expansion_survives_the_row_going_and_coming() -> None:
    rows = TreeRows()
    rows.show(Forest({"": ["a"], "a": ["b"]}).projection())
    rows.set_open("a", False)
    rows.show(Forest({"": ["x"]}).projection())
    rows.show(Forest({"": ["a"], "a": ["b"]}).projection())
    assert not rows.is_open("a")


def test_few_vfs_open_by_themselves_and_many_do_not() -> None:
    small, big = make_pf(0, SMALL), make_pf(1, SMALL + 1)
    rows = TreeRows()
    rows.show(project(make_host([*small, *big]), View.DEVICES))
    assert rows.is_open(str(small[0].id))
    assert not rows.is_open(str(big[0].id))


def test_a_row_that_was_open_stays_open_when_it_grows() -> None:
    rows = TreeRows()
    rows.show(project(make_pfs(1, 4), View.DEVICES))
    rows.show(project(make_pfs(1, 64), View.DEVICES))
    assert rows.is_open(str(pf_address(0)))


def test_a_cursor_that_leaves_the_screen_takes_it_along_by_half() -> None:
    rows = TreeRows()
    rows.resize(10)
    rows.show(Forest({"": [f"k{n}" for n in range(100)]}).projection())
    rows.put_cursor(9)
    assert rows.top == 0
    rows.move(1)
    assert rows.top == 5


def test_what_a_filter_left_is_all_open_and_does_not_touch_the_choices_made_before() -> None:
    rows = TreeRows()
    forest = Forest({"": ["a"], "a": ["b"]})
    rows.show(forest.projection())
    rows.set_open("a", False)
    rows.show(forest.projection(), matches=True)
    assert rows.is_open("a")
    rows.show(forest.projection())
    assert not rows.is_open("a")
