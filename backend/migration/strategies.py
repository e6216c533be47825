"""The migration of each strategy."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Protocol

from backend.migration.engine import Controls, Options, QmpMigration
from backend.migration.libvirt_engine import DomainParty, LibvirtMigration
from backend.migration.sides import Party
from backend.migration.unplugging import Aside, UnplugMigration
from backend.model.job import Move
from backend.model.migration import Progress, Strategy, Verdict


class Migration(Protocol):
    """One migration. ``run`` it once; ``verdict`` is there when it has ended."""

    verdict: Verdict | None

    def run(self, *, begun: bool = False) -> AsyncIterator[Progress]:
        """Migrate, and yield how far it is. Raises ``VmmError`` only before anything was started."""
        ...


@dataclass(frozen=True, slots=True)
class Reach:
    """Both sides, as a job reaches them."""

    source: Party | DomainParty
    destination: Party | DomainParty

    async def close(self) -> None:
        """Let both go."""
        await self.source.close()
        await self.destination.close()


def migration_of(move: Move, reach: Reach, options: Options, controls: Controls, aside: Aside) -> Migration:
    """Return the migration that a move asks for."""
    if isinstance(reach.source, DomainParty) and isinstance(reach.destination, DomainParty):
        return LibvirtMigration(reach.source, reach.destination, options, controls, move.plugs)
    assert isinstance(reach.source, Party)
    assert isinstance(reach.destination, Party)
    if move.strategy is Strategy.UNPLUG:
        return UnplugMigration(reach.source, reach.destination, options, controls, move.plugs, aside)
    return QmpMigration(reach.source, reach.destination, options, controls)
