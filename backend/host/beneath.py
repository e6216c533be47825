"""Opening files below a directory so that no link in it leads out of it."""

from __future__ import annotations

import ctypes
import errno
import os

_OPENAT2 = 437
_BENEATH = 0x08
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


def is_sysfs(descriptor: int) -> bool:
    """Return whether an open file is one of the kernel's /sys (fstatfs(2))."""
    buffer = (ctypes.c_long * 32)()
    return _libc.fstatfs(descriptor, ctypes.byref(buffer)) == 0 and buffer[0] == _SYSFS


def open_beneath(root: str, path: str, flags: int) -> int:
    """Return a descriptor of ``path`` below ``root``; links may lead to other places below it, and nowhere else.

    Raises ``OSError`` as open(2) does, EXDEV for what would lead out.
    """
    try:
        return _openat2(root, path, flags, _BENEATH | _NO_MAGICLINKS)
    except OSError as error:
        if error.errno != errno.ENOSYS:
            raise
    # Kernels before 5.6. The links of a real /sys do not change what they lead to while one looks.
    found = os.path.realpath(os.path.join(root, os.path.dirname(path)))
    if os.path.commonpath([os.path.realpath(root), found]) != os.path.realpath(root):
        raise OSError(errno.EXDEV, os.strerror(errno.EXDEV), path)
    return os.open(os.path.join(found, os.path.basename(path)), flags | os.O_NOFOLLOW | os.O_CLOEXEC)


def _openat2(root: str, path: str, flags: int, resolve: int) -> int:
    how = _OpenHow(flags | os.O_CLOEXEC, 0, resolve)
    raw = os.fsencode(path.lstrip("/") or ".")
    directory = os.open(root, os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        fd, number = -1, errno.EAGAIN
        while fd < 0 and number == errno.EAGAIN:  # something was renamed meanwhile
            fd = _libc.syscall(_OPENAT2, directory, raw, ctypes.byref(how), ctypes.sizeof(how))
            number = ctypes.get_errno()
    finally:
        os.close(directory)
    if fd < 0:
        raise OSError(number, os.strerror(number), path)
    return int(fd)


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
        try:
            return _openat2(self.path, path, flags, _IN_ROOT | _NO_MAGICLINKS)
        except OSError as error:
            if error.errno != errno.ENOSYS:
                raise
        return self._open_resolved(path, flags)

    def _open_resolved(self, path: str, flags: int) -> int:
        """Do the same on kernels before 5.6, where a tree that changes meanwhile could still deceive."""
        place = os.path.join(self.path, path.lstrip("/"))
        parent = os.path.realpath(os.path.dirname(place)) if flags & os.O_NOFOLLOW else os.path.realpath(place)
        if os.path.commonpath([self.path, parent]) != self.path:
            raise FileNotFoundError(errno.ENOENT, "outside of this tree", path)
        return os.open(os.path.join(parent, os.path.basename(place)) if flags & os.O_NOFOLLOW else parent, flags)
