"""Mirrors are read from this machine's own apt sources, in both formats."""

from __future__ import annotations

from tests.lab.parts.debian import Mirror, parse_sources

DEB822 = """Types: deb deb-src
# a comment: with a colon
URIs: http://mirror.example/debian
Suites: bookworm bookworm-updates
Components: main contrib
Signed-By: /usr/share/keyrings/a.gpg

Types: deb
URIs: http://mirror.example/security
Suites: bookworm-security
Components: main

Types: deb-src
URIs: http://source.example
Suites: bookworm
Components: main

Enabled: no
Types: deb
URIs: http://off.example
Suites: bookworm
Components: main
"""
ONE_LINE = """# deb http://commented.example bookworm main
deb [arch=amd64 signed-by=/k.gpg] http://one.example/debian bookworm main contrib # why
deb-src http://source.example bookworm main
deb http://two.example/debian bookworm-security main
"""


def test_deb822() -> None:
    suites, components = ("bookworm", "bookworm-updates"), ("main", "contrib")
    assert parse_sources([DEB822], []) == [
        Mirror("http://mirror.example/debian", suites, components, "/usr/share/keyrings/a.gpg"),
        Mirror("http://mirror.example/security", ("bookworm-security",), ("main",), ""),
    ]


def test_one_line() -> None:
    first, second = parse_sources([], [ONE_LINE])
    assert first == Mirror("http://one.example/debian", ("bookworm",), ("main", "contrib"), "/k.gpg")
    assert second.security
    assert not first.security


def test_nothing() -> None:
    assert parse_sources(["", "\n\n"], ["", "nonsense"]) == []
