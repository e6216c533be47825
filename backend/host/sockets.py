"""Unix sockets of this machine: who could stand in for one, and who is at its other end."""

from __future__ import annotations

import os
import socket
import stat
import struct

from backend.host.doors import Peer

CONNECT_SECONDS = 3.0


class LinuxSockets:
    """Sockets of this machine."""

    def danger(self, path: str, trusted: frozenset[int]) -> str:
        """Return why a user outside ``trusted`` (and not us) could stand in for the socket ``path``; "" if none."""
        real = os.path.realpath(path)
        us = trusted | {os.geteuid()}
        found = os.lstat(real)
        if not stat.S_ISSOCK(found.st_mode):
            return "it is no socket"
        if found.st_uid not in us:
            return f"it belongs to user {found.st_uid}"
        if found.st_mode & stat.S_IWOTH:
            return f"every user may write to it (mode {stat.S_IMODE(found.st_mode):04o}): chmod o-w {path}"
        for start in {path, real}:
            folder = os.path.dirname(os.path.abspath(start))
            while True:
                reason = _folder_danger(folder, us)
                if reason:
                    return reason
                if folder == "/":
                    break
                folder = os.path.dirname(folder)
        return ""

    def connect(self, path: str) -> tuple[socket.socket, Peer]:
        """Return a connection, and who listens. Raises ``OSError`` as connect(2) does."""
        connection = socket.socket(socket.AF_UNIX)
        try:
            connection.settimeout(CONNECT_SECONDS)
            connection.connect(path)
            raw = connection.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, struct.calcsize("3i"))
        except BaseException:
            connection.close()
            raise
        pid, uid, _ = struct.unpack("3i", raw)
        return connection, Peer(pid, uid)

    def beside(self, path: str) -> str:
        """Return a path in the same folder: who made a socket there can make another."""
        return f"{os.path.realpath(path)}.migration"


def _folder_danger(folder: str, us: frozenset[int]) -> str:
    found = os.stat(folder)
    mode = f"mode {stat.S_IMODE(found.st_mode):04o}"
    if found.st_uid not in us:
        return f"its folder {folder} belongs to user {found.st_uid}"
    if found.st_mode & stat.S_ISVTX:
        return ""  # only its owner may rename or remove what is in it
    if found.st_mode & stat.S_IWOTH:
        return f"every user may write to its folder {folder} ({mode})"
    if found.st_mode & stat.S_IWGRP and found.st_gid not in (0, os.getegid()):
        return f"group {found.st_gid} may write to its folder {folder} ({mode})"
    return ""
