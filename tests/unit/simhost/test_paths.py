"""Path resolution, compared with that of the kernel under us."""

from __future__ import annotations

import errno
import os
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from backend.simhost.paths import Tree
from backend.simhost.tree import Attr, Dir, File, Link, relative

NAMES = st.sampled_from(["a", "b", "c", "..", ".", "up", "loop", "self", "abs", "dead", "toa", "tofile", "file"])
PATHS = st.lists(NAMES, min_size=1, max_size=6).map("/".join)
SUFFIX = st.sampled_from(["", "/", "//"])


def simulated(base: str) -> Tree:
    root = Dir("", None)
    here = root
    for part in base.strip("/").split("/"):
        here = here.dir(part)
    for top in ("a", "b"):
        middle = here.dir(top)
        for low in ("a", "c"):
            fill(middle.dir(low), base)
        fill(middle, base)
    fill(here, base)
    return Tree(root, privileged=True)


def fill(directory: Dir, base: str) -> None:
    directory.file("file", "content")
    for name, target in links(base).items():
        directory.link(name, target)


def links(base: str) -> dict[str, str]:
    return {
        "up": "..",
        "loop": "loop",
        "self": ".",
        "abs": f"{base}/a",
        "dead": "nowhere/x",
        "toa": "a",
        "tofile": "./file",
    }


@pytest.fixture(scope="session")
def real(tmp_path_factory: pytest.TempPathFactory) -> Path:
    base = tmp_path_factory.mktemp("paths")
    for place in (base, *(base / top for top in "ab"), *(base / top / low for top in "ab" for low in "ac")):
        place.mkdir(exist_ok=True)
    for place in (base, *(base / top for top in "ab"), *(base / top / low for top in "ab" for low in "ac")):
        (place / "file").write_text("content")
        for name, target in links(str(base)).items():
            (place / name).symlink_to(target)
    return base


def outcome(call: object, *arguments: object) -> object:
    assert callable(call)
    try:
        return call(*arguments)
    except OSError as error:
        return errno.errorcode[error.errno or 0]


@settings(max_examples=400, deadline=None)
@given(path=PATHS, suffix=SUFFIX)
def test_reading_gives_what_the_kernel_gives(real: Path, path: str, suffix: str) -> None:
    tree = simulated(str(real))
    full = f"{real}/{path}{suffix}"
    if not os.path.normpath(full).startswith(str(real)) or path.startswith(".."):
        return  # outside of what was built

    def read_real() -> bytes:
        fd = os.open(full, os.O_RDONLY)
        try:
            return os.read(fd, 100)
        finally:
            os.close(fd)

    def read_simulated() -> bytes:
        holder, node = tree.find(tree.root, full)
        return tree.content(holder, node, full)

    assert outcome(read_simulated) == outcome(read_real)


@settings(max_examples=400, deadline=None)
@given(path=PATHS)
def test_links_and_listings_give_what_the_kernel_gives(real: Path, path: str) -> None:
    tree = simulated(str(real))
    full = f"{real}/{path}"
    if path.startswith("..") or not os.path.realpath(full).startswith(str(real)):
        return
    assert outcome(tree.text, tree.root, full) == outcome(os.readlink, full)
    listed = outcome(lambda: sorted(tree.directory(tree.root, full).names()))
    assert listed == outcome(lambda: sorted(os.listdir(full)))


def test_names_that_no_kernel_takes() -> None:
    tree = simulated("/t")
    for path, code in (("/t/" + "x" * 256, errno.ENAMETOOLONG), ("/t/\0", errno.EINVAL), ("", errno.ENOENT)):
        with pytest.raises(OSError) as raised:  # noqa: PT011 - the errno is what is looked at
            tree.find(tree.root, path)
        assert raised.value.errno == code


def test_links_are_written_as_sysfs_writes_them() -> None:
    root = Dir("", None)
    sys = root.dir("sys")
    pf = sys.dir("devices").dir("pci0000:00").dir("0000:00:06.0").dir("0000:01:00.0")
    vf = sys.dir("devices").dir("pci0000:00").dir("0000:00:06.0").dir("0000:01:10.0")
    net = pf.dir("net").dir("enp1s0")
    assert relative(pf, vf) == "../0000:01:10.0"
    assert relative(net, pf) == "../../../0000:01:00.0"
    bus = sys.dir("bus").dir("pci").dir("devices")
    assert relative(bus, pf) == "../../../devices/pci0000:00/0000:00:06.0/0000:01:00.0"
    assert relative(pf, sys.dir("kernel").dir("iommu_groups").dir("12")) == "../../../../kernel/iommu_groups/12"
    assert relative(sys.dir("class").dir("net"), net) == "../../devices/pci0000:00/0000:00:06.0/0000:01:00.0/net/enp1s0"


def test_who_may_read_what() -> None:
    root = Dir("", None)
    root.entries["closed"] = Dir("closed", root, restricted=True)
    root.entries["link"] = Link("file", restricted=True)
    root.entries["secret"] = File(b"x", mode=0o400)
    root.entries["file"] = File(b"x")
    root.add("device", table={"bind": Attr(None, lambda o, d: None), "rom": Attr(lambda o: b"r", secret=True)})
    for path in ("closed/x", "link", "secret", "device/rom"):
        tree = Tree(root, privileged=False)
        with pytest.raises(PermissionError):
            tree.content(*tree.find(root, path), path)
    everything = Tree(root, privileged=True)
    assert everything.content(*everything.find(root, "secret"), "secret") == b"x"
    with pytest.raises(PermissionError):  # no read method: not even for root
        everything.content(*everything.find(root, "device/bind"), "device/bind")


def test_a_removed_directory_is_gone_with_all_below() -> None:
    root = Dir("", None)
    low = root.dir("a").dir("b")
    root.drop("a")
    assert low.gone()
    root.drop("a")
    assert "a" not in root.names()
