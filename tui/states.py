"""What to say where there are no rows: reading, empty, filtered away, failed are four different things."""

from __future__ import annotations

from backend.present.empty import no_groups
from backend.present.view import View
from tui.viewing import Viewing


def notice_for(viewing: Viewing, error: str, ellipsis: str) -> tuple[str, ...]:
    """Return a headline and hints for a tree without rows."""
    if viewing.host is None:
        return ("this host cannot be read", error) if error else (f"reading{ellipsis}",)
    if viewing.query and viewing.total:
        return (f"nothing matches {viewing.query.text}", f"{viewing.total} rows without the filter: esc clears it")
    return {View.DEVICES: _no_devices, View.GROUPS: _no_groups, View.HOLDERS: _no_holders, View.NUMA: _no_devices}[
        viewing.view
    ](viewing)


def _no_devices(viewing: Viewing) -> tuple[str, ...]:
    assert viewing.host is not None
    where = f"in {viewing.host.source_detail}" if viewing.host.source in ("tree", "capture") else "on this host"
    return (
        "no PF, VF or mdev here",
        f"there is no PCI function and no mdev parent {where}",
        "in a container /sys may be hidden; iovtop --sim lab shows a simulated host",
    )


def _no_groups(viewing: Viewing) -> tuple[str, ...]:
    assert viewing.host is not None
    return no_groups(viewing.host)


def _no_holders(viewing: Viewing) -> tuple[str, ...]:
    assert viewing.host is not None
    scan = viewing.host.holder_scan
    if scan.complete:
        return ("nobody holds a device", "no VM, no program, no network interface or disk in use")
    return ("no holder can be seen from here", scan.reason or "not every process could be looked into: needs root")
