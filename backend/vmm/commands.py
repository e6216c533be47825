"""Everything that iovtop ever asks of QEMU. A monitor is as powerful as QEMU itself: nothing else gets through."""

from __future__ import annotations

READING = frozenset(
    {
        "device-list-properties",
        "qom-get",
        "qom-list",
        "query-cpus-fast",
        "query-dirty-rate",
        "query-kvm",
        "query-memory-size-summary",
        "query-migrate",
        "query-migrate-capabilities",
        "query-migrate-parameters",
        "query-name",
        "query-pci",
        "query-stats",
        "query-status",
        "query-uuid",
        "query-version",
        "query-yank",
    }
)
"""Commands that change nothing."""

CHANGING = frozenset(
    {
        "calc-dirty-rate",
        "cont",
        "device_add",
        "device_del",
        "migrate",
        "migrate-continue",
        "migrate-incoming",
        "migrate-set-capabilities",
        "migrate-set-parameters",
        "migrate_cancel",
        "object-add",
        "object-del",
        "quit",
        "yank",
    }
)
"""Commands that a monitor opened for changes may be given too."""

OUT_OF_BAND = frozenset({"yank"})
"""Commands that QEMU runs beside whatever holds up the others."""
