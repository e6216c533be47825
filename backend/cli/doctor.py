"""``iovtop doctor``: what this terminal, kernel, user and machine allow, and what was found so far."""

from __future__ import annotations

import argparse
import os
import shutil
import sys
from collections.abc import Iterator

from backend.cli.exits import CommandError, Exit
from backend.cli.settings import config_home, state_home
from backend.cli.snapshot import take, verdict
from backend.findings import find
from backend.host.doors import HostDoors
from backend.model.host import Host
from backend.present.glyphs import glyphs_for
from backend.present.tree import is_plumbing
from backend.probe.names import PciNames
from backend.report.text import finding_line, source_line, summary

_TOOLS = {
    "mdevctl": "keeps mdev definitions",
    "driverctl": "keeps driver overrides",
    "lspci": "reads PCI devices",
    "udevadm": "talks to udevd",
    "virsh": "talks to libvirt",
    "qemu-system-x86_64": "runs VMs",
    "ssh": "reaches other hosts",
}


def add_options(parser: argparse.ArgumentParser) -> None:
    """Add the verb's options."""
    parser.add_argument("--cost", action="store_true", help="measure what each sampler of counters costs here")
    parser.add_argument("--format", choices=("text", "json"), default="text", help="of --cost")


def run(doors: HostDoors, options: argparse.Namespace) -> Exit:
    """Print the report."""
    if options.cost:
        from backend.cli.cost import print_costs

        print_costs(doors, as_json=options.format == "json")
        return Exit.OK
    if options.format == "json":
        raise CommandError("--format json is for doctor --cost; iovtop snapshot --format json tells of the host")
    host = take(doors)
    for title, lines in (
        ("host", _host(host)),
        ("terminal", _terminal()),
        ("rights", _rights(doors, host)),
        ("tools", _tools()),
        ("files", _files()),
        ("findings", _findings(host)),
    ):
        sys.stdout.write(f"{title}\n")
        for line in lines:
            sys.stdout.write(f"  {line}\n")
    return verdict(host, check=False)


def _host(host: Host) -> Iterator[str]:
    if source := source_line(host.source, host.source_detail):
        yield source
    yield f"name      {host.name}"
    yield f"kernel    {host.kernel or 'unknown'}"
    yield f"IOMMU     {host.iommu.label}{', units ' + ' '.join(host.iommu.units) if host.iommu.units else ''}"
    parts = sum(is_plumbing(device) for device in host.devices.values())
    what = "bridge, port or the like" if parts == 1 else "bridges, ports and the like"
    others = f", beside {parts} {what}" if parts else ""
    yield f"devices   {len(host.devices) - parts}{others}: {summary(host)}"


def _terminal() -> Iterator[str]:
    size = shutil.get_terminal_size((0, 0))
    yield f"TERM      {os.environ.get('TERM', 'not set')}, COLORTERM {os.environ.get('COLORTERM', 'not set')}"
    yield f"size      {f'{size.columns}x{size.lines}' if size.columns else 'unknown'}"
    signs = glyphs_for(sys.stdout.encoding or "", os.environ.get("TERM", "")).name
    yield f"encoding  {sys.stdout.encoding}, {signs} signs"
    if not (sys.stdin.isatty() and sys.stdout.isatty()):
        yield "screen    no: standard input or output is not a terminal, so iovtop alone prints a snapshot"
    elif os.environ.get("TERM", "dumb") == "dumb":
        yield "screen    no: TERM is dumb, so iovtop alone prints a snapshot"
    else:
        yield "screen    yes"


def _rights(doors: HostDoors, host: Host) -> Iterator[str]:
    yield f"user id   {host.uid}"
    scan = host.holder_scan
    yield f"holders   {'all processes can be looked into' if scan.complete else scan.reason}"
    for path, what in (("/dev/vfio/vfio", "VFIO containers"), ("/dev/iommu", "iommufd"), ("/dev/kvm", "KVM")):
        try:
            mode = doors.files.stat(path)
        except OSError as error:
            yield f"{path:<14} {what}: {error.strerror}"
        else:
            yield f"{path:<14} {what}: mode {mode.mode & 0o777:o}, owner {mode.uid}:{mode.gid}"


def _tools() -> Iterator[str]:
    for tool, use in _TOOLS.items():
        yield f"{tool:<19} {shutil.which(tool) or 'not found'} ({use})"


def _files() -> Iterator[str]:
    known = PciNames().vendor("8086")
    yield f"pci.ids   {'found' if known else 'not found: devices show as numbers (install hwdata or pci.ids)'}"
    yield f"config    {config_home() / 'config.toml'}"
    yield f"state     {state_home()}"


def _findings(host: Host) -> Iterator[str]:
    glyphs = glyphs_for(sys.stdout.encoding or "", os.environ.get("TERM", ""))
    findings = find(host)
    if not findings:
        yield "none"
    for finding in findings:
        yield finding_line(finding, glyphs)
        if finding.remedy:
            yield f"    remedy: {finding.remedy}"
