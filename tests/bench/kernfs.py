"""How much dearer a real sysfs is than a tree on tmpfs: the same attributes, read from both in one run.

    unshare --mount --net --propagation private python -m tests.bench.kernfs SCRATCH BRIDGES

Makes real network bridges in its own network namespace, copies their attributes byte by byte to SCRATCH (on
tmpfs), and lets floor.c read both. Prints one line of JSON: factors of CPU time, kernfs by tmpfs.
"""

from __future__ import annotations

import json
import os
import shutil
import statistics
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path

from tests.bench import namespaces, paths, tools
from tests.bench.measure import environment
from tests.bench.report import Skip

BRIDGES = 1024


def factors(scratch: Path, bridges: int = BRIDGES) -> dict[str, float]:
    """Return the factors ``reopen``, ``pread``, ``list`` and ``readlink``.

    Raises:
        Skip: no such namespace can be made, or no bridges in it.
    """
    if reason := namespaces.why_not():
        raise Skip(reason)
    if shutil.which("ip", path=environment()["PATH"]) is None:
        raise Skip("ip (iproute2) is not installed")
    tools.program("floor")  # built, or missed, before there are bridges
    argv = ["unshare", "--mount", "--net", "--propagation", "private", sys.executable, "-m"]
    done = subprocess.run(
        [*argv, "tests.bench.kernfs", str(scratch), str(bridges)],
        capture_output=True, text=True, env=environment(), cwd=paths.CHECKOUT, check=False,
    )  # fmt: skip
    if done.returncode:
        raise Skip((done.stderr.strip().splitlines() or ["no message"])[-1])
    result: dict[str, float] = json.loads(done.stdout)
    return result


def _copy(interface: str, copy: Path) -> None:
    real = Path(f"/sys/class/net/{interface}").resolve()
    target = copy / real.relative_to("/sys")
    (target / "statistics").mkdir(parents=True)
    for source in [*real.iterdir(), *(real / "statistics").iterdir()]:
        # An interface that is down answers EINVAL for its speed and duplex.
        with suppress(OSError):
            if source.is_file():
                (target / source.relative_to(real)).write_bytes(source.read_bytes())
    (target / "subsystem").symlink_to(os.readlink(real / "subsystem"))
    (copy / "class/net" / interface).symlink_to(os.path.relpath(target, copy / "class/net"))


def _readlink_cpu(root: Path) -> float:
    base = os.open(root / "class/net", os.O_RDONLY)
    names = [f"{name}/subsystem" for name in os.listdir(base)]
    begin = time.process_time()
    for name in names:
        os.readlink(name, dir_fd=base)
    spent = time.process_time() - begin
    os.close(base)
    return spent


def _list_cpu(root: Path) -> float:
    begin = time.process_time()
    for _ in range(10):
        os.listdir(root / "class/net")
    return time.process_time() - begin


def main() -> int:
    """Measure, in the namespaces that the caller made."""
    copy, bridges = Path(sys.argv[1]) / "kernfs-copy", int(sys.argv[2])
    # A sysfs shows the network namespace of whoever mounts it.
    subprocess.run(["mount", "-t", "sysfs", "sysfs", "/sys"], check=True)
    batch = "".join(f"link add br{number} type bridge\n" for number in range(bridges))
    subprocess.run(["ip", "-batch", "-"], input=batch, text=True, check=True)
    (copy / "class/net").mkdir(parents=True)
    for interface in os.listdir("/sys/class/net"):
        if interface.startswith("br"):
            _copy(interface, copy)
    result = {}
    real = Path("/sys")
    for name, mode in (("reopen", "netstat"), ("pread", "netpread")):
        pairs = [(tools.floor(real, mode, repeat=3), tools.floor(copy, mode, repeat=3)) for _ in range(3)]
        result[name] = statistics.median(a.cpu_ms / a.attributes * b.attributes / b.cpu_ms for a, b in pairs)
    result["list"] = statistics.median(_list_cpu(real) / _list_cpu(copy) for _ in range(7))
    result["readlink"] = statistics.median(_readlink_cpu(real) / _readlink_cpu(copy) for _ in range(7))
    shutil.rmtree(copy)
    print(json.dumps(result))
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
