"""Telling Textual how long a scrolled widget is, without the layout pass that assigning it would cost."""

from __future__ import annotations

from textual.geometry import Size
from textual.scroll_view import ScrollView
from textual.widget import Widget


def set_extent(view: ScrollView, lines: int, top: int) -> None:
    """Make ``view`` so many lines long, the line ``top`` first.

    A layout pass repaints the whole screen. It is needed only when the scroll bar comes or goes.
    """
    size = Size(max(1, view.size.width), lines)
    bar = bool(view.styles.scrollbar_size_vertical)
    if size != view.virtual_size:
        if bar and (lines > view.container_size.height) != view.show_vertical_scrollbar:
            view.virtual_size = size
        else:
            view.set_reactive(Widget.virtual_size, size)
    if top != round(view.scroll_y):
        view.set_scroll(None, top)
        view.set_reactive(Widget.scroll_target_y, top)
    if bar and view.show_vertical_scrollbar:
        view.vertical_scrollbar.window_virtual_size = lines
        view.vertical_scrollbar.position = top
