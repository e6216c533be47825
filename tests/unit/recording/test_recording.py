"""Recordings: what was written comes back, a cut loses the tail alone, and no damage goes unnoticed."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from random import Random
from tempfile import TemporaryDirectory

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from backend.model.counters import Counter, CounterKind, CounterSet, CounterState, Reading, Stamp, Unit
from backend.model.host import Host
from backend.recording import recorder as recorders
from backend.recording.frames import FORMAT, HEAD, MAGIC, SYNC, BadRecording, Frame, Kind, pack, scan
from backend.recording.readings import Key, ReadingReader, ReadingWriter
from backend.recording.recorder import LEAST_LIMIT, Recorder
from backend.recording.recording import Moment, Recording
from backend.simhost.clock import ManualClock
from backend.state.diff import difference
from backend.state.live import empty_host
from tests.pictures import picture, simulated
from tests.unit.counters.measuring import Measured

NET = CounterSet("net", "Net", "somewhere", (Counter("in", "in", Unit.BYTES), Counter("out", "out", Unit.BYTES)))
HEAT = CounterSet("heat", "Heat", "x", (Counter("t", "t", Unit.MILLIDEGREES, kind=CounterKind.LEVEL),))

numbers = st.none() | st.integers(-(2**70), 2**70) | st.integers(0, 2**64 - 1)
stamps = st.builds(
    lambda running, slept: Stamp(running / 1e6, (running + slept) / 1e6),
    st.integers(0, 10**13), st.sampled_from([0, 0, 0, 1, 60_000_000]),
)  # fmt: skip
subjects = st.sampled_from(["0000:c1:00.2", "pid:42", "host", "Ünicode"])


def _readings(of: CounterSet) -> st.SearchStrategy[Reading]:
    return st.builds(
        Reading, subjects, st.just(of), st.tuples(*[numbers] * len(of.counters)), stamps,
        st.sampled_from(["", "eth0", "eth1"]), st.sampled_from(CounterState), st.sampled_from(["", "why", "other"]),
    )  # fmt: skip


ticks = st.lists(st.lists(_readings(NET) | _readings(HEAT), max_size=8), max_size=6)


@given(ticks, st.lists(stamps, min_size=6, max_size=6))
def test_every_reading_comes_back_to_the_microsecond(sent: list[list[Reading]], bases: list[Stamp]) -> None:
    writer, reader = ReadingWriter(), ReadingReader()
    known: set[Key] = set()
    for readings, base in zip(sent, bases, strict=False):
        gone = sorted(known)[:1]
        back, vanished = reader.read(writer.write(base, readings, gone))
        assert [replace(reading, at=Stamp(0, 0)) for reading in back] == [
            replace(reading, at=Stamp(0, 0)) for reading in readings
        ]
        for one, other in zip(back, readings, strict=True):
            assert one.at.running == pytest.approx(other.at.running, abs=2e-6)
            assert one.at.passed == pytest.approx(other.at.passed, abs=2e-6)
        assert vanished == gone
        known |= {(reading.subject, reading.set.id, reading.instance) for reading in readings}


def record(path: Path, ticks: int, spec: str = "duo", limit: int | None = None) -> list[tuple[Host, list[Reading]]]:
    """Record a simulated host; return what was there at each tick."""
    measured = Measured(spec)
    recorder = Recorder(path, measured.clock, limit)
    measured.meter.listeners.append(recorder.listen)
    before, sent = empty_host(measured.host), []
    for number in range(ticks):
        measured.tick()
        if number == ticks // 2:
            network = measured.doors.kernel.network
            if "ens3f0np0" in network.devices:
                network.remove(network.devices["ens3f0np0"])
            measured.look_again()
        host = replace(measured.pictured, taken_at=measured.clock.time())
        recorder.tick(difference(before, host, number))
        sent.append((host, list(measured.readings)))
        before = host
    recorder.close()
    return sent


def moments(path: Path) -> list[Moment]:
    recording = Recording(path)
    try:
        return list(recording.moments())
    finally:
        recording.close()


@pytest.mark.parametrize("spec", ["duo", "vgpu", "messy"])
def test_a_whole_host_comes_back(tmp_path: Path, spec: str) -> None:
    sent = record(tmp_path / "r", 5, spec)
    found = moments(tmp_path / "r")
    read = [moment for moment in found if moment.readings]
    assert len(read) == 5
    for (host, readings), moment in zip(sent, read, strict=True):
        for name in ("devices", "groups", "parents", "vms", "weaknesses", "iommu", "name", "source", "notes"):
            assert getattr(moment.host, name) == getattr(host, name), name
        assert list(moment.host.devices) == list(host.devices)
        assert all(type(one) is type(other) for one, other in zip(moment.host.devices, host.devices, strict=True))
        assert [(r.subject, r.set, r.values, r.state, r.reason) for r in moment.readings] == [
            (r.subject, r.set, r.values, r.state, r.reason) for r in readings
        ]
    assert all(moment.host.recorded for moment in found)


def test_what_stands_still_takes_next_to_no_room(tmp_path: Path) -> None:
    doors, clock = simulated("duo")
    host = picture(doors)
    sizes = []
    recorder = Recorder(tmp_path / "r", clock)
    before = empty_host(host)
    readings = [Reading(f"0000:c1:00.{n}", NET, (10**12, 5), Stamp(0, 0)) for n in range(8)]
    for number in range(40):
        clock.advance(1.0)
        recorder.listen([replace(reading, at=Stamp(number, number)) for reading in readings], ())
        recorder.tick(difference(before, host, number))
        sizes.append(recorder.size)
        before = host
    assert (sizes[-1] - sizes[1]) / 38 < 100


def _cuts(raw: bytes) -> list[int]:
    return [*range(0, len(raw), 97), *range(len(raw) - 40, len(raw))]


def test_a_cut_anywhere_loses_the_tail_alone(tmp_path: Path) -> None:
    record(tmp_path / "r", 6)
    raw, whole = (tmp_path / "r").read_bytes(), moments(tmp_path / "r")
    for cut in _cuts(raw):
        (tmp_path / "cut").write_bytes(raw[:cut])
        if cut < raw.index(SYNC, len(HEAD) + 4):
            with pytest.raises(BadRecording):  # nothing whole is left
                Recording(tmp_path / "cut")
            continue
        recording = Recording(tmp_path / "cut")
        found = list(recording.moments())
        assert found == whole[: len(found)]
        assert not recording.ended
        # A file that stops between two frames has no torn one.
        assert all(gap.torn and gap.end == cut for gap in recording.gaps)
        recording.close()


@given(st.data())
def test_no_flipped_byte_goes_unnoticed(data: st.DataObject) -> None:
    raw, whole = _sample()
    place = data.draw(st.integers(0, len(raw) - 1))
    flip = data.draw(st.integers(1, 255))
    with TemporaryDirectory() as folder:
        path = Path(folder) / "r"
        path.write_bytes(raw[:place] + bytes([raw[place] ^ flip]) + raw[place + 1 :])
        try:
            recording = Recording(path)
        except BadRecording:
            return
        assert recording.gaps
        assert not any(moment not in whole for moment in recording.moments())
        recording.close()


def _packed(value: object) -> bytes:
    try:
        return msgspec.msgpack.encode(value)
    except (OverflowError, UnicodeEncodeError):
        return b"\xc1"


_kept: list[tuple[bytes, list[Moment]]] = []


def _sample() -> tuple[bytes, list[Moment]]:
    """Return a recording of three segments and its moments."""
    if not _kept:
        with TemporaryDirectory() as folder, pytest.MonkeyPatch.context() as patch:
            patch.setattr(recorders, "TICKS", 3)
            record(Path(folder) / "r", 9)
            _kept.append(((Path(folder) / "r").read_bytes(), moments(Path(folder) / "r")))
    return _kept[0]


def test_reading_goes_on_behind_a_damage() -> None:
    raw, whole = _sample()
    with TemporaryDirectory() as folder:
        path = Path(folder) / "r"
        place = raw.index(SYNC, len(raw) // 4) + 30
        path.write_bytes(raw[:place] + b"\0\0\0\0" + raw[place + 4 :])
        found = moments(path)
        assert found[-1] == whole[-1]
        assert 0 < len(found) < len(whole)


@pytest.mark.parametrize(
    ("raw", "words"),
    [
        (b"", "is empty"),
        (b"\x1f\x8b\x08 a capture", "not a recording of iovtop"),
        (MAGIC + (FORMAT + 1).to_bytes(2, "little") + b"whatever", "newer iovtop"),
        (MAGIC + b"\0\0", "damaged in its first bytes"),
        (HEAD, "holds nothing that can be shown"),
        (HEAD + b"\xf1ioR\x01", "cut off within its first moment"),
    ],
)
def test_what_is_no_recording_is_refused_in_words(tmp_path: Path, raw: bytes, words: str) -> None:
    (tmp_path / "f").write_bytes(raw)
    with pytest.raises(BadRecording, match=words):
        Recording(tmp_path / "f")


@given(st.binary(max_size=200))
def test_any_bytes_behind_the_beginning_are_harmless(junk: bytes) -> None:
    with TemporaryDirectory() as folder:
        path = Path(folder) / "r"
        path.write_bytes(HEAD + junk)
        with pytest.raises(BadRecording):
            Recording(path)


def test_a_limit_holds_and_the_newest_is_kept(tmp_path: Path) -> None:
    measured = Measured("duo")
    recorder = Recorder(tmp_path / "r", measured.clock, LEAST_LIMIT)
    before, most = empty_host(measured.host), 0
    noise = Random(7)
    for number in range(300):
        measured.clock.advance(1.0)
        at = Stamp(number, number)
        recorder.listen([Reading(f"pid:{n}", NET, (noise.getrandbits(60), 5), at) for n in range(1200)], ())
        recorder.tick(difference(before, measured.host, number))
        before = measured.host
        most = max(most, sum(file.stat().st_size for file in tmp_path.iterdir()))
    recorder.close()
    assert recorder.written > 2 * LEAST_LIMIT
    assert most < LEAST_LIMIT * 2 / 3  # and while it is shortened, a third more is there
    found = moments(tmp_path / "r")
    assert found[-1].readings[0].at.running == 299
    assert not Recording(tmp_path / "r").gaps


def test_a_file_that_is_there_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "r").write_text("mine")
    with pytest.raises(FileExistsError):
        Recorder(tmp_path / "r", ManualClock())
    assert (tmp_path / "r").read_text() == "mine"


_WRITER = """
import sys
from pathlib import Path
from tests.unit.recording.test_recording import record
record(Path(sys.argv[1]), 100000)
"""


def test_kill_9_leaves_a_recording_that_plays(tmp_path: Path) -> None:
    child = subprocess.Popen([sys.executable, "-c", _WRITER, str(tmp_path / "r")], cwd=Path(__file__).parents[3])
    try:
        while not (tmp_path / "r").exists() or (tmp_path / "r").stat().st_size < 40_000:
            assert child.poll() is None
            os.sched_yield()
    finally:
        child.send_signal(signal.SIGKILL)
        child.wait()
    recording = Recording(tmp_path / "r")
    assert not recording.ended
    assert len(list(recording.moments())) == recording.frames > 3
    assert all(gap.torn for gap in recording.gaps)
    recording.close()


@given(st.binary(max_size=60) | st.recursive(st.none() | st.integers() | st.text(max_size=5), st.lists).map(_packed))
def test_nonsense_with_a_right_checksum_is_told_as_such(payload: bytes) -> None:
    raw, _ = _sample()
    with TemporaryDirectory() as folder:
        path = Path(folder) / "r"
        for kind in (Kind.START, Kind.CHANGE, Kind.TICK):
            first = next(part for part in scan(raw) if isinstance(part, Frame))
            path.write_bytes(raw[: first.end] + pack(kind, first.number + 1, first.time, payload))
            recording = Recording(path)
            with pytest.raises(BadRecording, match="holds nonsense at byte"):
                list(recording.moments())
            recording.close()
