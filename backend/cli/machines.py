"""VMs by the names that people give them on the command line."""

from __future__ import annotations

from backend.cli.exits import CommandError, Exit
from backend.model.host import Host
from backend.model.text import clean
from backend.model.vm import Vm
from backend.present.filter import suggest


def find_vm(host: Host, name: str) -> Vm:
    """Return the VM called ``name``, or with that pid or UUID. Raises ``CommandError`` where it is none or several."""
    vms = list(host.vms.values())
    found = [vm for vm in vms if name in (vm.name, str(vm.pid), vm.uuid)]
    if len(found) == 1:
        return found[0]
    shown = clean(name, 64)
    if found:
        pids = ", ".join(str(vm.pid) for vm in found)
        raise CommandError(f"several VMs are called {shown!r}: name one by its pid ({pids})")
    if not vms:
        raise CommandError(f"no VM {shown!r}: no VM is seen on {host.name}", Exit.NO_DEVICE)
    names = [vm.name for vm in vms]
    raise CommandError(f"no VM {shown!r}{suggest(name, names)}; there are: {', '.join(names)}", Exit.NO_DEVICE)
