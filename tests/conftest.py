"""Fixtures that tests of several layers share."""

from __future__ import annotations

import os
import tarfile
import tempfile
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

import pytest
from hypothesis import settings

from backend.host.linux import LinuxHost
from backend.model.host import Host
from tests.pictures import picture, simulated

# Seconds a single example takes depend on what else the machine does.
settings.register_profile("iovtop", deadline=None)
settings.load_profile("iovtop")

_CAPTURES = Path(__file__).parent / "data" / "captures"


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leave the slow tests to ``-m slow``."""
    if config.getoption("markexpr"):
        return
    slow = [item for item in items if item.get_closest_marker("slow") is not None]
    if slow:
        config.hook.pytest_deselected(items=slow)
        items[:] = [item for item in items if item.get_closest_marker("slow") is None]


@pytest.fixture(scope="session")
def in_memory() -> Iterator[Path]:
    """Return a folder for many small files: in memory where there is such a place."""
    place = "/dev/shm" if os.access("/dev/shm", os.W_OK) else None
    with tempfile.TemporaryDirectory(prefix="iovtop-test-", dir=place) as folder:
        yield Path(folder).resolve()


@pytest.fixture(scope="session")
def captures(in_memory: Path) -> Mapping[str, Path]:
    """Name of a capture → folder with its ``sys`` and ``proc``. For reading only: all tests share them."""
    found = {}
    for archive in sorted(_CAPTURES.glob("*.tar.gz")):
        name = archive.name.removesuffix(".tar.gz")
        found[name] = in_memory / "captures" / name
        unpack(name, found[name])
    return found


def unpack(name: str, folder: Path) -> None:
    """Unpack a capture below ``folder``. Links come last, so that nothing is ever written through one.

    ``extractall`` judges each of five thousand members by itself, which takes five times as long.
    """
    links = []
    with tarfile.open(_CAPTURES / f"{name}.tar.gz") as archive:
        for member in archive:
            place = folder / member.name
            assert place.is_relative_to(folder)
            assert ".." not in place.parts
            if member.issym():
                links.append((place, member.linkname))
            elif member.isdir():
                place.mkdir(parents=True, exist_ok=True)
            else:
                file = archive.extractfile(member)
                assert file is not None
                place.parent.mkdir(parents=True, exist_ok=True)
                place.write_bytes(file.read())
    for place, target in links:
        place.symlink_to(target)


@pytest.fixture(scope="session")
def unpack_captures() -> Callable[[str, Path], None]:
    """Return the function that unpacks a capture into a folder, where it may be changed."""
    return unpack


@pytest.fixture(scope="session")
def captured(captures: Mapping[str, Path]) -> Mapping[str, Host]:
    """Name of a capture → the picture of it."""
    return {name: picture(LinuxHost(str(folder / "sys"), str(folder / "proc"))) for name, folder in captures.items()}


@pytest.fixture(scope="session")
def scenario() -> Callable[..., Host]:
    """Return the function from a scenario's name to its picture, made once."""
    known: dict[tuple[str, bool], Host] = {}

    def get(spec: str, *, privileged: bool = True) -> Host:
        key = (spec, privileged)
        if key not in known:
            known[key] = picture(simulated(spec, privileged=privileged)[0])
        return known[key]

    return get
