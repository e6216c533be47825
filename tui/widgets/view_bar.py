"""The line that says which view this is, where one came from, and how the rows are arranged."""

from __future__ import annotations

from collections.abc import Sequence

from backend.present.view import View
from tui.term.theming import Skin
from tui.widgets.line import LineWidget, Piece

TITLES = {
    View.DEVICES: "Devices",
    View.GROUPS: "IOMMU groups",
    View.HOLDERS: "VMs and holders",
    View.NUMA: "NUMA and root ports",
}

SCREENS = (("5", "Pulse"), ("6", "Migrations"))
"""Keys and titles of what opens over the views."""


class ViewBar(LineWidget):
    """Views with their keys; on the right whatever is not as usual."""

    def __init__(self, skin: Skin, *, id: str | None = None) -> None:
        super().__init__(skin, "base", id=id)

    def show(self, view: View, crumbs: Sequence[str], states: Sequence[str]) -> None:
        """Show the view, the stops before it, and what is unusual: the order, marks, following."""
        pieces = []
        for number, one in enumerate(View, 1):
            here = one is view
            pieces.append(Piece(f" {number}", "heading" if here else "label", 0 if here else 2))
            pieces.append(Piece(f" {TITLES[one]} ", "title" if here else "label", 0 if here else 2))
        for key, title in SCREENS:
            pieces += [Piece(f" {key}", "label", 4), Piece(f" {title} ", "label", 4)]
        right = [Piece(f" {state} ", "heading", 1) for state in states]
        if crumbs:
            trail = f" {self.skin.glyphs.separator} ".join(crumbs)
            right.insert(0, Piece(f" < {trail} ", "label", 3))
        self.say(pieces, right)
