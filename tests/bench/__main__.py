"""Runs the benchmarks: ``python -m tests.bench [SECTION…]``; see README.md."""

from __future__ import annotations

import argparse
import json
import platform
import sys
import time
import traceback
from pathlib import Path

from tests.bench import namespaces
from tests.bench.context import Bench, Options
from tests.bench.gen_sysfs import SIZES
from tests.bench.report import Report, Skip
from tests.bench.sections import SECTIONS


def main() -> int:
    """Run the sections asked for and print them as Markdown."""
    options = _parse()
    if not namespaces.inside() and not namespaces.why_not():
        namespaces.enter("tests.bench", sys.argv[1:])
    bench = Bench(
        Options(
            size=options.size,
            repeat=options.repeat,
            seconds=options.seconds,
            xl=options.xl,
            slow=options.slow,
            command=options.iovtop,
        )
    )
    print(f"# iovtop benchmarks\n\n{_machine()}\n", flush=True)
    reports = []
    for name in options.sections or SECTIONS:
        begin = time.monotonic()
        report = _run(name, bench)
        reports.append(report)
        print(report.markdown(), flush=True)
        print(f"{name}: {time.monotonic() - begin:.0f} s", file=sys.stderr, flush=True)
    if options.json:
        found = {report.name: report.as_json() for report in reports}
        options.json.write_text(json.dumps({"machine": _machine(), "sections": found}, indent=1) + "\n")
    missed = [target for report in reports for target in report.targets if not target.met]
    failed = any(report.failures for report in reports)
    return 1 if options.check and (missed or failed) else 0


def _run(name: str, bench: Bench) -> Report:
    """Run one section; whatever goes wrong in it is a line of its report."""
    try:
        return SECTIONS[name](bench)
    except Skip as reason:
        return Report(name, "skipped", skipped={"all of it": str(reason)})
    except Exception as error:
        traceback.print_exc()
        return Report(name, "failed", failures={"all of it": f"{type(error).__name__}: {error}"})


def _machine() -> str:
    model = "unknown processor"
    for line in Path("/proc/cpuinfo").read_text(encoding="utf-8", errors="replace").splitlines():
        if line.startswith("model name"):
            model = line.split(":", 1)[1].strip()
            break
    return f"{model}, Linux {platform.release()}, Python {platform.python_version()}"


def _parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m tests.bench",
        description="Measure iovtop beside other tools, in CPU seconds of one run.",
    )
    parser.add_argument("sections", nargs="*", metavar="SECTION", help=f"of {', '.join(SECTIONS)}; default: all")
    parser.add_argument("--size", choices=SIZES, default="L", help="size of the tree (default: L)")
    parser.add_argument("--repeat", type=int, default=5, metavar="N", help="rounds of each command (default: 5)")
    parser.add_argument("--seconds", type=float, default=10.0, help="steady time of live views (default: 10)")
    parser.add_argument("--xl", action="store_true", help="measure XL too: 8 GB of memory, some minutes")
    parser.add_argument("--slow", action="store_true", help="also run tools that take minutes")
    parser.add_argument("--iovtop", default="", metavar="COMMAND", help="measure this iovtop, not the checkout's")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write all figures there")
    parser.add_argument("--check", action="store_true", help="exit 1 when a target is missed or a part failed")
    options = parser.parse_args()
    if unknown := [name for name in options.sections if name not in SECTIONS]:
        parser.error(f"no section {', '.join(unknown)}: choose from {', '.join(SECTIONS)}")
    if options.repeat < 1:
        parser.error("--repeat must be at least 1")
    return options


if __name__ == "__main__":
    raise SystemExit(main())
