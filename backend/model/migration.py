"""A live migration: what stands in its way, how far it is, and where the VM runs in the end."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Weight(StrEnum):
    """What a reason does to a migration."""

    BLOCKS = "blocks"
    """It cannot begin, or cannot succeed."""
    COSTS = "costs"
    """It works, and takes longer or stops the guest for longer."""
    UNKNOWN = "unknown"
    """Nobody could be asked: it may block."""


@dataclass(frozen=True, slots=True)
class Reason:
    """One thing that stands in the way of a migration, with what to do about it."""

    weight: Weight
    subject: str
    """What it is about: a device's id, or the VM's name."""
    cause: str
    remedy: str
    evidence: str
    """Where it comes from: ``query-migrate``, debugfs, the command line, ..."""


@dataclass(frozen=True, slots=True)
class DeviceFeatures:
    """What a device's driver offers for migration (VFIO migration v2)."""

    device: str
    driver: str
    features: tuple[str, ...] | None
    """stop-copy, p2p, pre-copy, dirty-tracking, as the kernel's debugfs names them; None where nobody can tell."""
    state: str = ""
    """The device's migration state, as the kernel names it; "" where it cannot be read."""
    evidence: str = ""


class Strategy(StrEnum):
    """How the devices of a VM get across, best first."""

    VFIO = "vfio"
    """VFIO migration v2: the drivers save and load the state of their devices. Without host devices, plain pre-copy."""
    FAILOVER = "failover"
    """The guest's driver falls back on an emulated interface while QEMU takes the function away (failover pair)."""
    UNPLUG = "unplug"
    """The devices are unplugged, the VM migrates without them, and others are plugged in on the destination."""


@dataclass(frozen=True, slots=True)
class Way:
    """One strategy, for one VM."""

    strategy: Strategy
    explained: str
    """What it does."""
    reasons: tuple[Reason, ...] = ()
    """What stands in its way."""

    @property
    def possible(self) -> bool:
        """Whether nothing stands in its way."""
        return not self.reasons

    @property
    def why_not(self) -> str:
        """What stands in its way, in a sentence; "" when nothing does."""
        return "; ".join(dict.fromkeys(reason.cause for reason in self.reasons))


@dataclass(frozen=True, slots=True)
class Readiness:
    """Whether a VM can migrate live, with every reason at once."""

    vm: str
    pid: int
    reasons: tuple[Reason, ...]
    devices: tuple[DeviceFeatures, ...]
    asked: bool
    """Whether QEMU itself was asked; else only what can be seen from outside was judged."""
    qemu: str = ""
    """Its version, "" where it was not asked."""
    dirty_rate: int | None = None
    """Bytes of memory that the guest changes each second, measured by QEMU on request."""
    ways: tuple[Way, ...] = ()
    """Every strategy, best first."""

    @property
    def best(self) -> Way | None:
        """The best strategy that is possible."""
        return next((way for way in self.ways if way.possible), None)

    def way(self, strategy: Strategy) -> Way | None:
        """Return one strategy; None where QEMU was not asked."""
        return next((way for way in self.ways if way.strategy is strategy), None)

    @property
    def blockers(self) -> tuple[Reason, ...]:
        """The reasons for which it cannot."""
        return tuple(reason for reason in self.reasons if reason.weight is Weight.BLOCKS)

    @property
    def ready(self) -> bool | None:
        """Whether it can; None when that is not known."""
        if self.blockers:
            return False
        return None if any(reason.weight is Weight.UNKNOWN for reason in self.reasons) else True


class Convergence(StrEnum):
    """Whether pre-copy comes to an end."""

    UNKNOWN = "unknown"
    """Before the second pass nobody has measured how fast the guest dirties its memory."""
    CONVERGES = "converges"
    FITS = "fits"
    """What is left fits into the downtime limit: the switchover is due."""
    NEVER = "never"
    """Not with this bandwidth and this downtime limit."""


class Stall(StrEnum):
    """Whether anything moves."""

    NONE = ""
    WARNING = "warning"
    """Nothing has moved for 5 s."""
    OFFER = "offer"
    """Nothing has moved for 30 s: it is time to cancel."""


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a migration is, at one moment. Bytes, seconds, and bytes a second unless a name says otherwise."""

    at: float
    """Seconds since it was asked for."""
    phase: str
    """QEMU's own word: setup, active, pre-switchover, device, completed, failed, cancelling, cancelled."""
    passes: int = 0
    """Which pass over the memory this is, from 1 (``dirty-sync-count``)."""
    pass_done: float = 0.0
    """How much of this pass is sent, 0 to 1. Starts anew with each pass."""
    overall: float = 0.0
    """How much of everything known so far is sent, 0 to 1. Never runs backwards: see ``held``."""
    held: bool = False
    """Whether ``overall`` stands still because the guest made more to send than was sent."""
    ram_total: int = 0
    ram_sent: int = 0
    """On the wire, over all passes."""
    ram_left: int = 0
    """Of this pass."""
    resent: int = 0
    """Memory that was dirtied after it was sent, and had to be sent again."""
    device_sent: int | None = None
    """State of all VFIO devices together; None where QEMU counts none."""
    bandwidth: float | None = None
    dirty_rate: float | None = None
    """As measured at the last pass."""
    downtime_expected: float | None = None
    """Seconds that the guest would stand still if it were stopped now."""
    downtime_limit: float = 0.3
    downtime: float | None = None
    """Seconds that it did stand still; known at the end."""
    convergence: Convergence = Convergence.UNKNOWN
    advice: str = ""
    """Why it does not converge, and what would help."""
    eta: tuple[float, float] | None = None
    """Least and most seconds until the switchover; None where nobody can tell."""
    stall: Stall = Stall.NONE
    stalled: float = 0.0
    """Seconds for which nothing has moved."""
    paused: bool = False
    """Whether the guest stands still on the source and waits for the operator (pre-switchover)."""
    error: str = ""
    """QEMU's own words."""


class Where(StrEnum):
    """Where the VM runs."""

    SOURCE = "source"
    DESTINATION = "destination"
    NEITHER = "neither"
    BOTH = "both"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class Verdict:
    """How a migration ended, found by asking both sides."""

    where: Where
    moved: bool
    """Whether it did what was asked for."""
    text: str
    """One or two sentences: what happened, where the VM runs now."""
    remedy: str = ""
    """What to do; "" when nothing need be done."""
    source: str = ""
    """What the source said of itself."""
    destination: str = ""
    downtime: float | None = None
    total: float | None = None
    """Seconds from beginning to end."""


@dataclass(frozen=True, slots=True)
class Comparison:
    """Whether a destination can take a VM over, with everything that differs at once."""

    vm: str
    destination: str
    reasons: tuple[Reason, ...]
    pairs: tuple[tuple[str, str], ...] = ()
    """Each of the VM's devices, and the one that takes its state over there."""

    @property
    def ready(self) -> bool | None:
        """Whether it can; None when that is not known."""
        weights = {reason.weight for reason in self.reasons}
        if Weight.BLOCKS in weights:
            return False
        return None if Weight.UNKNOWN in weights else True
