"""Certificates of both sides of an encrypted migration, made by ``openssl``."""

from __future__ import annotations

import subprocess
from pathlib import Path

_KEY = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2")


def make_certificates(folder: Path, *addresses: str) -> Path:
    """Write an authority and what it signed for some addresses, under QEMU's names; return the folder."""
    folder.mkdir(parents=True)
    names = ",".join(f"IP:{address}" for address in addresses)

    def openssl(*words: str) -> None:
        subprocess.run(["openssl", *words], cwd=folder, check=True, capture_output=True)

    openssl("req", "-x509", *_KEY, "-keyout", "ca-key.pem", "-out", "ca-cert.pem", "-subj", f"/CN={folder.name}")
    for side in ("server", "client"):
        openssl(
            "req", "-x509", *_KEY, "-keyout", f"{side}-key.pem", "-out", f"{side}-cert.pem", "-subj", f"/CN={side}",
            "-CA", "ca-cert.pem", "-CAkey", "ca-key.pem", "-addext", f"subjectAltName={names}",
            "-addext", "basicConstraints=critical,CA:FALSE",
        )  # fmt: skip
    return folder
