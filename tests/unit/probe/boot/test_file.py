"""The file of what was saved: read, written, changed in places, and refused with the place that is wrong."""

from __future__ import annotations

import contextlib
import tomllib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from backend.model.boot import Saved, SavedFunction, VfRange
from backend.model.ids import BadIdError
from backend.probe.boot.edit import edited, saved_of
from backend.probe.boot.file import HEAD, MOST_BYTES, PATH, BadBootFile, Entry, parse, read, text_of
from backend.simhost.clock import ManualClock
from backend.simhost.open import open_spec
from tests.unit.probe.boot.saved import functions, mdevs, pfs, wholes

EXAMPLE = """\
# ours
version = 1

# the uplink; ask Jo before you touch it
[[pf]]
identity = { address = "0000:3b:00.0", mac = "B4:96:91:00:00:01" }
vfs = 8

  [[pf.vf]]   # for the routers
  index = "0-3,7"
  driver = "vfio-pci"
  vlan = 100

[[mdev]]
uuid = "83b8f4f2-509f-382f-3c1e-e6bfe0fa1001"
type = "mtty-1"
parent = "mtty"
"""


def entries_of(saved: Saved) -> list[Entry]:
    return [*saved.pf, *saved.function, *saved.mdev]


@given(wholes)
def test_what_is_written_reads_the_same(saved: Saved) -> None:
    text = text_of(saved)
    assert parse(text) == saved
    assert text.isascii()
    assert tomllib.loads(text)["version"] == 1


@given(st.lists(st.integers(0, 300), min_size=1, unique=True))
def test_a_range_of_vfs_reads_the_same(indexes: list[int]) -> None:
    text = VfRange.of(tuple(indexes))
    assert VfRange.parse(text).indexes == tuple(sorted(indexes))
    assert VfRange.of(VfRange.parse(text).indexes) == text


@pytest.mark.parametrize("text", ["", "-", "3-", "1,,2", "5-2", "0-99999", "a", "1 2", "٣"])
def test_what_is_no_range(text: str) -> None:
    with pytest.raises(BadIdError, match="write their indexes as in"):
        VfRange.parse(text)


@given(wholes, st.data())
def test_an_edit_says_what_was_wanted(saved: Saved, data: st.DataObject) -> None:
    old = entries_of(saved)
    gone = data.draw(st.lists(st.sampled_from(old), unique=True)) if old else []
    replaced: dict[Entry, Entry | None] = {
        entry: data.draw(st.none() | functions) if isinstance(entry, SavedFunction) else None for entry in gone
    }
    uuids = {mdev.uuid for mdev in saved.mdev}
    added = tuple(
        data.draw(st.lists(pfs() | functions | mdevs.filter(lambda mdev: mdev.uuid not in uuids), max_size=1))
    )
    found = parse(edited(text_of(saved), replaced, added))
    kept = [replaced.get(entry, entry) for entry in old]
    assert found == saved_of([*(entry for entry in kept if entry is not None), *added])


@given(wholes)
def test_an_edit_of_nothing_changes_nothing(saved: Saved) -> None:
    text = "# mine\n" + text_of(saved) + "\n\n# the end"
    assert edited(text, {}, ()) == text


def test_remarks_and_layout_stay_where_nothing_changes() -> None:
    saved = parse(EXAMPLE)
    without = edited(EXAMPLE, {saved.mdev[0]: None}, ())
    assert without == EXAMPLE.partition("\n[[mdev]]")[0]
    changed = edited(EXAMPLE, {saved.pf[0]: type(saved.pf[0])(saved.pf[0].identity, 4)}, ())
    assert "# the uplink; ask Jo before you touch it\n[[pf]]" in changed
    assert changed.endswith(EXAMPLE[EXAMPLE.index("[[mdev]]") :])
    assert parse(changed).pf[0].vfs == 4


def test_tables_inline_are_written_anew() -> None:
    text = 'version = 1\nfunction = [{ identity = { slot = "3" }, driver = "vfio-pci" }]\n'
    saved = parse(text)
    more = parse(EXAMPLE).mdev
    found = edited(text, {}, more)
    assert found.startswith(HEAD)
    assert parse(found) == Saved((), saved.function, more)


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("version = 1", "version = 9", "version 9; this iovtop reads `version = 1`"),
        ("version = 1", "", "no version"),
        ("vlan = 100", "vlam = 100", "line 5: 'vlam' means nothing here; did you mean vlan?"),
        ("vlan = 100", "zebra = 100", "line 5: 'zebra' means nothing here; there are index, driver"),
        ("vlan = 100", 'vlan = "100"', "line 5: Expected `int | null`, got `str` - at `$.pf[0].vf[0].vlan`"),
        ("vfs = 8", "vfs = -1", "line 5: -1 is no number of VFs"),
        ("vfs = 8", "vfs = 7", "line 5: VF 7 is none of 7 VFs, which count from 0"),
        ('"0-3,7"', '"3-0"', "line 5: '3-0' names no VFs: write their indexes as in 3 or 0-3,7"),
        ('driver = "vfio-pci"', 'driver = "../x"', "line 5: '../x' is not a kernel name"),
        ("B4:96:91:00:00:01", "B4:96", "line 5: 'B4:96' is not a MAC address"),
        ('address = "0000:3b:00.0", mac = "B4:96:91:00:00:01"', "", "line 5: write at least one of address, serial"),
        ('mac = "B4:96:91:00:00:01"', 'ids = "intel"', "line 5: 'intel' is no vendor and device, as in 8086:1572"),
        ('parent = "mtty"', "", "line 14: write either `parent` or `identity`"),
        ("[[mdev]]", "[[mdevs]]", "'mdevs' means nothing here; did you mean mdev?"),
        ("vfs = 8", "vfs = = 8", "no TOML: Invalid value (at line 7, column 7); mend that place"),
        ("[[pf]]", "[pf]", "Expected `array`, got `object` - at `$.pf`"),
    ],
)
def test_a_wrong_file_is_refused_with_its_place(old: str, new: str, said: str) -> None:
    with pytest.raises(BadBootFile) as error:
        parse(EXAMPLE.replace(old, new, 1))
    assert str(error.value).startswith(f"{PATH}: {said}")
    assert "\n" not in str(error.value)


@given(st.text() | st.binary().map(lambda raw: raw.decode("latin-1")))
def test_nothing_makes_it_fall(text: str) -> None:
    for whole in (text, f"version = 1\n{text}", f"version = 1\n[[pf]]\n{text}"):
        with contextlib.suppress(BadBootFile):
            parse(whole)


def test_what_cannot_be_read() -> None:
    host = open_spec("bare", ManualClock(), True)
    assert read(host.files) is None
    folder = host.kernel.folder("/etc/iovtop")
    folder.file("boot.toml", b"\xff\xfe")
    with pytest.raises(BadBootFile, match="byte 0 is no UTF-8; save it as UTF-8"):
        read(host.files)
    folder.file("boot.toml", b"#" * (MOST_BYTES + 1))
    with pytest.raises(BadBootFile, match="more than"):
        read(host.files)
