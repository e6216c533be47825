"""From what ``query-migrate`` answers, again and again, to how far a migration is.

Source: qapi/migration.json (MigrationInfo, MigrationRAMStats, VfioStats). No clock and no connection: whoever
asks QEMU hands in the answer and the time.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from backend.model.figures import bytes_text
from backend.model.migration import Convergence, Progress, Stall
from backend.model.text import clean

STALL_WARNING = 5.0
STALL_OFFER = 30.0
"""Seconds without a byte after which we say so, and after which we offer to cancel."""

OVER = frozenset({"completed", "failed", "cancelled"})
_MOVING = frozenset({"setup", "active", "device", "wait-unplug", "cancelling"})
_SMOOTHING = 0.3
_SPREAD = 0.25
"""How far bandwidth and dirty rate may turn out differently: what makes the two ends of the ETA."""


class ProgressModel:
    """Follows one migration.

    Args:
        downtime_limit: seconds.
    """

    def __init__(self, downtime_limit: float = 0.3) -> None:
        self.downtime_limit = downtime_limit
        self._began: float | None = None
        self._last: tuple[float, int] | None = None
        self._moved = 0.0
        self._bandwidth: float | None = None
        self._pass = (0, 0)
        """Its number, and how many bytes it began with."""
        self._overall = 0.0
        self._raw = 0.0
        self._resent = 0

    def take(self, answer: Mapping[str, Any], now: float) -> Progress:
        """Return the progress that an answer of ``query-migrate`` at ``now`` (seconds, monotonic) shows."""
        if self._began is None:
            self._began = self._moved = now
        phase = _word(answer.get("status")) or "none"
        ram, vfio = _table(answer.get("ram")), _table(answer.get("vfio"))
        left, total = _count(ram.get("remaining")), _count(ram.get("total"))
        device = _count(vfio["transferred"]) if "transferred" in vfio else None
        sent = _count(ram.get("transferred")) + (device or 0)
        passes = _count(ram.get("dirty-sync-count"))
        self._follow(now, sent, phase)
        begun = self._follow_pass(passes, left, total)
        dirty = _count(ram.get("dirty-pages-rate")) * _count(ram.get("page-size")) if passes > 1 else None
        self._advance(sent, left, phase)
        expected = self._expected(answer, left, passes)
        convergence, advice = self._converges(phase, passes, left, dirty, expected)
        stalled = now - self._moved if phase in _MOVING else 0.0
        return Progress(
            at=now - self._began,
            phase=phase,
            passes=passes,
            pass_done=1.0 if phase == "completed" else min(1.0, max(0.0, 1 - left / begun)) if begun else 0.0,
            overall=self._overall,
            held=self._raw < self._overall,
            ram_total=total,
            ram_sent=_count(ram.get("transferred")),
            ram_left=left,
            resent=self._resent,
            device_sent=device,
            bandwidth=self._bandwidth,
            dirty_rate=dirty,
            downtime_expected=expected,
            downtime_limit=self.downtime_limit,
            downtime=_count(answer["downtime"]) / 1000 if "downtime" in answer else None,
            convergence=convergence,
            advice=advice,
            eta=self._eta(phase, left, dirty, convergence),
            stall=Stall.OFFER if stalled >= STALL_OFFER else Stall.WARNING if stalled >= STALL_WARNING else Stall.NONE,
            stalled=stalled,
            paused=phase == "pre-switchover",
            error=clean(_word(answer.get("error-desc")), 1024),
        )

    def _follow(self, now: float, sent: int, phase: str) -> None:
        """Take in how much has been sent by now."""
        if self._last is None:
            self._last = (now, sent)
            return
        before, bytes_before = self._last
        if sent != bytes_before or phase not in _MOVING:
            self._moved = now
        if now > before and sent >= bytes_before and phase == "active":
            rate = (sent - bytes_before) / (now - before)
            if self._bandwidth is None:
                self._bandwidth = rate if rate else None
            else:
                self._bandwidth += _SMOOTHING * (rate - self._bandwidth)
        self._last = (now, sent)

    def _follow_pass(self, passes: int, left: int, total: int) -> int:
        """Return with how many bytes the present pass began."""
        number, begun = self._pass
        if passes != number:
            begun = total if passes <= 1 else left
            if passes > 1:
                self._resent += left
        elif left > begun:
            self._resent += left - begun
            begun = left
        self._pass = (passes, begun)
        return begun

    def _advance(self, sent: int, left: int, phase: str) -> None:
        if phase == "completed":
            self._raw = 1.0
        elif sent + left:
            self._raw = sent / (sent + left)
        # All of it is only sent when QEMU says so.
        self._overall = max(self._overall, self._raw if phase == "completed" else min(self._raw, 0.999))
        if phase == "completed":
            self._overall = self._raw = 1.0

    def _expected(self, answer: Mapping[str, Any], left: int, passes: int) -> float | None:
        """Return QEMU's own estimate, which knows the devices' state; before the second pass it is only the limit."""
        if passes > 1 and "expected-downtime" in answer:
            return _count(answer["expected-downtime"]) / 1000
        return None

    def _converges(
        self, phase: str, passes: int, left: int, dirty: float | None, expected: float | None
    ) -> tuple[Convergence, str]:
        if phase in ("pre-switchover", "device", "completed"):
            return Convergence.FITS, ""
        if phase != "active" or passes < 2 or dirty is None or not self._bandwidth:
            return Convergence.UNKNOWN, ""
        if expected is not None and expected <= self.downtime_limit:
            return Convergence.FITS, ""
        if dirty < self._bandwidth * (1 - _SPREAD / 2):
            return Convergence.CONVERGES, ""
        needed = f"the guest dirties {bytes_text(dirty)}/s and {bytes_text(self._bandwidth)}/s get across"
        longer = f"; a downtime limit of {expected * 1000:.0f} ms would do" if expected is not None else ""
        return Convergence.NEVER, (
            f"will not converge below {dirty * 8 / 1e6:.0f} Mbit/s: {needed}. Raise the bandwidth or the downtime "
            f"limit{longer}, or calm the guest"
        )

    def _eta(self, phase: str, left: int, dirty: float | None, convergence: Convergence) -> tuple[float, float] | None:
        """Return least and most seconds until the switchover: the rest, and the rest of the rest, and so on."""
        if phase != "active" or not self._bandwidth or convergence is Convergence.NEVER:
            return None
        best = left / (self._bandwidth * (1 + _SPREAD))
        worst = self._bandwidth * (1 - _SPREAD)
        ratio = min(0.9, (dirty or 0.0) * (1 + _SPREAD) / worst)
        return best, left / worst / (1 - ratio)


def _table(value: object) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}


def _count(value: object) -> int:
    """Return a number of bytes, pages or milliseconds; 0 for what is none."""
    return int(value) if isinstance(value, int | float) and not isinstance(value, bool) and 0 <= value < 1 << 62 else 0


def _word(value: object) -> str:
    return value if isinstance(value, str) else ""
