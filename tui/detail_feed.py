"""The detail of a row, with the facts for which its device must be asked."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable

from backend.model.device import Device
from backend.model.facts import FactState
from backend.model.host import Host
from backend.present.columns import Cell, Role
from backend.present.details import sections, title_of
from backend.present.glyphs import Glyphs
from backend.present.lines import Line, Section
from backend.present.tree import Row
from backend.state.closer import CloserLook
from backend.state.guarded import GuardedFact
from tui.bridge import Session
from tui.detail_activity import activity_sections
from tui.detail_tabs import Tab, attribute_sections, changes_section, regions_section
from tui.history import History
from tui.widgets.detail_lines import Detail

_log = logging.getLogger(__name__)
_HEADING = "Asked under the device lock"
_LABELS = {"sriov_vf_total_msix": "MSI-X for VFs", "sriov_numvfs": "numvfs"}
_CLOSER, _GUARDED = "closer", "guarded"
_QUESTIONS = {Tab.OVERVIEW: _GUARDED, Tab.REGIONS: _CLOSER, Tab.RAW: _CLOSER, Tab.CHANGES: ""}


class DetailFeed:
    """Makes details. A device is asked when ``ask`` says so, never by ``detail``, and nobody waits for it.

    Attributes:
        tab: what of a row is shown.
    """

    def __init__(self, session: Session, history: History, glyphs: Glyphs, changed: Callable[[], None]) -> None:
        self.tab = Tab.OVERVIEW
        self._session = session
        self._history = history
        self._glyphs = glyphs
        self._changed = changed
        self._asked: Device | None = None
        self._question = ""
        self._facts: tuple[GuardedFact, ...] | None = None
        self._look: CloserLook | None = None
        self._task: asyncio.Task[None] | None = None

    @property
    def answered(self) -> bool:
        """Whether nothing that was asked is still open."""
        return self._asked is None or self._task is None or self._task.done()

    def turn(self, step: int, row: Row | None) -> None:
        """Go to another tab."""
        self.tab = self.tab.next(step)
        self.ask(row)

    def detail(self, host: Host, row: Row) -> Detail:
        """Return everything known about a row now."""
        name, words = title_of(row)
        device = row.device
        if self.tab is Tab.OVERVIEW:
            found = (*sections(host, row, self._glyphs), *activity_sections(host, row, self._session, self._glyphs))
            if self._is_asked(device) and (lines := self._lines()):
                found = (*found, Section(_HEADING, lines))
        elif device is None:
            found = (Section("", (Line("", Cell("only a device has this", Role.MUTED)),)),)
        elif self.tab is Tab.CHANGES:
            found = (changes_section(self._history.of(device.id), self._glyphs.arrow),)
        elif self._look is None or not self._is_asked(device):
            found = (Section("", (self._asking(),)),)
        elif self.tab is Tab.REGIONS:
            found = (regions_section(self._look, held=device.vfio and bool(device.holders)),)
        else:
            found = tuple(attribute_sections(self._look))
        return Detail(name, words, found, 22 if self.tab is Tab.RAW else 16)

    def ask(self, row: Row | None) -> None:
        """Ask the device of a row for what the tab shows, unless this very record has been asked."""
        device = row.device if row is not None else None
        question = _QUESTIONS[self.tab]
        if device is self._asked and question == self._question:
            return
        if device is None or self._asked is None or device.id != self._asked.id:
            self._facts = self._look = None
        self._asked, self._question = device, question
        self.close()
        if device is not None and question:
            self._task = asyncio.get_running_loop().create_task(self._read(device, question), name="detail")

    def close(self) -> None:
        """Wait for no answer any more."""
        if self._task is not None:
            self._task.cancel()
            self._task = None

    def _is_asked(self, device: Device | None) -> bool:
        return device is not None and self._asked is not None and device.id == self._asked.id

    async def _read(self, device: Device, question: str) -> None:
        try:
            if question == _CLOSER:
                self._look = await self._session.closer_look(device)
            else:
                self._facts = await self._session.guarded_facts(device)
        except Exception:
            _log.exception("asking %s", device.id)
            if question == _CLOSER:
                self._look = CloserLook(reason="it could not be read: the log has more")
            else:
                self._facts = ()
        self._changed()

    def _asking(self) -> Line:
        return Line("", Cell(f"asking{self._glyphs.ellipsis}", Role.MUTED))

    def _lines(self) -> tuple[Line, ...]:
        if self._facts is None:
            return (self._asking(),)
        return tuple(_line(fact, self._glyphs) for fact in self._facts)


def _line(fact: GuardedFact, glyphs: Glyphs) -> Line:
    label = _LABELS.get(fact.name) or fact.name.rpartition("/")[2].replace("_", " ")
    if fact.state is FactState.KNOWN:
        return Line(label, Cell(fact.value or glyphs.none), fact.reason)
    role = Role.STALE if fact.state is FactState.STALE else Role.HIDDEN
    return Line(label, Cell(fact.value or fact.state.value, role), fact.reason)
