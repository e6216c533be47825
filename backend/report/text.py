"""The snapshot as plain text: header, findings, and a view as an indented table."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from backend import __version__
from backend.findings import Finding, find
from backend.model.device import DeviceKind
from backend.model.host import Host
from backend.model.severity import Severity
from backend.present.columns import Column, cells
from backend.present.empty import no_groups
from backend.present.glyphs import Glyphs
from backend.present.tree import Projection
from backend.present.view import View


def render_text(projection: Projection, columns: Sequence[Column], glyphs: Glyphs) -> Iterator[str]:
    """Yield the lines of a report. Columns are as wide as their widest value; nothing is cut off."""
    yield from header(projection.host, glyphs)
    yield ""
    rows = [
        (prefix, cells(projection.host, projection.rows[key], columns, glyphs))
        for prefix, key in walk(projection, glyphs)
    ]
    if not rows:
        yield from empty_reason(projection.host, projection.view).splitlines()
        return
    texts = [[prefix + line[0].text, *(cell.text for cell in line[1:])] for prefix, line in rows]
    titles = [column.title for column in columns]
    widths = [max(len(row[i]) for row in [titles, *texts]) for i in range(len(columns))]
    for row in [titles, *texts]:
        yield "  ".join(text.ljust(width) for text, width in zip(row, widths, strict=True)).rstrip()


def source_line(kind: str, detail: str) -> str:
    """Return the line that says that this is not what the machine is now; "" where it is."""
    return {
        "simulated": f"SIMULATED: scenario {detail}; nothing below is real",
        "tree": f"TREE: {detail}; not this machine",
        "capture": f"CAPTURE: {detail}; not this machine",
    }.get(kind, "")


def header(host: Host, glyphs: Glyphs) -> Iterator[str]:
    """Yield the lines that say what host this is, what is real, and what should be known."""
    dot = f" {glyphs.separator} "
    if source := source_line(host.source, host.source_detail):
        yield source
    kernel = f"Linux {host.kernel}" if host.kernel else "kernel unknown"
    yield dot.join([f"iovtop {__version__}", host.name, kernel, host.iommu.label, summary(host)])
    for finding in find(host):
        yield finding_line(finding, glyphs)


def summary(host: Host) -> str:
    """Return how many of each kind there are."""
    vms = {holder.pid for device in host.devices.values() for holder in device.holders if holder.kind == "vm"}
    parts = [
        f"{host.count(DeviceKind.PF)} PF",
        f"{host.count(DeviceKind.VF, DeviceKind.VGPU_VF)} VF",
        f"{host.count(DeviceKind.MDEV)} mdev",
        f"{len(host.groups)} groups",
        f"{len(vms)} VM{'s' * (len(vms) != 1)} holding devices",
    ]
    return ", ".join(parts)


def finding_line(finding: Finding, glyphs: Glyphs) -> str:
    """Return a finding in one line, with its evidence."""
    mark = glyphs.separator if finding.severity is Severity.INFO else glyphs.warning
    evidence = f" ({finding.evidence})" if finding.evidence else ""
    return f"{mark} {finding.severity}: {finding.text}{evidence}"


def empty_reason(host: Host, view: View = View.DEVICES) -> str:
    """Return why a view has no rows."""
    if "devices" in host.notes:
        return f"no devices: {host.notes['devices'].reason}"
    if view is View.HOLDERS and not any(device.holders for device in host.devices.values()):
        return f"no holder is seen: {host.holder_scan.reason}" if host.holder_scan.reason else "nobody holds a device"
    if view is View.GROUPS and not host.groups:
        headline, *more = no_groups(host)
        return "\n".join([headline, *(f"  {line}" for line in more)])
    if host.devices:
        return "no device matches"
    return "no PF, VF, mdev or other PCI function here"


def walk(projection: Projection, glyphs: Glyphs, parent: str = "", prefix: str = "") -> Iterator[tuple[str, str]]:
    """Yield each row's guide and key, depth first."""
    keys = projection.children.get(parent, ())
    for position, key in enumerate(keys):
        last = position == len(keys) - 1
        if parent:
            yield prefix + (glyphs.last if last else glyphs.branch) + " ", key
            below = prefix + ("  " if last else glyphs.pipe + " ")
        else:
            yield "", key
            below = ""
        if key in projection.children:
            yield from walk(projection, glyphs, key, below)
