"""The suite's verdict: failures and skips that nobody allowed turn it red."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.lab.suite import BOOTS, Result, count, summarize

REPORT = """<testsuites><testsuite>
<testcase classname="tests.conformance.test_x" name="test_good"/>
<testcase classname="tests.conformance.test_x" name="test_bad"><failure message="no"/></testcase>
<testcase classname="tests.conformance.test_x" name="test_gone"><skipped message="none here"/></testcase>
</testsuite></testsuites>"""
STOCK, LAB = (next(boot for boot in BOOTS if boot.name == name) for name in ("stock", "lab"))


def result(tmp_path: Path, report: str = REPORT) -> Result:
    (tmp_path / "report.xml").write_text(report)
    found = Result(STOCK)
    count(tmp_path / "report.xml", found)
    return found


def test_a_report_is_counted(tmp_path: Path) -> None:
    found = result(tmp_path)
    assert (found.passed, found.conforming) == (1, 1)
    assert found.failed == ["conformance.test_x.test_bad"]
    assert found.skipped == {"conformance.test_x.test_gone": "none here"}


@pytest.mark.parametrize(
    "report",
    ["", "<testsuites/>", REPORT.replace("test_good", "").replace('name=""/>', 'name="x"><skipped/></testcase>')],
)
def test_no_report_and_no_test_are_failures(tmp_path: Path, report: str) -> None:
    assert result(tmp_path, report).failed[-1] in ("pytest left no report", "no test passed")


def good(tmp_path: Path) -> Result:
    found = result(tmp_path)
    found.failed.clear()
    return found


def test_a_skip_must_be_allowed(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert summarize([good(tmp_path)], {}, 61.0) == 1
    assert "NEW SKIP conformance.test_x.test_gone: none here" in capsys.readouterr().out
    assert summarize([good(tmp_path)], {"stock": {"conformance.test_x.test_go*": "no such device"}}, 61.0) == 0
    out = capsys.readouterr().out
    assert "skipped conformance.test_x.test_gone: no such device" in out
    assert out.splitlines()[-1] == "===== 1 passed, 1 skipped in 61.00s ====="


def test_a_failure_is_a_failure(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert summarize([result(tmp_path)], {"stock": {"*": "any"}}, 61.0) == 1
    assert "FAILED conformance.test_x.test_bad" in capsys.readouterr().out


def test_a_boot_may_be_left_out_where_that_is_allowed(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    absent = Result(LAB, absent="no lab kernel")
    skips = {"conformance.test_x.test_gone": "no such device"}
    assert summarize([good(tmp_path), absent], {"stock": skips}, 61.0) == 1
    assert summarize([good(tmp_path), absent], {"stock": skips, "lab": {"*": "half an hour"}}, 61.0) == 0
    assert "not run: no lab kernel" in capsys.readouterr().out


def test_leave_to_leave_out_a_boot_is_none_to_skip_in_it(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert summarize([good(tmp_path)], {"stock": {"*": "half an hour"}}, 61.0) == 1
    assert "NEW SKIP" in capsys.readouterr().out
