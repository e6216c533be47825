"""Becoming root through the real sudo and polkit: by a rule for the agent, by a password, or not at all.

In a mount namespace of its own, where /etc/sudoers.d, /etc/shadow and /usr/libexec/iovtop are this test's.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.tui.pseudo_terminal import PseudoTerminal

REPOSITORY = Path(__file__).resolve().parents[3]
PACKAGING = REPOSITORY / "backend/agent/packaging"
AGENT = f"{sys.executable} -I {REPOSITORY / 'backend/agent/__main__.py'}"
UNPRIVILEGED = Path(__file__).with_name("unprivileged_child.py")
USER = "nobody"
PASSWORD = "secret"
_HASH = "$6$iovtop$q5nVKpc.XymEc/SmMX1EAI3H0RFqKvCZSTvl58hmCvMZzHQZ.6mfg4Mi.i6ar15AW0vY.CmEva1QoHbyXlcZb1"
SOON = 60.0

_BECOME = """
mount --bind "$1/sudoers.d" /etc/sudoers.d && mount --bind "$1/shadow" /etc/shadow &&
if [ -d /run/sudo ]; then mount -t tmpfs none /run/sudo; fi &&
if [ -d "$1/libexec" ]; then mount -t overlay -o "lowerdir=$1/libexec:/usr/libexec" none /usr/libexec; fi &&
setpriv=$(command -v setpriv) && if [ -d "$1/bin" ]; then mount --bind "$1/bin" /mnt && PATH=/mnt; fi &&
shift && exec "$setpriv" --reuid=65534 --regid=65534 --clear-groups --inh-caps=-all "$@"
"""

pytestmark = pytest.mark.root


class Privileges:
    """A user, and what sudo lets that user do."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        (folder / "sudoers.d").mkdir()
        lines = Path("/etc/shadow").read_text().splitlines()
        shadow = [f"{USER}:{_HASH}:20000:0:99999:7:::" if line.startswith(f"{USER}:") else line for line in lines]
        (folder / "shadow").write_text("\n".join(shadow) + "\n")
        (folder / "shadow").chmod(0o640)
        folder.chmod(0o755)

    def allow(self, rule: str) -> None:
        file = self._folder / "sudoers.d/iovtop"
        file.write_text(f"{USER} ALL=(root) {rule}\n")
        file.chmod(0o440)

    def install(self) -> None:
        """Install what a package does, for this Python and this checkout."""
        folder = self._folder / "libexec/iovtop"
        folder.mkdir(parents=True)
        for name in ("agent", "agent-write"):
            text = (PACKAGING / name).read_text()
            assert text.startswith("#!/usr/bin/python3 -I\n")
            text = text.replace("/usr/bin/python3", sys.executable).replace("/usr/lib/iovtop", str(REPOSITORY))
            (folder / name).write_text(text)
            (folder / name).chmod(0o755)

    def become(self, command: list[str]) -> list[str]:
        """Return the command that runs another as that user."""
        return ["unshare", "-m", "sh", "-c", _BECOME, "sh", str(self._folder), *command]

    def command(self, *words: str) -> list[str]:
        face = [sys.executable, "-I", str(UNPRIVILEGED), *words]
        return self.become(face)

    def result(self, *words: str) -> str:
        """Run the face without a terminal."""
        done = subprocess.run(
            self.command(*words), stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=SOON, check=False,
            start_new_session=True,
        )  # fmt: skip
        assert done.returncode == 0, done.stderr
        return done.stdout.removeprefix("result: ").strip()


@pytest.fixture
def privileges(tmp_path: Path) -> Privileges:
    """A user who may do nothing."""
    if os.geteuid():
        pytest.skip("a mount namespace needs root")
    for tool in ("sudo", "unshare", "setpriv"):
        if shutil.which(tool) is None:
            pytest.skip(f"{tool} is not installed")
    found = Privileges(tmp_path)
    who = subprocess.run(found.become([sys.executable, "-c", "import msgspec"]),
                         capture_output=True, text=True, timeout=SOON, check=False)  # fmt: skip
    if who.returncode:
        pytest.skip(f"{USER} cannot run this Python here: {who.stderr.strip().splitlines()[-1:]}")
    return found


def test_a_rule_for_the_agent_is_enough(privileges: Privileges) -> None:
    privileges.allow(f"NOPASSWD: {AGENT} --write")
    assert privileges.result().startswith("verbs; no such device; ")


def test_a_rule_for_looking_is_none_for_changing(privileges: Privileges) -> None:
    privileges.allow(f"NOPASSWD: {AGENT}")
    # A rule with arguments allows exactly these.
    assert privileges.result("look").startswith("no verbs; no such device; ")
    assert "a password is required" in privileges.result()


def rules_of_the_package() -> dict[str, str]:
    """Return group → rule, as the packaged file has them, commented out."""
    lines = (PACKAGING / "iovtop.sudoers").read_text().splitlines()
    found = [line.removeprefix("# ").split() for line in lines if line.startswith("# %")]
    return {words[0]: " ".join(words[3:]).removeprefix("(root) ") for words in found}


def test_the_rules_of_the_package_allow_looking_or_changing_and_nothing_else(privileges: Privileges) -> None:
    privileges.install()
    rules = rules_of_the_package()
    privileges.allow(rules["%iovtop"])
    assert privileges.result("look") == "no verbs; no such device; no warning"
    assert "a password is required" in privileges.result()
    privileges.allow(rules["%iovtop-admin"])
    assert privileges.result().startswith("verbs; no such device; ")
    assert "a password is required" in privileges.result("look")
    more = ["sudo", "-n", "--", "/usr/libexec/iovtop/agent-write", "--write"]
    done = subprocess.run(
        privileges.become(more), stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=SOON, check=False
    )
    assert "a password is required" in done.stderr


_BUS = """
mount -t tmpfs none /run && mkdir /run/dbus &&
mount -t overlay -o "lowerdir=$1/actions:/usr/share/polkit-1/actions" none /usr/share/polkit-1/actions &&
mount --bind "$1/rules" /etc/polkit-1/rules.d &&
bus=$(dbus-daemon --system --fork --print-pid) || exit 1
/usr/lib/polkit-1/polkitd --no-debug >/dev/null 2>&1 & polkit=$!
until pkaction --action-id org.iovtop.agent.write >/dev/null 2>&1; do sleep 0.1; done
shift; "$@"
kill "$polkit" "$bus"
"""
_RULE = """polkit.addRule(function(action, subject) {
    if (action.id == "org.iovtop.agent.write" && subject.user == "nobody") { return polkit.Result.YES; }
});
"""


def test_where_there_is_no_sudo_polkit_is_asked(privileges: Privileges, tmp_path: Path) -> None:
    pkexec = shutil.which("pkexec")
    if pkexec is None or not os.path.exists("/usr/lib/polkit-1/polkitd"):
        pytest.skip("polkit is not installed")
    privileges.install()
    for name in ("actions", "rules", "bin"):
        (tmp_path / name).mkdir()
    shutil.copy(PACKAGING / "org.iovtop.agent.policy", tmp_path / "actions")
    (tmp_path / "bin/pkexec").symlink_to(pkexec)

    def result() -> str:
        done = subprocess.run(
            ["unshare", "-m", "sh", "-c", _BUS, "sh", str(tmp_path), *privileges.command()],
            stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=SOON, check=False,
        )  # fmt: skip
        assert done.stdout, done.stderr
        return done.stdout.removeprefix("result: ").strip()

    assert "No authentication agent found" in result()
    (tmp_path / "rules/10-iovtop.rules").write_text(_RULE)
    assert result().startswith("verbs; no such device; ")


def test_without_a_rule_and_a_terminal_the_way_out_is_said(privileges: Privileges) -> None:
    said = privileges.result()
    assert said.startswith("agent: the agent must be root, and the agent did not start: sudo: a password is ")
    assert "type `sudo -v` first" in said


def test_sudo_asks_for_its_password_on_the_terminal(privileges: Privileges) -> None:
    privileges.allow("ALL")
    terminal = PseudoTerminal(
        ["-c", "import os, sys; os.execvp(sys.argv[1], sys.argv[1:])", *privileges.command("ask")], {}
    )
    terminal.until(b"password for nobody", SOON)
    terminal.type(PASSWORD.encode() + b"\n")
    terminal.until(b"result: ", SOON)
    terminal.ended_within(SOON)
    assert b"result: verbs; no such device; " in terminal.written
    assert PASSWORD.encode() not in terminal.written


def test_a_wrong_password_changes_nothing(privileges: Privileges) -> None:
    privileges.allow("ALL")
    terminal = PseudoTerminal(
        ["-c", "import os, sys; os.execvp(sys.argv[1], sys.argv[1:])", *privileges.command("ask")], {}
    )
    for attempt in range(3):
        while terminal.written.count(b"password for nobody") <= attempt:
            terminal.until(b"password for nobody", SOON)
            terminal.read(0.2)
        terminal.type(b"wrong\n")
    terminal.ended_within(SOON)
    assert b"result: agent: the agent did not start: sudo: 3 incorrect password attempts" in terminal.written
