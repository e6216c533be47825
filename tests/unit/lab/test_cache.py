"""What was made is kept, made anew when its inputs change or it is damaged, and made once."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from tests.lab.parts.cache import kept


class Builder:
    """Counts how often it was asked to build."""

    def __init__(self) -> None:
        self.built = 0

    def __call__(self, folder: Path) -> None:
        self.built += 1
        (folder / "image").write_text(f"number {self.built}")
        (folder / "deep" / "er").mkdir(parents=True)
        (folder / "deep" / "er" / "module").write_text("x")


def test_it_is_made_once(tmp_path: Path) -> None:
    build = Builder()
    place = kept(tmp_path, "thing", ["1"], build)
    assert kept(tmp_path, "thing", ["1"], build) == place
    assert build.built == 1
    assert (place / "image").read_text() == "number 1"


def test_other_inputs_make_another(tmp_path: Path) -> None:
    build = Builder()
    assert kept(tmp_path, "thing", ["1"], build) != kept(tmp_path, "thing", ["2"], build)
    assert build.built == 2


@pytest.mark.parametrize("name", ["image", "deep/er/module", ".manifest.json"])
def test_what_is_damaged_is_made_again(tmp_path: Path, capsys: pytest.CaptureFixture[str], name: str) -> None:
    build = Builder()
    place = kept(tmp_path, "thing", ["1"], build)
    (place / name).unlink()
    assert kept(tmp_path, "thing", ["1"], build) == place
    assert build.built == 2
    assert "damaged" in capsys.readouterr().err


def test_what_boots_is_compared_byte_by_byte(tmp_path: Path) -> None:
    build = Builder()
    place = kept(tmp_path, "thing", ["1"], build)
    (place / "image").write_text("NUMBER 1")
    kept(tmp_path, "thing", ["1"], build)
    assert build.built == 2


def test_a_failed_build_leaves_nothing(tmp_path: Path) -> None:
    def fail(folder: Path) -> None:
        (folder / "half").write_text("x")
        raise RuntimeError("no")

    with pytest.raises(RuntimeError):
        kept(tmp_path, "thing", ["1"], fail)
    assert [path.name for path in tmp_path.iterdir()] == [".thing.lock"]
    build = Builder()
    kept(tmp_path, "thing", ["1"], build)
    assert build.built == 1


def test_two_at_once_build_once(tmp_path: Path) -> None:
    build = Builder()
    with ThreadPoolExecutor(4) as pool:
        places = {future.result() for future in [pool.submit(kept, tmp_path, "thing", ["1"], build) for _ in range(4)]}
    assert len(places) == 1
    assert build.built == 1
