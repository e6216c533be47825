"""``iovtop regions DEV``: the regions of a device and, once it is opened, what may be mapped and what it can do."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterable

from backend.cli.change import opened, session
from backend.cli.exits import CommandError, Exit
from backend.cli.naming import Names
from backend.cli.output import say_source, write_json
from backend.cli.snapshot import take
from backend.host.doors import HostDoors
from backend.model.figures import bytes_text
from backend.model.ids import DeviceId
from backend.model.vfio import VfioLook, VfioRegion
from backend.present.regions import reached
from backend.state.closer import CloserLook, look_closer


def add_options(parser: argparse.ArgumentParser) -> None:
    """Add the verb's options."""
    parser.add_argument("device", metavar="DEVICE", help="a PCI address, an interface, 'vf N of PF', or a UUID")
    parser.add_argument(
        "--open", action="store_true",
        help="open the device by VFIO for a moment, as root, and ask it: a PCI function is reset by that; one that "
        "somebody holds is never opened",
    )  # fmt: skip
    parser.add_argument("--format", choices=("text", "json"), default="text")
    parser.add_argument("--json", dest="format", action="store_const", const="json", help="the same as --format json")


def run(doors: HostDoors, options: argparse.Namespace) -> Exit:
    """Print them."""
    name = Names(doors).device(options.device)
    if options.open:
        with session(doors, opened(doors, write=True)) as here:
            look = here.wait(here.operator.look_at(name))
        _print(doors, look, _opened_lines(look), as_json=options.format == "json")
        return Exit.OK
    host = take(doors)
    device = host.devices.get(DeviceId(name))
    if device is None:
        raise CommandError(f"this host has no device {name}; `iovtop snapshot` lists those it has", Exit.NO_DEVICE)
    closer = look_closer(doors, device)
    if closer.reason:
        raise CommandError(f"{name}: {closer.reason}", Exit.NO_DEVICE)
    held = device.vfio and bool(device.holders)
    found = {"device": name, "regions": closer.regions, "mapped": closer.mapped}
    _print(doors, found, _closer_lines(closer, held=held), as_json=options.format == "json")
    return Exit.OK


def _print(doors: HostDoors, found: object, lines: Iterable[str], *, as_json: bool) -> None:
    if as_json:
        write_json(found, doors)
        return
    say_source(doors)
    for line in lines:
        sys.stdout.write(f"{line}\n")


def _closer_lines(look: CloserLook, *, held: bool) -> Iterable[str]:
    for region in look.regions:
        how = f"  {reached(region, look.mapped).text}" if held and region.is_memory_bar else ""
        qualities = " ".join((region.kind, *region.qualities))
        yield f"{region.name:10}  {bytes_text(region.size):>8}  {qualities} at {region.start:#x}{how}"
    if not look.regions:
        yield "it has no regions that sysfs tells of"


def _opened_lines(look: VfioLook) -> Iterable[str]:
    for region in look.regions:
        access = "".join(letter if has else "-" for letter, has in (("r", region.readable), ("w", region.writable)))
        yield f"{region.name:10}  {bytes_text(region.size):>8}  {access}  {_mappable(region)}"
    for irq in look.irqs:
        yield f"{irq.name:10}  {irq.count:>8}  interrupt{'s' * (irq.count != 1)}"
    yield f"{'reset':10}  {'yes' if look.resettable else 'no':>8}"
    migration = look.migration
    if migration is None:
        yield f"{'migration':10}  {'no':>8}  its driver offers none"
        return
    size = "" if migration.size is None else f", {bytes_text(migration.size)} of state"
    dirty = "logs what it writes" if migration.dirty_tracking else "does not log what it writes"
    yield f"{'migration':10}  {'yes':>8}  {' '.join(migration.features)}; {migration.state}{size}; {dirty}"


def _mappable(region: VfioRegion) -> str:
    if not region.mappable:
        return "trapped: every access exits"
    if not region.trapped:
        return "mappable"
    return f"mappable but for {bytes_text(region.trapped)}"
