"""Connections to libvirt: its own test driver where libvirt-python is installed, and what is said where it is not."""

from __future__ import annotations

import asyncio
import importlib.util
import sys
import threading
from collections.abc import Callable
from typing import Any

import pytest

from backend.vmm.domain import find_domain
from backend.vmm.errors import CommandRefused, MonitorAbsent, MonitorTimeout, VmmError
from backend.vmm.libvirtd import Libvirtd, default_uri

TEST = "test:///default"
needs_libvirt = pytest.mark.skipif(
    importlib.util.find_spec("libvirt") is None, reason="no libvirt-python here: `make venv-libvirt` adds it"
)


async def ask(uri: str, question: Callable[[Any, Any], Any]) -> Any:
    libvirt = Libvirtd(uri)
    try:
        return await libvirt.ask(question)
    finally:
        libvirt.close()


async def test_what_to_do_without_libvirt_python(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "libvirt", None)
    with pytest.raises(MonitorAbsent, match=r"pip install 'iovtop\[libvirt\]'"):
        await ask(TEST, lambda library, connection: None)


def test_the_libvirt_that_virsh_would_ask(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LIBVIRT_DEFAULT_URI", TEST)
    assert default_uri() == TEST
    monkeypatch.delenv("LIBVIRT_DEFAULT_URI")
    assert default_uri() == "qemu:///system"


@needs_libvirt
async def test_a_question_is_asked_off_the_event_loop() -> None:
    def question(library: Any, connection: Any) -> tuple[list[str], int]:
        return [domain.name() for domain in connection.listAllDomains()], threading.get_ident()

    names, thread = await ask(TEST, question)
    assert names == ["test"]
    assert thread != threading.get_ident()


@needs_libvirt
async def test_a_domain_that_is_not_there_is_none() -> None:
    missing = "00000000-0000-4000-8000-000000000000"
    assert await ask(TEST, lambda library, connection: find_domain(library, connection, missing)) is None


@needs_libvirt
@pytest.mark.parametrize(
    ("uri", "question", "error", "text"),
    [
        ("qemu+unix:///system?socket=/nowhere", lambda *_: None, MonitorAbsent, "cannot be reached: .*No such file"),
        (TEST, lambda _, connection: connection.lookupByName("x"), CommandRefused, "Domain not found"),
        (TEST, lambda _, connection: connection.listAllDomains()[0].abortJob(), CommandRefused, "read only access"),
        (TEST, lambda *_: int("x"), VmmError, "answered what is not understood"),
    ],
)
async def test_what_goes_wrong_is_said_in_a_sentence(
    uri: str, question: Callable[[Any, Any], Any], error: type[VmmError], text: str, capfd: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(error, match=text):
        await ask(uri, question)
    assert capfd.readouterr() == ("", "")


@needs_libvirt
async def test_what_does_not_come_back_is_left_behind() -> None:
    back = threading.Event()
    libvirt = Libvirtd(TEST)
    with pytest.raises(MonitorTimeout, match="did not answer"):
        await libvirt.ask(lambda *_: back.wait(), deadline=0.05)
    later = asyncio.create_task(libvirt.ask(lambda _, connection: connection.getType()))
    back.set()
    assert await later == "TEST"
    libvirt.close()
