"""The journal on disk: what is whole is read, what is not is said; and nobody writes when it cannot be written."""

from __future__ import annotations

import os
import subprocess
import sys
import zlib
from pathlib import Path

import msgspec
import pytest

from backend.host.clock import SystemClock
from backend.model.plan import RunState
from backend.ops.errors import Busy, JournalUnreadable, JournalUnwritable
from backend.ops.journal import MemoryJournal
from backend.ops.journal_lines import Reader
from backend.ops.ledger import Ledger, Record
from tests.unit.cli.running import environment
from tests.unit.ops.journals import PLAN, WHO, full_at, opened, tell


class Listing(Ledger):
    """Keeps every record that was taken."""

    def __init__(self) -> None:
        super().__init__()
        self.records: list[Record] = []

    def take(self, record: Record) -> None:
        self.records.append(record)
        super().take(record)


def read(data: bytes) -> tuple[list[Record], list[str], int]:
    """Return the records that are taken, the damage that is reported, and the bytes of whole lines."""
    listing = Listing()
    reader = Reader(listing)
    reader.feed(data)
    return listing.records, reader.damage, reader.taken


@pytest.fixture
def written(tmp_path: Path) -> Path:
    """A folder with a journal of three operations, the last without an end."""
    journal = opened(tmp_path / "state")
    with journal.exclusive():
        tell(journal)
        tell(journal, RunState.FAILED)
        tell(journal, None)
    return tmp_path / "state"


def test_another_process_reads_what_was_written(written: Path) -> None:
    memory = MemoryJournal(SystemClock())
    for state in (RunState.DONE, RunState.FAILED, None):
        tell(memory, state)
    found = opened(written).entries()
    assert [entry.operation for entry in found] == [1, 2, 3]
    assert [entry.ended for entry in found] == [RunState.DONE, RunState.FAILED, None]
    assert [entry.unfinished for entry in found] == [False, False, True]
    assert all((entry.plan, entry.who) == (PLAN, WHO) for entry in found)
    for ours, theirs in zip(found, memory.entries(), strict=True):
        assert [(step.step, step.found) for step in ours.steps] == [(step.step, step.found) for step in theirs.steps]
        assert (ours.left, ours.text, ours.ended) == (theirs.left, theirs.text, theirs.ended)
    assert opened(written).damage() == ()


def test_nobody_else_may_read_it(written: Path) -> None:
    assert written.stat().st_mode & 0o777 == 0o700
    assert (written / "journal").stat().st_mode & 0o777 == 0o600


def test_a_host_without_a_journal_has_no_operations(tmp_path: Path) -> None:
    assert opened(tmp_path / "nothing").entries() == []
    assert not (tmp_path / "nothing").exists()


def test_cut_at_any_byte_what_is_left_is_whole_and_goes_on(written: Path, in_memory: Path) -> None:
    data = (written / "journal").read_bytes()
    records = read(data)[0]
    assert len(records) == 3 * 7 - 1
    place = in_memory / "cut"
    place.mkdir()
    for cut in range(len(data) + 1):
        found, damage, whole = read(data[:cut])
        assert found == records[: len(found)]
        assert damage == []
        assert b"\n" not in data[whole:cut]
        if cut % 41 and cut != len(data):
            continue
        (place / "journal").write_bytes(data[:cut])
        journal = opened(place)
        with journal.exclusive():
            number = tell(journal)
        assert number == max((record.operation for record in found), default=0) + 1
        after, damage, whole = read((place / "journal").read_bytes())
        assert after[: len(found)] == found
        assert len(after) == len(found) + 7
        assert (damage, whole) == ([], (place / "journal").stat().st_size)


@pytest.mark.parametrize(
    "flip", [0x01, 0x20, pytest.param(0x41, marks=pytest.mark.slow), pytest.param(0xFF, marks=pytest.mark.slow)]
)
def test_no_changed_byte_is_taken_for_the_truth(written: Path, flip: int) -> None:
    data = (written / "journal").read_bytes()
    known = read(data)[0]
    for place in range(len(data)):
        changed = bytearray(data)
        changed[place] ^= flip
        found, damage, whole = read(bytes(changed))
        assert all(record in known for record in found), place
        assert len(found) < len(known)
        assert damage or whole < len(data), place


def _lines(folder: Path) -> list[bytes]:
    return (folder / "journal").read_bytes().splitlines(keepends=True)


def _forged(line: bytes) -> bytes:
    text = line[9:-1].replace(b"step 0 was found", b"step 0 was never")
    assert text != line[9:-1]
    return b"%08x %s\n" % (zlib.crc32(text), text)


@pytest.mark.parametrize("how", ["removed", "first removed", "swapped", "forged", "doubled"])
def test_what_was_changed_on_purpose_breaks_the_chain(written: Path, how: str) -> None:
    lines = _lines(written)
    match how:
        case "removed":
            del lines[3]
        case "first removed":
            del lines[0]
        case "swapped":
            lines[3], lines[4] = lines[4], lines[3]
        case "forged":
            lines[2] = _forged(lines[2])
        case "doubled":
            lines.insert(3, lines[3])
    (written / "journal").write_bytes(b"".join(lines))
    assert any("changed or removed" in text for text in opened(written).damage())


def test_damage_in_the_middle_is_reported_and_stays(written: Path) -> None:
    lines = _lines(written)
    lines[6] = lines[6].replace(b"end", b"emd", 1)
    (written / "journal").write_bytes(b"".join(lines))
    journal = opened(written)
    assert list(journal.damage()) == ["line 7 of the journal: its checksum is wrong"]
    assert [entry.unfinished for entry in journal.entries()] == [True, False, True]
    with journal.exclusive():
        assert tell(journal) == 4
    assert _lines(written)[:20] == lines
    assert len(opened(written).damage()) == 1


def test_a_lost_beginning_is_reported_and_its_number_not_given_again(written: Path) -> None:
    lines = _lines(written)
    lines[-6] = b"x" + lines[-6]
    (written / "journal").write_bytes(b"".join(lines))
    journal = opened(written)
    assert any("the beginning of operation 3 is missing" in text for text in journal.damage())
    with journal.exclusive():
        assert tell(journal) == 4


def test_a_record_of_another_version_is_no_error(written: Path) -> None:
    text = msgspec.json.encode({"after": "x", "record": {"kind": "weather", "operation": 9}})
    with (written / "journal").open("ab") as file:
        file.write(b"%08x %s\n" % (zlib.crc32(text), text))
    journal = opened(written)
    assert len(journal.entries()) == 3
    assert "another version" in journal.damage()[0]


def test_what_another_process_adds_is_seen(written: Path) -> None:
    ours, theirs = opened(written), opened(written)
    assert len(ours.entries()) == 3
    with theirs.exclusive():
        tell(theirs)
    assert len(ours.entries()) == 4
    with ours.exclusive():
        assert tell(ours) == 5
    (written / "journal").unlink()
    assert ours.entries() == []


def test_a_link_in_its_place_is_not_followed(tmp_path: Path) -> None:
    (tmp_path / "state").mkdir()
    (tmp_path / "state/journal").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(JournalUnwritable, match="symbolic link"), opened(tmp_path / "state").exclusive():
        pass
    with pytest.raises(JournalUnreadable):
        opened(tmp_path / "state").entries()
    assert not (tmp_path / "elsewhere").exists()


def test_a_place_that_cannot_be(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(JournalUnwritable, match="cannot be written"), opened(tmp_path / "file/state").exclusive():
        pass


@pytest.mark.parametrize("room", [0, 1, 8, 100])
def test_a_line_that_does_not_fit_is_taken_back(written: Path, room: int) -> None:
    journal = opened(written)
    before = (written / "journal").read_bytes()
    with journal.exclusive():
        with full_at(len(before) + room), pytest.raises(JournalUnwritable):
            journal.begin(PLAN, WHO, "boot")
        assert (written / "journal").read_bytes() == before
        assert tell(journal) == 4
    assert opened(written).damage() == ()


_HOLD = """
import sys
from pathlib import Path
from tests.unit.ops.journals import opened
with opened(Path(sys.argv[1])).exclusive():
    print("held", flush=True)
    sys.stdin.read()
"""

_RACE = """
import sys, time
from pathlib import Path
from backend.ops.errors import Busy
from tests.unit.ops.journals import opened, tell
journal = opened(Path(sys.argv[1]))
left, busy = 25, 0
while left:
    try:
        with journal.exclusive():
            tell(journal)
            left -= 1
    except Busy:
        busy += 1
        time.sleep(0.001)
print(busy)
"""


def _started(script: str, folder: Path) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-c", script, str(folder)],
        env=environment(), stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
    )  # fmt: skip


def test_the_lock_names_who_has_it_and_dies_with_them(written: Path) -> None:
    with _started(_HOLD, written) as other:
        assert other.stdout is not None
        assert other.stdout.readline() == "held\n"
        with pytest.raises(Busy, match=f"pid {other.pid} "), opened(written).exclusive():
            pass
        assert len(opened(written).entries()) == 3
        other.kill()
        other.wait()
    with opened(written).exclusive():
        pass


def test_the_lock_holds_in_one_process_too(written: Path) -> None:
    with opened(written).exclusive(), pytest.raises(Busy, match=f"pid {os.getpid()} "), opened(written).exclusive():
        pass


def test_who_comes_second_takes_nothing_from_the_first(written: Path) -> None:
    journal = opened(written)
    with journal.exclusive():
        with pytest.raises(Busy), journal.exclusive():
            pass
        assert tell(journal) == 4
    assert opened(written).damage() == ()


def test_racing_processes_write_one_after_the_other(tmp_path: Path) -> None:
    racers = [_started(_RACE, tmp_path / "state") for _ in range(3)]
    for racer in racers:
        out, _ = racer.communicate(timeout=50)
        assert racer.returncode == 0, out
    journal = opened(tmp_path / "state")
    assert [entry.operation for entry in journal.entries()] == list(range(1, 76))
    assert all(entry.ended is RunState.DONE and len(entry.steps) == 2 for entry in journal.entries())
    assert journal.damage() == ()
