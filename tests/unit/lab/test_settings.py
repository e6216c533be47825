"""The lab's variables: defaults, and one clear line for what cannot be meant."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.lab.errors import LabError
from tests.lab.settings import Settings

ROOT = Path(__file__).parents[3]


def test_defaults() -> None:
    settings = Settings.from_environment({"HOME": "/home/x", "LAB_SUITE": "bookworm-backports"})
    assert settings.cache == Path("/home/x/.cache/iovtop-lab")
    assert (settings.linux, settings.accel, settings.seed, settings.qemu) == ("6.12", "auto", None, "")


@pytest.mark.parametrize(
    ("name", "value", "words"),
    [
        ("LAB_CACHE", str(ROOT / "cache"), "lies in the repository"),
        ("LAB_SEED", "/nonexistent", "no such folder"),
        ("LAB_QEMU", "/nonexistent", "no such file"),
        ("LAB_ACCEL", "hvf", "auto, kvm or tcg"),
        ("LAB_DEADLINE", "soon", "number of seconds"),
        ("LAB_DEADLINE", "0", "number of seconds"),
    ],
)
def test_what_cannot_be_meant(name: str, value: str, words: str) -> None:
    with pytest.raises(LabError, match=words) as raised:
        Settings.from_environment({"HOME": "/home/x", "LAB_SUITE": "sid", name: value})
    assert str(raised.value).startswith(f"{name}=")
    assert "\n" not in str(raised.value)
