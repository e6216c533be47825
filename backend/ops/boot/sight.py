"""The host as it is now, beside what was saved of it."""

from __future__ import annotations

from dataclasses import replace

from backend.host.doors import HostDoors
from backend.model.boot import BootState, Saved, SavedFunction, SavedPf
from backend.ops.boot.identities import read_identities
from backend.ops.boot.phases import Scene
from backend.ops.world import World
from backend.probe.boot.compare import Placed, compare, place
from backend.probe.boot.others import read_claims
from backend.state.aside import scanner_for


class Sight:
    """One host and one file, as true as the last look.

    Attributes:
        saved: what the file says.
        placed: which device each entry means.
        scene: what requests are made from.
    """

    def __init__(self, doors: HostDoors, saved: Saved) -> None:
        self.saved = saved
        self.placed = Placed((), ())
        self.scene = Scene({}, ())
        self._scanner = scanner_for(doors)
        self._world = World(doors, self._scanner)

    async def look(self) -> None:
        """Read everything anew."""
        await self._world.look()
        identities = await read_identities(self._world, kinds_of(self.saved))
        devices = self._world.host.devices
        self.scene = Scene(devices, identities, read_claims(self._world.doors.files, devices.values()))
        self.placed = place(self.saved, identities)

    async def state(self, file: str) -> BootState:
        """Return how the host differs from what was saved, policy of the VFs included."""
        devices = dict(self.scene.devices)
        for entry, name in self.placed.entries:
            pf = devices[name] if isinstance(entry, SavedPf) else None
            if pf is None or pf.sriov is None or not pf.netdevs:
                continue
            await self._world.network.look_at_vfs(pf)
            for index, vf in enumerate(pf.sriov.vfs):
                info = self._world.network.vf(pf.id, index)
                if vf in devices and info is not None:
                    devices[vf] = replace(devices[vf], policy=info)
        return compare(file, self.placed, devices, self.scene.claims)

    def close(self) -> None:
        """Let go of children; never waits."""
        self._scanner.close()


def kinds_of(saved: Saved) -> set[str]:
    """Return the kinds of function that entries may mean, as in ``8086:1572``; "" = any."""
    functions: tuple[SavedPf | SavedFunction, ...] = (*saved.pf, *saved.function)
    own = [entry.identity for entry in functions]
    return {one.ids for one in (*own, *(mdev.identity for mdev in saved.mdev if mdev.identity is not None))}
