"""The shape of the house: imports run one way, and only the doors open files of the kernel."""

from __future__ import annotations

import ast
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
BACKEND = ROOT / "backend"

ALLOWED = {
    "host": "the doors themselves",
    "simhost/load.py": "the scenario files of the package",
    "simhost/__init__.py": "the scenario files of the package",
    "simhost/qemu": "the real sockets of simulated VMs",
    "probe/names.py": "pci.ids",
    "agent/open_operator.py": "whether a package has installed the agent",
    "agent/standing.py": "/dev/null in place of its standard streams",
    "cli/boot.py": "a file of what was saved that is named",
    "cli/capture.py": "the archive it writes",
    "cli/do.py": "the file of commands it is given",
    "cli/settings.py": "the user's configuration",
    "ops/journal_file.py": "the journal",
    "migration/jobs": "the records and sockets of jobs",
    "recording/recorder.py": "the recording it makes",
    "recording/recording.py": "the recording it plays",
    "cli/main.py": "/dev/null when a pipe breaks, and the log file",
    "cli/open_host.py": "whether a folder that was named is there",
}
"""Where files are opened or looked at, and which. Everything else goes through the doors."""

_OPENERS = frozenset({
    "open", "read_bytes", "read_text", "write_bytes", "write_text", "iterdir", "glob", "rglob", "listdir", "scandir",
    "walk", "stat", "lstat", "readlink", "exists", "isdir", "isfile", "islink", "access", "is_dir", "is_file",
    "symlink_to", "unlink", "mkdir",
})  # fmt: skip
_MODULES = frozenset({"os", "io", "shutil", "Path", "pathlib", "path"})


def test_imports_run_one_way() -> None:
    """The contracts are in pyproject.toml."""
    command = Path(sys.executable).with_name("lint-imports")
    done = subprocess.run(
        [str(command), "--no-cache"], cwd=ROOT, capture_output=True, text=True, timeout=50, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "0 broken" in done.stdout


def opened(tree: ast.AST) -> Iterator[tuple[int, str]]:
    """Yield line and name of each call that opens or looks at a file by itself, not through a door."""
    for node in ast.walk(tree):
        if not isinstance(node, ast.Call):
            continue
        function = node.func
        if isinstance(function, ast.Name) and function.id == "open":
            yield node.lineno, "open"
        elif isinstance(function, ast.Attribute) and function.attr in _OPENERS:
            owner = function.value
            root = owner
            while isinstance(root, ast.Attribute | ast.Call):
                root = root.value if isinstance(root, ast.Attribute) else root.func
            name = root.id if isinstance(root, ast.Name) else ""
            direct = owner.attr if isinstance(owner, ast.Attribute) else ""
            if name in _MODULES or direct in _MODULES:
                yield node.lineno, f"{name}.{function.attr}"
            elif function.attr in ("read_bytes", "read_text", "write_bytes", "write_text", "iterdir", "rglob"):
                yield node.lineno, function.attr


def _allowed(file: Path) -> bool:
    inside = file.relative_to(BACKEND)
    return any(str(place) in ALLOWED for place in (inside, *inside.parents))


def test_only_the_doors_open_files() -> None:
    files = sorted(BACKEND.rglob("*.py"))
    assert len(files) > 60
    found = [
        f"{file.relative_to(ROOT)}:{line}: {call}"
        for file in files
        if not _allowed(file)
        for line, call in opened(ast.parse(file.read_text(encoding="utf-8")))
    ]
    assert not found


def test_every_exception_is_needed() -> None:
    for place in ALLOWED:
        file = BACKEND / place
        files = [file] if file.suffix == ".py" else sorted(file.glob("*.py"))
        assert any(list(opened(ast.parse(one.read_text(encoding="utf-8")))) for one in files), place


@pytest.mark.parametrize(
    "source",
    [
        "open('/sys/x')",
        "import os\nos.open('/sys/x', 0)",
        "os.listdir('/proc')",
        "os.path.exists('/dev/vfio')",
        "Path('/sys/x').read_text()",
        "pathlib.Path('/sys').iterdir()",
        "file.read_bytes()",
        "Path('/sys').joinpath('x').open()",
    ],
)
def test_the_scan_finds_what_it_should(source: str) -> None:
    assert list(opened(ast.parse(source)))


@pytest.mark.parametrize(
    "source", ["files.read('/sys/x')", "doors.files.stat('/dev/kvm')", "directory.list()", "files.open_dir('/sys')"]
)
def test_the_scan_lets_the_doors_be_used(source: str) -> None:
    assert not list(opened(ast.parse(source)))
