"""Path resolution in the simulated tree, with the kernel's errno."""

from __future__ import annotations

import errno

from backend.simhost.tree import Attr, Dir, File, Link, Node, oops, relative

MAX_LINKS = 40
MAX_NAME = 255


class Tree:
    """Path resolution from one root, for one caller (root, or somebody unprivileged)."""

    def __init__(self, root: Dir, *, privileged: bool) -> None:
        self.root = root
        self.privileged = privileged

    def find(self, start: Dir, path: str, *, follow: bool = True) -> tuple[Dir, Node]:
        """Return the directory that holds ``path`` and what lies there. Raises like open(2).

        ``follow`` says whether a symbolic link in the last place is followed.
        """
        if "\0" in path:
            raise oops(errno.EINVAL, path)
        if not path:
            raise oops(errno.ENOENT, path)
        here = self.root if path[0] == "/" else start
        pending = [part for part in reversed(path.split("/")) if part]
        must_be_dir = path[-1] == "/"
        holder, node = here.parent or here, here
        result: Node = node
        links = 0
        while pending:
            if not isinstance(result, Dir):
                raise oops(errno.ENOTDIR, path)
            here = result
            if here.restricted and not self.privileged:
                raise oops(errno.EACCES, path)
            if here.gone():
                raise oops(errno.ENOENT, path)
            part = pending.pop()
            if part == ".":
                continue
            if part == "..":
                result = here.parent or here
                holder = here
                continue
            if len(part.encode("utf-8", "surrogateescape")) > MAX_NAME:
                raise oops(errno.ENAMETOOLONG, path)
            entry = here.get(part)
            if entry is None:
                raise oops(errno.ENOENT, path)
            holder = here
            result = entry
            if isinstance(entry, Link) and (pending or follow or must_be_dir):
                links += 1
                if links > MAX_LINKS:
                    raise oops(errno.ELOOP, path)
                result = self._step(entry, here, pending, path)
        if must_be_dir and not isinstance(result, Dir):
            raise oops(errno.ENOTDIR, path)
        if isinstance(result, Dir) and result.gone():
            raise oops(errno.ENOENT, path)
        return holder, result

    def _step(self, link: Link, here: Dir, pending: list[str], path: str) -> Dir:
        if link.restricted and not self.privileged:
            raise oops(errno.EACCES, path)
        if isinstance(link.target, Dir):
            return link.target
        text = link.target
        pending.extend(part for part in reversed(text.split("/")) if part)
        return self.root if text.startswith("/") else here

    def directory(self, start: Dir, path: str) -> Dir:
        """Return the directory at ``path``."""
        _, node = self.find(start, path)
        if not isinstance(node, Dir):
            raise oops(errno.ENOTDIR, path)
        if node.restricted and not self.privileged:
            raise oops(errno.EACCES, path)
        return node

    def text(self, start: Dir, path: str) -> str:
        """Return the target of the symbolic link at ``path``, as stored."""
        holder, node = self.find(start, path, follow=False)
        if not isinstance(node, Link):
            raise oops(errno.EINVAL, path)
        if node.restricted and not self.privileged:
            raise oops(errno.EACCES, path)
        return relative(holder, node.target) if isinstance(node.target, Dir) else node.target

    def content(self, holder: Dir, node: Node, path: str) -> bytes:
        """Return what one read(2) of the whole file gives."""
        if isinstance(node, Attr):
            if node.read is None or (node.secret and not self.privileged):
                raise oops(errno.EACCES, path)
            return node.read(holder.owner)
        if isinstance(node, File):
            if not node.mode & 0o444 or ((node.restricted or not node.mode & 0o004) and not self.privileged):
                raise oops(errno.EACCES, path)
            return node.data if isinstance(node.data, bytes) else node.data()
        if isinstance(node, Dir):
            raise oops(errno.EISDIR, path)
        raise oops(errno.ENXIO, path)
