"""The detail of a row, with the facts for which a device must be asked under its lock."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable

from backend.model.device import Device
from backend.model.facts import FactState
from backend.model.host import Host
from backend.present.columns import Cell, Role
from backend.present.details import Line, Section, sections, title_of
from backend.present.glyphs import Glyphs
from backend.present.tree import Row
from backend.state.guarded import GuardedFact
from tui.bridge import Session
from tui.widgets.detail_lines import Detail

_log = logging.getLogger(__name__)
_HEADING = "Asked under the device lock"
_LABELS = {"sriov_vf_total_msix": "MSI-X for VFs", "sriov_numvfs": "numvfs"}


class DetailFeed:
    """Makes details. A device is asked when ``ask`` says so, never by ``detail``, and nobody waits for it."""

    def __init__(self, session: Session, glyphs: Glyphs, changed: Callable[[], None]) -> None:
        self._session = session
        self._glyphs = glyphs
        self._changed = changed
        self._asked: Device | None = None
        self._answer: tuple[GuardedFact, ...] | None = None
        self._task: asyncio.Task[None] | None = None

    @property
    def answered(self) -> bool:
        """Whether nothing that was asked is still open."""
        return self._asked is None or self._answer is not None

    def detail(self, host: Host, row: Row) -> Detail:
        """Return everything known about a row now."""
        name, words = title_of(row)
        found = sections(host, row, self._glyphs)
        if row.device is not None and self._asked is not None and row.device.id == self._asked.id:
            lines = self._lines()
            if lines:
                found = (*found, Section(_HEADING, lines))
        return Detail(name, words, found)

    def ask(self, row: Row | None) -> None:
        """Ask the device of a row, unless it is the same record as the last time."""
        device = row.device if row is not None else None
        if device is self._asked:
            return
        if device is None or self._asked is None or device.id != self._asked.id:
            self._answer = None
        self._asked = device
        self.close()
        if device is not None:
            self._task = asyncio.get_running_loop().create_task(self._read(device), name="guarded facts")

    def close(self) -> None:
        """Wait for no answer any more."""
        if self._task is not None:
            self._task.cancel()
            self._task = None

    async def _read(self, device: Device) -> None:
        try:
            answer = await self._session.guarded_facts(device)
        except Exception:
            _log.exception("asking %s", device.id)
            answer = ()
        if device is self._asked:
            self._answer = answer
            self._changed()

    def _lines(self) -> tuple[Line, ...]:
        if self._answer is None:
            return (Line("", Cell(f"asking{self._glyphs.ellipsis}", Role.MUTED)),)
        return tuple(_line(fact, self._glyphs) for fact in self._answer)


def _line(fact: GuardedFact, glyphs: Glyphs) -> Line:
    label = _LABELS.get(fact.name) or fact.name.rpartition("/")[2].replace("_", " ")
    if fact.state is FactState.KNOWN:
        return Line(label, Cell(fact.value or glyphs.none), fact.reason)
    role = Role.STALE if fact.state is FactState.STALE else Role.HIDDEN
    return Line(label, Cell(fact.value or fact.state.value, role), fact.reason)
