"""Debian packages of any suite, downloaded and unpacked without changing this machine and without root.

An apt of our own: its lists, its downloads and its idea of what is installed lie in the lab's cache. Mirrors
and keys are those of this machine's own sources.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from tests.lab.errors import LabError
from tests.lab.parts.cache import locked, say

_ETC = Path("/etc/apt")
_FRESH_SECONDS = 86400
_SIMULATED = re.compile(r"^Inst (\S+) \((\S+) ", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Mirror:
    """One archive, as this machine's sources name it."""

    uri: str
    suites: tuple[str, ...]
    components: tuple[str, ...]
    signed_by: str
    """Path of a keyring; "" = apt's own trust."""

    @property
    def security(self) -> bool:
        """Whether it holds security updates."""
        return any(suite.endswith("-security") for suite in self.suites)


def parse_sources(deb822: Sequence[str], one_line: Sequence[str]) -> list[Mirror]:
    """Return the mirrors of binary packages in the texts of ``*.sources`` and ``*.list`` files."""
    found = []
    for text in deb822:
        for stanza in re.split(r"\n\s*\n", text):
            fields = {}
            for line in stanza.splitlines():
                if line[:1] not in ("#", " ", "\t") and ":" in line:
                    key, _, value = line.partition(":")
                    fields[key.strip().lower()] = value.strip()
            if "deb" in fields.get("types", "").split() and fields.get("enabled", "yes").lower() != "no":
                key = fields.get("signed-by", "")
                suites = tuple(fields.get("suites", "").split())
                components = tuple(fields.get("components", "").split())
                found += [Mirror(uri, suites, components, key) for uri in fields.get("uris", "").split()]
    for text in one_line:
        for line in text.splitlines():
            matched = re.match(r"deb\s+(?:\[([^\]]*)\]\s*)?(\S+)\s+(\S+)\s+([^#]+)", line.strip())
            if matched:
                options = dict(word.split("=", 1) for word in (matched[1] or "").split() if "=" in word)
                components = tuple(matched[4].split())
                found.append(Mirror(matched[2], (matched[3],), components, options.get("signed-by", "")))
    return found


class Archive:
    """The packages of a suite's whole release: the release itself, its updates, security and backports.

    Args:
        cache: the lab's cache.
        suite: as in ``bookworm-backports``: preferred over the rest of its release.
    """

    def __init__(self, cache: Path, suite: str) -> None:
        self._suite = suite
        self._release = re.sub(r"-(backports|updates|security|proposed-updates)$", "", suite)
        self._home = cache / f"apt-{suite}"
        self._config = self._home / "apt.conf"

    def closure(self, package: str) -> tuple[str, ...]:
        """Return ``name=version`` of a package and all it depends on, down to the C library."""
        return self._remembered(f"closure {package}", lambda: self._simulate(package))

    def newest(self, pattern: str) -> str:
        """Return the ``name=version`` whose name matches and holds the highest number; "" if none does."""
        return "".join(self._remembered(f"newest {pattern}", lambda: self._search(pattern)))

    def with_dependencies(self, package: str, pattern: str) -> tuple[str, ...]:
        """Return ``name=version`` of a package and of those it depends on whose names match."""

        def find() -> tuple[str, ...]:
            return tuple(one for one in self._simulate(package) if re.fullmatch(pattern, one.partition("=")[0]))

        return self._remembered(f"dependencies {package} {pattern}", find)

    def download(self, packages: Sequence[str], folder: Path) -> list[Path]:
        """Download packages, checked by apt; return the files."""
        folder.mkdir(parents=True, exist_ok=True)
        try:
            self._apt("apt-get", "download", "--quiet=2", *packages, cwd=folder)
        except LabError:
            # The mirror may have moved on: what is remembered is then gone.
            (self._home / "remembered.json").unlink(missing_ok=True)
            raise
        return sorted(folder.glob("*.deb"))

    def unpack(self, packages: Sequence[str], scratch: Path, root: Path) -> None:
        """Download packages into ``scratch`` and unpack them, one over the other, below ``root``."""
        root.mkdir(parents=True, exist_ok=True)
        for file in self.download(packages, scratch):
            run(["dpkg-deb", "--extract", str(file), str(root)])
            file.unlink()

    def _remembered(self, question: str, answer: Callable[[], tuple[str, ...]]) -> tuple[str, ...]:
        """Return an earlier answer while the day is the same; without network, any earlier one."""
        memory = self._home / "remembered.json"
        try:
            known = json.loads(memory.read_text())
        except (OSError, ValueError):
            known = {}
        at, old = known.get(question, (0, None))
        if old is not None and time.time() - at < _FRESH_SECONDS:
            return tuple(old)
        try:
            self._refresh()
            new = answer()
        except LabError as error:
            if old is None:
                raise
            say(f"using what was found before: {error}")
            return tuple(old)
        memory.write_text(json.dumps({**known, question: (time.time(), new)}))
        return tuple(new)

    def _refresh(self) -> None:
        """Fetch the package lists, at most once a day."""
        self._home.mkdir(parents=True, exist_ok=True)
        with locked(self._home / ".package-lists.lock"):
            self._fetch()

    def _fetch(self) -> None:
        stamp = self._home / "fetched"
        sources = "\n\n".join(self._stanzas())
        listed = self._home / "parts" / "lab.sources"
        known = listed.exists() and listed.read_text() == sources and stamp.exists()
        if known and time.time() - stamp.stat().st_mtime < _FRESH_SECONDS:
            return
        for folder in ("lists/partial", "cache/archives/partial", "parts"):
            (self._home / folder).mkdir(parents=True, exist_ok=True)
        listed.write_text(sources)
        (self._home / "status").touch()
        home = self._home
        self._config.write_text(
            f'Dir::State "{home}"; Dir::State::status "{home}/status"; Dir::State::lists "{home}/lists";\n'
            f'Dir::Cache "{home}/cache"; Dir::Etc::sourcelist "/dev/null"; Dir::Etc::sourceparts "{home}/parts";\n'
            'Dir::Etc::preferences "/dev/null"; Dir::Etc::preferencesparts "/dev/null";\n'
            f'APT::Default-Release "{self._suite}"; APT::Install-Recommends "false"; APT::Sandbox::User "";\n'
            'Acquire::Languages "none"; Acquire::Retries "3";\n'
        )
        say(f"fetching the package lists of {self._release}")
        self._apt("apt-get", "update", "--quiet=2", "--error-on=any")
        stamp.touch()

    def _stanzas(self) -> Iterator[str]:
        # A third party's archive may carry Debian's suite names, but hardly a component "main" of them as well.
        mirrors = [m for m in parse_sources(_texts("sources"), _texts("list")) if "main" in m.components]
        main = next((m for m in mirrors if not m.security), None)
        security = next((m for m in mirrors if m.security), None)
        if main is None:
            raise LabError(f"no Debian mirror in {_ETC}/sources.list or {_ETC}/sources.list.d")
        names = [self._release, f"{self._release}-updates", f"{self._release}-backports"]
        for mirror, suites in ((main, names), (security, [f"{self._release}-security"])):
            if mirror is not None:
                signed = f"\nSigned-By: {mirror.signed_by}" if mirror.signed_by else ""
                yield f"Types: deb\nURIs: {mirror.uri}\nSuites: {' '.join(suites)}\nComponents: main{signed}"

    def _simulate(self, package: str) -> tuple[str, ...]:
        text = self._apt("apt-get", "--simulate", "install", package)
        return tuple(sorted(f"{name}={version}" for name, version in _SIMULATED.findall(text)))

    def _search(self, pattern: str) -> tuple[str, ...]:
        names = [n for n in self._apt("apt-cache", "pkgnames").split() if re.fullmatch(pattern, n)]
        if not names:
            return ()
        name = max(names, key=lambda n: [int(part) for part in re.findall(r"\d+", n)])
        # The candidate of the preferred suite may be older than security's. Newest first: "name | version | archive".
        lines = self._apt("apt-cache", "madison", name).splitlines()
        return (f"{name}={lines[0].split('|')[1].strip()}",) if lines else ()

    def _apt(self, *command: str, cwd: Path | None = None) -> str:
        return run(list(command), cwd=cwd, config=str(self._config))


def _texts(extension: str) -> list[str]:
    files = sorted((_ETC / "sources.list.d").glob(f"*.{extension}"))
    if extension == "list":
        files.append(_ETC / "sources.list")
    return [file.read_text() for file in files if file.is_file()]


def run(command: list[str], cwd: Path | None = None, config: str = "") -> str:
    """Run a command and return what it printed. Raises ``LabError`` with the reason it gave."""
    environment = {**os.environ, "LC_ALL": "C", **({"APT_CONFIG": config} if config else {})}
    try:
        done = subprocess.run(
            command, cwd=cwd, env=environment, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False
        )
    except FileNotFoundError as error:
        raise LabError(f"{command[0]} is not on this machine") from error
    if done.returncode:
        last = [line for line in done.stderr.splitlines() if line.startswith("E:")] or done.stderr.splitlines()[-3:]
        raise LabError(f"{' '.join(command[:3])} failed: {'; '.join(last[:3])}")
    return done.stdout
