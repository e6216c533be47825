"""What is captured is what is opened: the same picture, hidden and waiting things included."""

from __future__ import annotations

import asyncio
import io
import json
import tarfile
from pathlib import Path

import pytest

from backend.capture.archive import Archive
from backend.capture.entry import Entry
from backend.capture.record import Recorder
from backend.host.captured import BadCapture, CapturedHost, unpack
from backend.host.doors import HostDoors, StillWaiting
from backend.model.host import Host
from backend.report.document import document_of, encode
from backend.simhost import open_simulated
from tests.pictures import picture

HEADER = {
    "format": "iovtop.capture/1",
    "iovtop": "0",
    "taken_at": 0.0,
    "host": "there",
    "kernel": "6.12",
    "uid": 0,
    "source": "simulated",
    "redacted": False,
}
NUMVFS = "/sys/bus/pci/devices/0000:01:00.0/sriov_numvfs"


def capture(doors: HostDoors, file: Path) -> Path:
    """Capture a host in real time."""

    async def write() -> None:
        with file.open("wb") as output:
            archive = Archive(output, HEADER)
            recorder = Recorder(doors)
            async for entry in recorder.entries():
                archive.add(entry)
            archive.finish(recorder.notes, {})

    asyncio.run(write())
    return file


def comparable(host: Host) -> object:
    """Return what a picture says, but for where and when it was taken, and whose eyes saw it."""
    document = json.loads(encode(document_of(host)))
    for key in ("source", "taken_at", "simulated"):
        document.pop(key)
    document["host"]["holder_scan"].pop("taken_at")
    for key in ("name", "uid"):
        document["host"].pop(key)
    return document


@pytest.mark.parametrize("privileged", [True, False])
@pytest.mark.parametrize("spec", ["lab", "duo:hv07", "vgpu", "bare"])
def test_a_capture_shows_the_same_picture(tmp_path: Path, spec: str, *, privileged: bool) -> None:
    original = open_simulated(spec, privileged=privileged)
    opened = CapturedHost(capture(original, tmp_path / "it.tar.gz"))
    assert comparable(picture(opened)) == comparable(picture(original))
    opened.close()
    original.close()


def test_it_says_what_it_is(tmp_path: Path) -> None:
    opened = CapturedHost(capture(open_simulated("lab"), tmp_path / "it.tar.gz"))
    assert opened.source.kind == "capture"
    assert opened.source.detail == "it.tar.gz, a simulated host, taken 1970-01-01 00:00 UTC as root"
    assert opened.name() == "there"
    opened.close()


def test_the_same_host_makes_the_same_bytes(tmp_path: Path) -> None:
    host = open_simulated("bare")
    one, two = (capture(host, tmp_path / name).read_bytes() for name in ("1", "2"))
    assert one == two


def test_what_waited_waits_again(tmp_path: Path) -> None:
    original = open_simulated("lab")
    original.faults.hang_reads(NUMVFS.replace("/sys/bus/pci/devices", "/sys/devices/pci0000:00/0000:00:06.0"))
    opened = CapturedHost(capture(original, tmp_path / "it.tar.gz"))

    async def read(path: str) -> bytes:
        return await opened.guarded.read(path, deadline=1.0)

    with pytest.raises(StillWaiting):
        asyncio.run(read(NUMVFS))
    assert asyncio.run(read(NUMVFS.replace("01:00", "02:00"))) == b"7\n"


def test_nothing_is_written_and_unread_is_not_empty(tmp_path: Path) -> None:
    opened = CapturedHost(capture(open_simulated("lab"), tmp_path / "it.tar.gz"))
    with pytest.raises(OSError, match="cannot be changed"):
        asyncio.run(opened.guarded.write(NUMVFS, b"1", deadline=1.0))
    with pytest.raises(OSError, match="not recorded"):
        opened.files.read(NUMVFS.replace("sriov_numvfs", "local_cpus"))
    with pytest.raises(PermissionError):
        opened.files.read(NUMVFS.replace("sriov_numvfs", "remove"))
    assert opened.files.stat("/dev/vfio/vfio").rdev == (10, 196)
    assert "vfio" in opened.files.list("/dev/vfio")


def packed(file: Path, *members: tuple[str, str | bytes]) -> Path:
    """Write an archive of files (bytes) and links (text)."""
    with tarfile.open(file, "w:gz") as tar:
        for name, content in members:
            info = tarfile.TarInfo(name)
            if isinstance(content, str):
                info.type, info.linkname = tarfile.SYMTYPE, content
                tar.addfile(info)
            else:
                info.size = len(content)
                tar.addfile(info, io.BytesIO(content))
    return file


@pytest.mark.parametrize(
    ("members", "words"),
    [
        ([("../evil", b"x")], "outside"),
        ([("/etc/evil", b"x")], "outside"),
        ([("a", "/tmp"), ("a/b", "c")], "behind a link"),
        ([("sys/x", b"x")], "--sysfs"),
        ([("capture.json", b"{}")], "capture-notes.json"),
        ([("capture.json", b"]")], "damaged"),
        ([("capture.json", b'{"format": "other/9"}'), ("capture-notes.json", b"{}")], "other/9"),
    ],
)
def test_what_is_no_capture_is_refused(tmp_path: Path, members: list[tuple[str, str | bytes]], words: str) -> None:
    with pytest.raises(BadCapture, match=words):
        CapturedHost(packed(tmp_path / "it.tar.gz", *members))
    assert not Path("/etc/evil").exists()


def test_a_cut_archive_is_refused(tmp_path: Path) -> None:
    whole = capture(open_simulated("bare"), tmp_path / "it.tar.gz").read_bytes()
    (tmp_path / "cut").write_bytes(whole[: len(whole) // 2])
    (tmp_path / "text").write_text("hello")
    for name in ("cut", "text"):
        with pytest.raises(BadCapture, match="damaged"):
            CapturedHost(tmp_path / name)


def test_no_link_leads_out_of_a_capture(tmp_path: Path) -> None:
    (tmp_path / "secret").write_text("secret")
    file = tmp_path / "it.tar.gz"
    with file.open("wb") as output:
        archive = Archive(output, HEADER)
        archive.add(Entry("/sys/out", target="../../../../../../../.." + str(tmp_path / "secret")))
        archive.add(Entry("/sys/away", target=str(tmp_path / "secret")))
        archive.finish(Recorder(open_simulated("bare")).notes, {})
    opened = CapturedHost(file)
    for name in ("out", "away"):
        with pytest.raises(FileNotFoundError):
            opened.files.read(f"/sys/{name}")


def test_an_unpacked_capture_opens_too(tmp_path: Path) -> None:
    file = capture(open_simulated("bare"), tmp_path / "it.tar.gz")
    folder = tmp_path / "folder"
    folder.mkdir()
    unpack(file, folder)
    packed_host, unpacked_host = CapturedHost(file), CapturedHost(folder)
    assert comparable(picture(packed_host)) == comparable(picture(unpacked_host))
    packed_host.close()
    unpacked_host.close()
    assert folder.exists()
