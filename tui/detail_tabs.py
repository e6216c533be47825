"""The tabs of the detail, and what stands in those that are more than the overview."""

from __future__ import annotations

from collections.abc import Iterable
from enum import StrEnum

from backend.model.figures import bytes_text
from backend.present.columns import Cell, Role
from backend.present.lines import Line, Section
from backend.present.regions import reached
from backend.state.closer import CloserLook
from tui.history import Event

MOST_EVENTS = 200
LONG = 80
"""Characters from which an attribute is long."""


class Tab(StrEnum):
    """What of a row the detail shows."""

    OVERVIEW = "Overview"
    REGIONS = "Regions"
    RAW = "Raw"
    CHANGES = "Changes"

    def next(self, step: int) -> Tab:
        """Return the tab so many places on, round and round."""
        tabs = list(Tab)
        return tabs[(tabs.index(self) + step) % len(tabs)]


def regions_section(look: CloserLook, *, held: bool) -> Section:
    """Return the regions that the kernel tells of and, of a device that somebody holds, how each is reached."""
    lines = []
    for region in look.regions:
        place = f"{region.kind} {' '.join(region.qualities)} at {region.start:#x}"
        lines.append(Line(region.name, Cell(bytes_text(region.size)), place))
        if held and region.is_memory_bar:
            lines.append(Line("", reached(region, look.mapped)))
    if not lines:
        lines = [Line("", Cell(look.reason or "no regions", Role.MUTED))]
    return Section("Regions, as sysfs and the holder's maps tell" if held else "Regions, as sysfs tells", tuple(lines))


def attribute_sections(look: CloserLook) -> Iterable[Section]:
    """Return the attributes as the kernel writes them, long ones last, and which were left alone."""
    lines = [
        Line(found.name, Cell(found.reason, Role.HIDDEN) if found.reason else Cell(found.value))
        for found in sorted(look.attributes, key=lambda one: (len(one.value) > LONG, one.name))
    ]
    if not lines:
        lines = [Line("", Cell(look.reason or "no attributes", Role.MUTED))]
    yield Section("Attributes, as the kernel writes them", tuple(lines))
    if look.unread:
        yield Section("Left alone: may wait, wake or write", (Line("", Cell(" ".join(look.unread), Role.MUTED)),))


def changes_section(events: Iterable[Event], arrow: str) -> Section:
    """Return what changed on a device, the newest first."""
    lines = []
    for event, _ in zip(events, range(MOST_EVENTS), strict=False):
        words = f"{event.what}  {event.before} {arrow} {event.after}" if event.before or event.after else event.what
        lines.append(Line(event.clock, Cell(words)))
    if not lines:
        lines = [Line("", Cell("nothing has changed since the screen was opened", Role.MUTED))]
    return Section("Changes, the newest first", tuple(lines))
