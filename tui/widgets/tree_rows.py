"""Which rows of a tree are visible, and in which order. Knows keys, never widgets.

Cursor, expansion and the place on the screen hold on to keys, so that whatever comes, goes or moves, the
operator keeps looking at the same row.
"""

from __future__ import annotations

from collections.abc import Mapping

from backend.model.device import Device
from backend.model.mdev import MdevParent, MdevType
from backend.present.tree import Projection, Row

SMALL = 16
"""A row with at most so many children opens by itself."""

PIPE, BLANK, BRANCH, LAST = "|", " ", "+", "`"
"""A guide is one of these per level: the glyphs are chosen when it is drawn."""


class TreeRows:
    """The visible rows of one view.

    Attributes:
        keys: the visible rows in order.
        guides: beside each, its guide.
        index: key → position.
        cursor: key of the row under the cursor; "" when there are no rows.
        top: position of the first row on the screen.
        height: rows that fit on the screen.
    """

    def __init__(self) -> None:
        self.keys: list[str] = []
        self.guides: list[str] = []
        self.index: dict[str, int] = {}
        self.cursor = ""
        self.top = 0
        self.height = 1
        self.projection: Projection | None = None
        self._open: dict[str, bool] = {}
        self._open_matches: dict[str, bool] | None = None

    def __len__(self) -> int:
        return len(self.keys)

    @property
    def position(self) -> int:
        """Where the cursor is; 0 when there are no rows."""
        return self.index.get(self.cursor, 0)

    def row(self, key: str) -> Row | None:
        """Return the row called ``key``."""
        return self.projection.rows.get(key) if self.projection is not None else None

    def on_screen(self) -> list[str]:
        """Return the keys of the rows on the screen."""
        return self.keys[self.top : self.top + self.height]

    def foldable(self, key: str) -> bool:
        """Return whether the row has children."""
        return self.projection is not None and bool(self.projection.children.get(key))

    def is_open(self, key: str) -> bool:
        """Return whether the row's children are visible."""
        choices = self._open if self._open_matches is None else self._open_matches
        return choices.get(key, self._open_matches is not None)

    def chosen(self) -> dict[str, bool]:
        """Return which rows were opened or closed otherwise than they would be by themselves."""
        projection = self.projection
        if projection is None:
            return {}
        foldable = ((key, opened) for key, opened in self._open.items() if projection.children.get(key))
        return {key: opened for key, opened in foldable if opened != opens_by_itself(projection, key)}

    def choose(self, choices: Mapping[str, bool]) -> None:
        """Open and close these rows when they are shown for the first time."""
        self._open.update(choices)

    # ---- what there is

    def show(self, projection: Projection, *, matches: bool = False) -> None:
        """Lay out ``projection``, keeping cursor, expansion and the place on the screen.

        With ``matches`` the projection is what a filter left: all of it is open.
        """
        if not matches:
            self._open_matches = None
        elif self._open_matches is None:
            self._open_matches = {}
        self._lay_out(projection)

    def replace(self, projection: Projection) -> None:
        """Take new records for the same rows."""
        self.projection = projection

    def set_open(self, key: str, opened: bool) -> None:
        """Open or close a row."""
        if self.projection is None or not self.foldable(key):
            return
        choices = self._open if self._open_matches is None else self._open_matches
        choices[key] = opened
        self._lay_out(self.projection)

    def reveal(self, key: str) -> bool:
        """Open everything above ``key`` and put the cursor on it. Returns whether there is such a row."""
        if self.projection is None or key not in self.projection.rows:
            return False
        choices = self._open if self._open_matches is None else self._open_matches
        above = self.projection.parents.get(key, "")
        while above:
            choices[above] = True
            above = self.projection.parents.get(above, "")
        self._lay_out(self.projection)
        self.put_cursor(self.index[key])
        return True

    def _lay_out(self, projection: Projection) -> None:
        old, old_keys, old_index = self.projection, self.keys, self.index
        seen = self.position
        on_screen = bool(old_keys) and self.top <= seen < self.top + self.height
        anchor = self.cursor if on_screen else (old_keys[self.top] if self.top < len(old_keys) else "")
        below_top = old_index.get(anchor, 0) - self.top
        self.projection = projection
        self._list_rows(projection)
        if not self.keys:
            self.cursor, self.top = "", 0
            return
        anchor = self._survivor(anchor, old, old_keys, old_index)
        self.cursor = self._survivor(self.cursor, old, old_keys, old_index)
        self.scroll_to(self.index[anchor] - below_top)

    def _list_rows(self, projection: Projection) -> None:
        keys: list[str] = []
        guides: list[str] = []
        children = projection.children
        choices, all_open = (self._open, False) if self._open_matches is None else (self._open_matches, True)
        stack = [(key, "", "") for key in reversed(children.get("", ()))]
        while stack:
            key, guide, below = stack.pop()
            keys.append(key)
            guides.append(guide)
            inner = children.get(key)
            if not inner:
                continue
            opened = choices.get(key)
            if opened is None:
                opened = choices[key] = all_open or opens_by_itself(projection, key)
            if opened:
                middle = (below + BRANCH, below + PIPE)
                stack.append((inner[-1], below + LAST, below + BLANK))
                stack += [(child, *middle) for child in reversed(inner[:-1])]
        self.keys, self.guides = keys, guides
        self.index = dict(zip(keys, range(len(keys)), strict=True))

    def _survivor(self, key: str, old: Projection | None, old_keys: list[str], old_index: dict[str, int]) -> str:
        """Return ``key``, or the visible row that best stands for it."""
        index, projection = self.index, self.projection
        assert projection is not None
        while key and key in projection.rows:
            if key in index:
                return key
            key = projection.parents.get(key, "")
        if old is None or not key:
            return self.keys[0]
        parent = old.parents.get(key, "")
        siblings = old.children.get(parent, ())
        place = siblings.index(key) if key in siblings else 0
        for near in (*siblings[place + 1 :], *reversed(siblings[:place])):
            if near in index:
                return near
        if parent:
            return self._survivor(parent, old, old_keys, old_index)
        place = old_index.get(key, 0)
        for near in (*old_keys[place + 1 :], *reversed(old_keys[:place])):
            if near in index:
                return near
        return self.keys[0]

    # ---- moving

    def scroll_to(self, top: int) -> None:
        """Put the row at position ``top`` first on the screen, as far as there are rows."""
        self.top = max(0, min(top, len(self.keys) - self.height))

    def put_cursor(self, position: int) -> None:
        """Put the cursor on a row; a row out of sight comes to the middle of the screen."""
        if not self.keys:
            return
        position = max(0, min(position, len(self.keys) - 1))
        self.cursor = self.keys[position]
        if not self.top <= position < self.top + self.height:
            self.scroll_to(position - self.height // 2)

    def to_match(self) -> bool:
        """Put the cursor on the next row that the filter found, else the one before. Returns whether it moved."""
        found = self.projection.matches if self.projection is not None else frozenset()
        if self.cursor in found:
            return False
        here = self.position
        near = (*range(here, len(self.keys)), *range(here - 1, -1, -1))
        place = next((position for position in near if self.keys[position] in found), None)
        if place is not None:
            self.put_cursor(place)
        return place is not None

    def move(self, rows: int) -> None:
        """Move the cursor by so many rows."""
        self.put_cursor(self.position + rows)

    def page(self, rows: int) -> None:
        """Move cursor and screen by so many rows."""
        self.scroll_to(self.top + rows)
        self.move(rows)

    def collapse(self) -> None:
        """Close the row under the cursor; if there is nothing to close, go to its parent."""
        if self.projection is None:
            return
        if self.foldable(self.cursor) and self.is_open(self.cursor):
            self.set_open(self.cursor, False)
        elif self.cursor in self.projection.parents:
            self.put_cursor(self.index[self.projection.parents[self.cursor]])

    def expand(self) -> None:
        """Open the row under the cursor; if it is open, go to its first child."""
        if not self.foldable(self.cursor):
            return
        if self.is_open(self.cursor):
            self.move(1)
        else:
            self.set_open(self.cursor, True)

    def resize(self, height: int) -> None:
        """Take a new number of rows on the screen; a cursor that was in sight stays in sight."""
        position = self.position
        seen = self.top <= position < self.top + self.height
        self.height = max(1, height)
        self.scroll_to(self.top)
        if seen and position >= self.top + self.height:
            self.scroll_to(position - self.height + 1)


def opens_by_itself(projection: Projection, key: str) -> bool:
    """Return whether a row is open until somebody says otherwise: few children, or mdevs below it."""
    inner = projection.children[key]
    subject = projection.rows[key].subject
    if isinstance(subject, MdevType):
        return len(inner) <= SMALL
    below = [projection.rows[child].subject for child in inner[: SMALL + 1]]
    types = [one for one in below if isinstance(one, MdevType)]
    if isinstance(subject, MdevParent) or (isinstance(subject, Device) and types):
        return any(mdev_type.instances for mdev_type in types) or (len(inner) > len(types) and len(inner) <= SMALL)
    return len(inner) <= SMALL
