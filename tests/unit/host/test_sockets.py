"""Who could stand in for a socket, and who is at its other end."""

from __future__ import annotations

import os
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from backend.host.sockets import LinuxSockets

NOBODY = frozenset[int]()


@pytest.fixture
def listening(tmp_path: Path) -> Iterator[Path]:
    """Return a socket on which this process listens."""
    path = tmp_path / "monitor"
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(str(path))
        server.listen(1)
        path.chmod(0o600)
        yield path


def test_ours_is_safe(listening: Path) -> None:
    assert LinuxSockets().danger(str(listening), NOBODY) == ""


def test_the_peer_is_whom_the_kernel_vouches_for(listening: Path) -> None:
    connection, peer = LinuxSockets().connect(str(listening))
    connection.close()
    assert (peer.pid, peer.uid) == (os.getpid(), os.geteuid())


def test_open_to_everybody(listening: Path) -> None:
    listening.chmod(0o666)
    assert LinuxSockets().danger(str(listening), NOBODY).startswith("every user may write to it (mode 0666): chmod o-w")


@pytest.mark.parametrize(("mode", "words"), [(0o777, "every user may write to its folder"), (0o775, "")])
def test_its_folder_open_to_others(listening: Path, mode: int, words: str) -> None:
    listening.parent.chmod(mode)
    danger = LinuxSockets().danger(str(listening), NOBODY)
    assert danger.startswith(words)
    assert bool(danger) == bool(words)


def test_a_sticky_folder_protects_what_is_ours(listening: Path) -> None:
    listening.parent.chmod(0o1777)
    assert LinuxSockets().danger(str(listening), NOBODY) == ""


def test_a_link_is_followed_and_its_own_folder_counts(listening: Path, tmp_path: Path) -> None:
    loose = tmp_path / "loose"
    loose.mkdir()
    link = loose / "monitor"
    link.symlink_to(listening)
    assert LinuxSockets().danger(str(link), NOBODY) == ""
    loose.chmod(0o777)
    assert f"its folder {loose} " in LinuxSockets().danger(str(link), NOBODY)


def test_what_is_no_socket(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    assert LinuxSockets().danger(str(tmp_path / "file"), NOBODY) == "it is no socket"
    with pytest.raises(FileNotFoundError):
        LinuxSockets().danger(str(tmp_path / "nothing"), NOBODY)


@pytest.mark.skipif(os.geteuid() != 0, reason="needs root: it gives a file to another user")
def test_of_another_user(listening: Path) -> None:
    os.chown(listening, 12345, -1)
    assert LinuxSockets().danger(str(listening), NOBODY) == "it belongs to user 12345"
    assert LinuxSockets().danger(str(listening), frozenset({12345})) == ""
