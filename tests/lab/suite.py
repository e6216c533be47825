"""The lab's suite: which machines are booted, which tests run in each, and what may be skipped."""

from __future__ import annotations

import subprocess
import sys
import tempfile
import time
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from functools import partial
from pathlib import Path
from xml.etree import ElementTree

from tests.lab.accel import choose
from tests.lab.boot import REPOSITORY, GuestLost
from tests.lab.boot import boot as start
from tests.lab.machine import PROFILES
from tests.lab.parts import KernelKind, LabError, NoLabKernel, prepare_kernel, prepare_qemu
from tests.lab.settings import Settings
from tests.lab.side_by_side import side_by_side

_WHOLE = "*"
_EXPECTED = Path(__file__).with_name("expected_skips.toml")


@dataclass(frozen=True, slots=True)
class Boot:
    """One start of a machine, and the tests that run in it. Without a kernel: tests that boot for themselves."""

    name: str
    about: str
    tests: tuple[str, ...]
    kernel: KernelKind | None = "stock"
    profile: str = "full"


def _files(*patterns: str) -> tuple[str, ...]:
    """Return the files of the repository that match, in order."""
    return tuple(sorted(str(file.relative_to(REPOSITORY)) for p in patterns for file in REPOSITORY.glob(p)))


_CHANGES = _files(
    "tests/conformance/test_changing_*.py",
    "tests/conformance/test_stuck_*.py",
    *(f"tests/lab/inside/full/test_{name}.py" for name in ("agent", "peers", "recovery", "states", "stuck_screen")),
)
_LINKS = _files(
    "tests/conformance/test_links.py",
    "tests/conformance/test_nic.py",
    "tests/lab/inside/full/test_links.py",
    "tests/lab/inside/full/test_netdevsim.py",
)
_COUNTERS = _files("tests/lab/inside/full/test_counters.py")
_STATES = _files("tests/conformance/test_changing_states.py", "tests/lab/inside/full/test_states.py")
_VMS = _files("tests/lab/inside/full/test_vms.py")
_KERNEL = tuple(
    file
    for file in _files("tests/conformance/test_*.py", "tests/lab/inside/full/test_*.py")
    if file not in (*_CHANGES, *_LINKS, *_COUNTERS, *_VMS)
)

BOOTS = (
    # The longest first: they run side by side.
    Boot("changes", "changes of the host, on Debian's kernel", _CHANGES),
    Boot("stock", "Debian's kernel", _KERNEL),
    Boot("lab", "a kernel with iommufd", _KERNEL, kernel="lab"),
    Boot("links", "VF policy, statistics and ports, with netdevsim", _LINKS, kernel="lab"),
    Boot("counters", "what is counted of held VFs, on Debian's kernel", _COUNTERS),
    Boot("vms", "VMs: the data path of a running one, live migrations", _VMS),
    Boot("iommufd", "VMs and states of devices by iommufd", (*_VMS, *_STATES), kernel="lab"),
    Boot("scale", "268 VFs", ("tests/lab/inside/scale",), profile="scale"),
    Boot("outside", "the lab as its users start it", ("tests/lab/outside",), kernel=None),
    Boot("no-iommu", "Debian's kernel without an IOMMU", ("tests/lab/inside/no_iommu",), profile="no-iommu"),
    Boot("simulated", "the simulated host, by the same tests", ("tests/conformance",), kernel=None),
)


@dataclass(slots=True)
class Result:
    """What came of one boot."""

    boot: Boot
    passed: int = 0
    conforming: int = 0
    """How many of these are conformance tests."""
    failed: list[str] = field(default_factory=list)
    skipped: dict[str, str] = field(default_factory=dict)
    """Test → reason."""
    absent: str = ""
    """Why it was not booted at all."""
    seconds: float = 0.0

    @property
    def counts(self) -> str:
        """One line about it."""
        if self.absent:
            return f"not run: {self.absent}"
        counts = [f"{self.passed} passed" + f" ({self.conforming} of conformance)" * bool(self.conforming)]
        counts += [
            f"{len(cases)} {word}" for word, cases in (("failed", self.failed), ("skipped", self.skipped)) if cases
        ]
        return f"{', '.join(counts)} in {self.seconds:.0f} s"


def run_suite(settings: Settings, only: Sequence[str], arguments: Sequence[str], *, at_once: int) -> int:
    """Boot, run the tests, print a summary; return 0 if all is well.

    Args:
        only: names of boots; when empty, all.
        arguments: options for pytest.
        at_once: how many boots run side by side: much of their time the tests wait. With 1, what they print is
            passed on as it comes.
    """
    chosen = {boot.name: boot for boot in BOOTS if not only or boot.name in only}
    if unknown := set(only) - chosen.keys():
        raise LabError(f"no boot is called {', '.join(sorted(unknown))}; there are {', '.join(b.name for b in BOOTS)}")
    start = time.monotonic()
    results: dict[str, Result] = {}
    if at_once == 1 or len(chosen) == 1:
        for name, boot in chosen.items():
            _announce(boot)
            results[name] = _run(settings, boot, arguments)
    else:
        calls = {name: partial(_run, settings, boot, arguments) for name, boot in chosen.items()}
        for name, result, output in side_by_side(calls, at_once):
            _announce(chosen[name])
            _print(output)
            results[name] = result
    seconds = time.monotonic() - start
    return summarize([results[name] for name in chosen], tomllib.loads(_EXPECTED.read_text()), seconds)


def _announce(boot: Boot) -> None:
    print(f"\n== {boot.name}: {boot.about}", flush=True)


def _run(settings: Settings, boot: Boot, arguments: Sequence[str]) -> Result:
    result = Result(boot)
    start = time.monotonic()
    _fill(result, settings, boot, arguments)
    result.seconds = time.monotonic() - start
    return result


def _fill(result: Result, settings: Settings, boot: Boot, arguments: Sequence[str]) -> None:
    options = ["-p", "no:cacheprovider", "-p", "no:xdist", "-q", "-rs", "--color=no", "--timeout=2400", *arguments]
    if boot.kernel is None:
        with tempfile.TemporaryDirectory(prefix="iovtop-lab-") as folder:
            report = Path(folder) / "report.xml"
            command = [sys.executable, "-m", "pytest", *options, f"--junitxml={report}", *boot.tests]
            subprocess.run(command, cwd=REPOSITORY, check=False)
            count(report, result)
        return
    qemu = prepare_qemu(settings)
    try:
        kernel = prepare_kernel(settings, boot.kernel)
    except NoLabKernel as reason:
        result.absent = str(reason)
        return
    accel = choose(settings, qemu, kernel)
    try:
        with start(qemu, kernel, PROFILES[boot.profile], accel=accel) as guest:
            words = ["python", "-m", "pytest", *options, "--junitxml=/lab/report.xml", *boot.tests]
            script = "export IOVTOP_CONFORMANCE=kernel\n" + " ".join(f"'{word}'" for word in words)
            try:
                guest.run(script, _print, deadline=settings.deadline)
            finally:
                count(guest.shared / "report.xml", result)
    except GuestLost as lost:
        print(f"lab: {boot.name}: {lost}", flush=True)
        result.failed.append(f"the guest: {str(lost).splitlines()[0]}")


def _print(data: bytes) -> None:
    sys.stdout.buffer.write(data)
    sys.stdout.buffer.flush()


def count(report: Path, result: Result) -> None:
    """Add up a JUnit report, pytest's."""
    try:
        root = ElementTree.parse(report).getroot()
    except (OSError, ElementTree.ParseError):
        result.failed.append("pytest left no report")
        return
    for case in root.iter("testcase"):
        name = f"{case.get('classname')}.{case.get('name')}".removeprefix("tests.")
        if (skipped := case.find("skipped")) is not None:
            result.skipped[name] = skipped.get("message", "")
        elif case.find("failure") is not None or case.find("error") is not None:
            result.failed.append(name)
        else:
            result.passed += 1
            result.conforming += name.startswith("conformance.")
    if not result.passed:
        result.failed.append("no test passed")


def summarize(results: Sequence[Result], allowed: Mapping[str, Mapping[str, str]], seconds: float) -> int:
    """Print what came of all boots, ending as pytest does; return 0 if all is well.

    Args:
        allowed: boot → pattern of the names of tests that it may skip → why.
        seconds: that all of it took.
    """
    print("\n== the lab")
    failed = 0
    for result in results:
        print(f"{result.boot.name:10} {result.counts}")
        expected = allowed.get(result.boot.name, {})
        problems = [f"FAILED {name}" for name in result.failed]
        if result.absent and _WHOLE not in expected:
            problems.append(f"NOT RUN {result.absent}")
        for test, reason in result.skipped.items():
            patterns = (pattern for pattern in expected if pattern != _WHOLE and fnmatchcase(test, pattern))
            known = expected.get(next(patterns, ""))
            if known is None:
                problems.append(f"NEW SKIP {test}: {reason}; if that is right, add it to {_EXPECTED.name}")
            else:
                print(f"{'':10} skipped {test}: {known}")
        failed += len(problems)
        for problem in problems:
            print(f"{'':10} {problem}")
    passed = sum(result.passed for result in results)
    skipped = sum(len(result.skipped) for result in results)
    counts = [f"{failed} failed"] * bool(failed) + [f"{passed} passed"] + [f"{skipped} skipped"] * bool(skipped)
    print(f"===== {', '.join(counts)} in {seconds:.2f}s =====")
    return 1 if failed else 0
