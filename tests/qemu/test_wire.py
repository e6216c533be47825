"""What a migration goes over: several connections side by side, and encryption."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from backend.cli.wired import CERTIFICATES
from backend.migration.wire import CREDENTIALS
from backend.model.job import Wire
from backend.model.migration import Where
from backend.vmm.errors import CommandRefused
from tests.qemu.certificates import make_certificates
from tests.qemu.machines import Pair, open_monitor
from tests.qemu.test_engine import SLOW, Run, begin

TCP = "tcp:127.0.0.1:0"


@pytest.fixture
def certificates(pair: Pair, tmp_path: Path) -> str:
    """Return the directory of certificates that the pair's QEMUs accept."""
    if pair.kind == "simulated":
        return CERTIFICATES
    return _certificates_of(tmp_path, "127.0.0.1")


def _certificates_of(folder: Path, address: str) -> str:
    if shutil.which("openssl") is None:
        pytest.skip("no openssl here: nothing else makes certificates")
    return str(make_certificates(folder / "certificates", address))


async def _left_clean(run: Run) -> None:
    """Whoever is still there has no certificates of ours."""
    pair = run.pair
    sides = ((pair.source_sockets, pair.source), (pair.destination_sockets, pair.destination))
    for party, (sockets, vm) in zip(run.parties, sides, strict=True):
        if party.ended():
            continue
        monitor = await open_monitor(sockets, vm)
        assert (await monitor.ask("query-migrate-parameters"))["tls-creds"] == ""
        with pytest.raises(CommandRefused, match="not found"):
            await monitor.ask("object-del", {"id": CREDENTIALS})
        await monitor.close()


async def test_over_several_connections(pair: Pair) -> None:
    run = await begin(pair, bandwidth=0, downtime=1.0, wire=Wire(connections=4))
    verdict = await run.end()
    assert verdict.where is Where.DESTINATION, verdict
    source, destination = await pair.monitors()
    for monitor in (source, destination):
        assert (await monitor.ask("query-migrate-parameters"))["multifd-channels"] == 4
    assert (await source.ask("query-migrate"))["ram"]["multifd-bytes"] > 0
    for monitor in (source, destination):
        await monitor.close()


async def test_one_connection_is_one_whatever_they_were_set_to(pair: Pair) -> None:
    source, destination = await pair.monitors()
    several = {"capabilities": [{"capability": "multifd", "state": True}]}
    await source.ask("migrate-set-capabilities", several)
    for monitor in (source, destination):
        await monitor.close()
    run = await begin(pair, bandwidth=0, downtime=1.0, wire=Wire(connections=1))
    assert (await run.end()).where is Where.DESTINATION


@pytest.mark.parametrize("connections", [0, 3])
async def test_encrypted(pair: Pair, certificates: str, connections: int) -> None:
    wire = Wire(connections, encrypted=True, certificates=certificates)
    run = await begin(pair, bandwidth=0, downtime=1.0, uri=TCP, wire=wire)
    verdict = await run.end()
    assert verdict.where is Where.DESTINATION, verdict
    await _left_clean(run)


async def test_a_cancelled_one_leaves_the_next_one_a_single_connection(pair: Pair) -> None:
    run = await begin(pair, bandwidth=SLOW, wire=Wire(connections=4))
    await run.until(lambda progress: progress.phase == "active")
    run.controls.cancel.set()
    assert (await run.end()).where is Where.SOURCE
    monitor = await open_monitor(pair.source_sockets, pair.source)
    found = await monitor.ask("query-migrate-capabilities")
    assert {"capability": "multifd", "state": False} in found
    await monitor.close()


async def test_certificates_that_a_side_has_of_its_own_are_left_to_it(pair: Pair, certificates: str) -> None:
    own = {"qom-type": "tls-creds-x509", "id": "own", "dir": certificates, "endpoint": "client", "verify-peer": True}
    source = await open_monitor(pair.source_sockets, pair.source)
    await source.ask("object-add", own)
    await source.ask("migrate-set-parameters", {"tls-creds": "own"})
    await source.close()
    run = await begin(pair, uri=TCP, wire=Wire(encrypted=True, certificates=certificates))
    with pytest.raises(CommandRefused, match="tls-creds are set to own already"):
        await run.end()
    await run.close()
    source = await open_monitor(pair.source_sockets, pair.source)
    assert (await source.ask("query-migrate-parameters"))["tls-creds"] == "own"
    await source.close()


async def test_without_certificates_nothing_is_started(pair: Pair, tmp_path: Path) -> None:
    run = await begin(pair, uri=TCP, wire=Wire(encrypted=True, certificates=str(tmp_path)))
    with pytest.raises(CommandRefused, match=r"Unable to access credentials .*/ca-cert\.pem: No such file"):
        await run.end()
    assert run.seen == []
    await run.close()
    await _left_clean(run)


async def test_a_destination_that_is_not_whom_it_claims_to_be_gets_nothing(pair: Pair, tmp_path: Path) -> None:
    if pair.kind == "simulated":
        pytest.skip("the simulated QEMUs have one authority, which signed for them")
    wire = Wire(encrypted=True, certificates=_certificates_of(tmp_path, "127.0.0.9"))
    run = await begin(pair, uri=TCP, wire=wire)
    verdict = await run.end()
    assert verdict.where is Where.SOURCE
    assert "Certificate does not match the hostname 127.0.0.1" in verdict.text
    await _left_clean(run)
