"""Kernels for the lab: Debian's own, never installed, and one with what Debian leaves out."""

from __future__ import annotations

import os
import re
import shutil
import tarfile
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from tests.lab.errors import LabError, NoLabKernel
from tests.lab.parts.cache import kept, say
from tests.lab.parts.debian import Archive, run
from tests.lab.parts.initramfs import INIT, index_modules, make_initramfs
from tests.lab.parts.samples import NAMES, build_samples
from tests.lab.parts.source import unpack_source
from tests.lab.settings import Settings

KernelKind = Literal["stock", "lab"]

_CONFIG = Path(__file__).with_name("lab-kernel.config")
_SAMPLES = "kernel/samples/vfio-mdev"


@dataclass(frozen=True, slots=True)
class Kernel:
    """A kernel and what belongs to it."""

    version: str
    """As ``uname -r`` says it."""
    image: Path
    initramfs: Path
    modules: Path
    """Directory that holds ``version`` with its modules, as /usr/lib/modules does."""
    samples: Path
    """Directory of mtty.ko, mdpy.ko and mbochs.ko; empty where they could not be built."""


def prepare_kernel(settings: Settings, kind: KernelKind) -> Kernel:
    """Return a kernel, downloading or unpacking it the first time. Raises ``NoLabKernel``."""
    return _stock(settings) if kind == "stock" else _lab(settings)


def _stock(settings: Settings) -> Kernel:
    archive = Archive(settings.cache, settings.suite)
    series = re.escape(settings.linux)
    image = archive.newest(rf"linux-image-{series}[\d.+~a-z]*-amd64")
    if not image:
        raise LabError(f"{settings.suite} and its release have no kernel {settings.linux}: set LAB_LINUX or LAB_SUITE")
    release = image.partition("=")[0].removeprefix("linux-image-")
    source = archive.newest("linux-source-" + re.escape(".".join(release.split(".")[:2])))
    headers = f"linux-headers-{release}={image.partition('=')[2]}"
    packages = archive.with_dependencies(image, rf"linux-(image|modules|binary|base)-{re.escape(release)}.*")

    def build(folder: Path) -> None:
        say(f"unpacking Linux {release}")
        scratch = folder / "scratch"
        root = scratch / "root"
        archive.unpack(packages, scratch / "debs", root)
        # Below /boot, or beside the modules in newer packages.
        images = [path for path in root.rglob("vmlinuz*") if path.is_file()]
        modules = [path for path in (root / "usr/lib/modules", root / "lib/modules") if path.is_dir()]
        if not images or not modules:
            raise LabError(f"{', '.join(packages)} hold no kernel")
        images[0].rename(folder / "vmlinuz")
        (folder / "lib").mkdir()
        modules[0].rename(folder / "lib" / "modules")
        index_modules(folder, release)
        (folder / "samples").mkdir()
        try:
            build_samples(archive, release, source, headers, folder / "samples", scratch)
        except LabError as error:
            # A kernel built by a much newer compiler has options that this machine's does not know.
            say(f"going on without sample mdev drivers: {error}")
        make_initramfs(folder / "lib" / "modules", release, folder / "initramfs")
        shutil.rmtree(scratch)

    inputs = [release, source, INIT, *packages]
    folder = kept(settings.cache, f"linux-{settings.linux}", inputs, build)
    return Kernel(release, folder / "vmlinuz", folder / "initramfs", folder / "lib" / "modules", folder / "samples")


def _lab(settings: Settings) -> Kernel:
    name = f"lab-kernel-{settings.linux}.tar"
    archives = [settings.cache / name, *([settings.seed / name] if settings.seed else [])]
    packed = next((path for path in archives if path.is_file()), None)
    if packed is None:
        raise NoLabKernel(f"no {name} in the cache or the seed; make lab ARGS=--build-kernel builds it")

    def build(folder: Path) -> None:
        say(f"unpacking the lab kernel of {packed}")
        scratch = folder / "scratch"
        with tarfile.open(packed) as tar:
            tar.extractall(scratch, filter="data")
        root = next(scratch.iterdir())
        (root / "lib").rename(folder / "lib")
        (root / "boot" / "vmlinuz-lab").rename(folder / "vmlinuz")
        release = _only(folder / "lib" / "modules")
        make_initramfs(folder / "lib" / "modules", release, folder / "initramfs")
        shutil.rmtree(scratch)

    stat = packed.stat()
    folder = kept(
        settings.cache, f"lab-linux-{settings.linux}", [name, str(stat.st_size), str(stat.st_mtime), INIT], build
    )
    modules = folder / "lib" / "modules"
    release = _only(modules)
    samples = modules / release / _SAMPLES
    return Kernel(release, folder / "vmlinuz", folder / "initramfs", modules, samples)


def _only(modules: Path) -> str:
    """Return the release whose modules these are."""
    found = sorted(path.name for path in modules.iterdir())
    if len(found) != 1:
        raise LabError(f"{modules} holds {len(found)} kernels instead of one")
    return found[0]


def build_lab_kernel(settings: Settings) -> Kernel:
    """Build the lab kernel into the cache, as a tar that can seed another one. Takes half an hour."""
    archive = Archive(settings.cache, settings.suite)
    source = archive.newest("linux-source-" + re.escape(settings.linux))
    if not source:
        raise LabError(f"{settings.suite} and its release have no linux-source-{settings.linux}")
    say(f"building the lab kernel of {source}: this takes about half an hour")

    def build(folder: Path) -> None:
        scratch = folder / "scratch"
        scratch.mkdir()
        tree = unpack_source(archive, source, scratch, lambda _: True, scratch / "code")
        shutil.copy(_CONFIG, tree / ".config")
        make = ["make", f"--jobs={os.cpu_count()}", "-C", str(tree)]
        run([*make, "olddefconfig"])
        run([*make, "bzImage", "modules"])
        root = scratch / "k-lab"
        (root / "boot").mkdir(parents=True)
        run([*make, f"INSTALL_MOD_PATH={root}", "modules_install"])
        shutil.copy(tree / "arch/x86/boot/bzImage", root / "boot" / "vmlinuz-lab")
        shutil.copy(tree / ".config", root / "boot" / "config-lab")
        release = _only(root / "lib" / "modules")
        for link in ("build", "source"):
            (root / "lib" / "modules" / release / link).unlink(missing_ok=True)
        missing = [name for name in NAMES if not (root / "lib/modules" / release / _SAMPLES / f"{name}.ko").exists()]
        if missing:
            raise LabError(f"the build made no {', '.join(missing)}")
        with tarfile.open(folder / f"lab-kernel-{settings.linux}.tar", "w") as tar:
            tar.add(root, "k-lab")
        shutil.rmtree(scratch)

    built = kept(settings.cache, f"lab-build-{settings.linux}", [source, _CONFIG.read_text()], build)
    target = settings.cache / f"lab-kernel-{settings.linux}.tar"
    target.unlink(missing_ok=True)
    os.link(built / target.name, target)
    return _lab(settings)
