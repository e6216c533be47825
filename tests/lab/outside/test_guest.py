"""Orders to a guest: what comes back, what stays outside, and an end in any case."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.lab.boot import REPOSITORY, Guest, GuestLost
from tests.lab.outside.conftest import SOON


def run(guest: Guest, script: str, seconds: float = SOON) -> tuple[int, str]:
    parts: list[bytes] = []
    code = guest.run(script, parts.append, deadline=seconds)
    return code, b"".join(parts).decode()


def test_output_and_exit_code_come_back(guest: Guest) -> None:
    assert run(guest, "echo out; echo err >&2; exit 7") == (7, "out\nerr\n")
    code, text = run(guest, "seq 1 20000")
    assert code == 0
    assert text.split() == [str(number) for number in range(1, 20001)]


def test_the_checkout_is_there_and_cannot_be_changed_from_inside(guest: Guest) -> None:
    name = "written-in-the-guest"
    code, text = run(guest, f"pwd; ls README.md; echo x > {name}; cat {name}; python -m tui --version")
    assert code == 0
    assert text.splitlines()[:3] == [str(REPOSITORY), "README.md", "x"]
    assert text.splitlines()[3].startswith("iovtop ")
    assert not (REPOSITORY / name).exists()


def test_the_shared_folder_is_writable(guest: Guest) -> None:
    assert run(guest, "echo seen > /lab/answer") == (0, "")
    assert (guest.shared / "answer").read_text() == "seen\n"


def test_a_hung_guest_is_given_up_with_its_last_words(guest: Guest) -> None:
    # Runs last: the guest is of no use afterwards.
    with pytest.raises(GuestLost, match=r"(?s)no answer within 5 s.*tell-tale"):
        run(guest, "echo tell-tale >/dev/kmsg; echo '<0>tell-tale' >/dev/kmsg; sleep 600", 5)
    folder = Path(guest.folder)
    guest.close()
    assert not folder.exists()
