"""What the lab can be told by variables."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from tests.lab.errors import LabError

_REPOSITORY = Path(__file__).resolve().parents[2]
_OS_RELEASE = Path("/etc/os-release")


@dataclass(frozen=True, slots=True)
class Settings:
    """The variables of the lab.

    Attributes:
        cache: ``LAB_CACHE``, where everything prepared is kept; outside the repository.
        seed: ``LAB_SEED``, a folder with a ready-built ``lab-kernel-SERIES.tar``.
        suite: ``LAB_SUITE``, the Debian suite that QEMU comes from, and kernels newer than this machine's.
        linux: ``LAB_LINUX``, the series of the kernel.
        qemu: ``LAB_QEMU``, a QEMU to use instead of the suite's.
        accel: ``LAB_ACCEL``: auto, kvm or tcg.
        deadline: ``LAB_DEADLINE``, seconds that one order to a guest may take.
    """

    cache: Path
    seed: Path | None
    suite: str
    linux: str
    qemu: str
    accel: str
    deadline: float

    @classmethod
    def from_environment(cls, environ: Mapping[str, str]) -> Settings:
        """Return the settings. Raises ``LabError`` for what cannot be meant."""
        home = environ.get("XDG_CACHE_HOME") or str(Path(environ.get("HOME") or "/root") / ".cache")
        cache = Path(environ.get("LAB_CACHE") or f"{home}/iovtop-lab").absolute()
        if cache.resolve().is_relative_to(_REPOSITORY):
            raise LabError(f"LAB_CACHE={cache} lies in the repository: name a folder outside of it")
        seed = Path(environ["LAB_SEED"]).absolute() if environ.get("LAB_SEED") else None
        if seed is not None and not seed.is_dir():
            raise LabError(f"LAB_SEED={seed}: no such folder")
        accel = environ.get("LAB_ACCEL") or "auto"
        if accel not in ("auto", "kvm", "tcg"):
            raise LabError(f"LAB_ACCEL={accel}: must be auto, kvm or tcg")
        qemu = environ.get("LAB_QEMU") or ""
        if qemu and not Path(qemu).is_file():
            raise LabError(f"LAB_QEMU={qemu}: no such file")
        return cls(
            cache=cache,
            seed=seed,
            suite=environ.get("LAB_SUITE") or f"{_codename()}-backports",
            linux=environ.get("LAB_LINUX") or "6.12",
            qemu=qemu,
            accel=accel,
            deadline=_seconds(environ.get("LAB_DEADLINE") or "3600"),
        )


def _seconds(text: str) -> float:
    try:
        seconds = float(text)
    except ValueError:
        seconds = 0.0
    if not 1 <= seconds <= 1_000_000:
        raise LabError(f"LAB_DEADLINE={text}: must be a number of seconds")
    return seconds


def _codename() -> str:
    try:
        lines = _OS_RELEASE.read_text().splitlines()
    except OSError:
        lines = []
    found = dict(line.split("=", 1) for line in lines if "=" in line)
    if found.get("ID", "").strip('"') != "debian" or "VERSION_CODENAME" not in found:
        raise LabError("this machine does not run Debian: name the suite to take QEMU from with LAB_SUITE=")
    return found["VERSION_CODENAME"].strip('"')
