"""From what libvirt says of a domain's job to what QEMU itself would say: one progress model serves both.

Source: libvirt include/libvirt/libvirt-domain.h (``VIR_DOMAIN_JOB_*``), src/qemu/qemu_domainjob.c; qapi/migration.json.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

NONE, BOUNDED, UNBOUNDED, COMPLETED, FAILED, CANCELLED = range(6)
"""``virDomainJobType``."""
ONGOING = frozenset({BOUNDED, UNBOUNDED})
MIGRATION_OUT = 5
"""``VIR_DOMAIN_JOB_OPERATION_MIGRATION_OUT``."""

_RAM = {
    "memory_total": "total",
    "memory_remaining": "remaining",
    "memory_processed": "transferred",
    "memory_iteration": "dirty-sync-count",
    "memory_dirty_rate": "dirty-pages-rate",
    "memory_page_size": "page-size",
}
_VFIO = "vfio_data_transferred"
"""Since libvirt 10.6."""


def migrating(stats: Mapping[str, Any]) -> bool:
    """Return whether a domain is on its way to somewhere else."""
    return stats.get("type") in ONGOING and stats.get("operation", MIGRATION_OUT) == MIGRATION_OUT


def phase_of(stats: Mapping[str, Any], *, paused: bool) -> str:
    """Return QEMU's word for how a migration stands that libvirt has not yet brought to its end.

    Args:
        paused: whether the guest stands still for it.
    """
    kind = stats.get("type", NONE)
    if kind in (FAILED, CANCELLED):
        return "cancelling"  # libvirt still asks the destination to clean up
    if paused or kind == COMPLETED:
        return "device"
    return "active" if stats.get("memory_total") else "setup"


def as_query_migrate(stats: Mapping[str, Any], phase: str, error: str = "") -> dict[str, Any]:
    """Return the answer of ``query-migrate`` that a job's statistics amount to.

    Args:
        phase: QEMU's word for it.
        error: why it failed.
    """
    answer: dict[str, Any] = {
        "status": phase,
        "ram": {name: stats[key] for key, name in _RAM.items() if key in stats},
    }
    if _VFIO in stats:
        answer["vfio"] = {"transferred": stats[_VFIO]}
    if "downtime" in stats:  # of a job that goes on it is an estimate
        answer["downtime" if phase == "completed" else "expected-downtime"] = stats["downtime"]
    if error:
        answer["error-desc"] = error
    return answer
