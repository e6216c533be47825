"""Opening files of a foreign tree so that no link in it leads out of it."""

from __future__ import annotations

import ctypes
import errno
import os

_OPENAT2 = 437
_IN_ROOT = 0x10
_NO_MAGICLINKS = 0x02
_PROC, _SYSFS = 0x9FA0, 0x62656572


class _OpenHow(ctypes.Structure):
    _fields_ = [("flags", ctypes.c_uint64), ("mode", ctypes.c_uint64), ("resolve", ctypes.c_uint64)]


_libc = ctypes.CDLL(None, use_errno=True)


def is_kernels(path: str) -> bool:
    """Return whether a kernel made the files there (statfs(2)): such a tree is no forgery."""
    buffer = (ctypes.c_long * 32)()
    return _libc.statfs(os.fsencode(path), ctypes.byref(buffer)) == 0 and buffer[0] in (_PROC, _SYSFS)


class Root:
    """A directory that paths are resolved in as if it were the root of everything (openat2(2)).

    Where it is a real /proc or /sys, as in a container that has its host's, paths are resolved as ever: the
    links of /proc into other processes are wanted then.
    """

    def __init__(self, path: str) -> None:
        self.path = os.path.realpath(path)
        self.genuine = is_kernels(self.path)

    def open(self, path: str, flags: int) -> int:
        """Return a descriptor of ``path`` below the root. Raises ``OSError`` as open(2) does."""
        if self.genuine:
            return os.open(self.path + path, flags | os.O_CLOEXEC)
        how = _OpenHow(flags | os.O_CLOEXEC, 0, _IN_ROOT | _NO_MAGICLINKS)
        raw = os.fsencode(path.lstrip("/") or ".")
        root = os.open(self.path, os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            fd, number = -1, errno.EAGAIN
            while fd < 0 and number == errno.EAGAIN:  # something was renamed meanwhile
                fd = _libc.syscall(_OPENAT2, root, raw, ctypes.byref(how), ctypes.sizeof(how))
                number = ctypes.get_errno()
        finally:
            os.close(root)
        if fd < 0:
            if number == errno.ENOSYS:
                return self._open_resolved(path, flags)
            raise OSError(number, os.strerror(number), path)
        return int(fd)

    def _open_resolved(self, path: str, flags: int) -> int:
        """Do the same on kernels before 5.6, where a tree that changes meanwhile could still deceive."""
        place = os.path.join(self.path, path.lstrip("/"))
        parent = os.path.realpath(os.path.dirname(place)) if flags & os.O_NOFOLLOW else os.path.realpath(place)
        if os.path.commonpath([self.path, parent]) != self.path:
            raise FileNotFoundError(errno.ENOENT, "outside of this tree", path)
        return os.open(os.path.join(parent, os.path.basename(place)) if flags & os.O_NOFOLLOW else parent, flags)
