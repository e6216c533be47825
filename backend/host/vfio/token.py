"""The VF token of a PF on vfio-pci, given as the kernel takes it: by opening the PF once, with it
(drivers/vfio/pci/vfio_pci_core.c, ``vfio_pci_validate_vf_token``)."""

from __future__ import annotations

from backend.host.vfio.device import VfioDevice


def set_vf_token(pf: str, token: str) -> None:
    """Open a PF with a token, and close it. Raises ``OSError`` as the kernel does, EPERM for a group not viable."""
    with VfioDevice(pf, token):
        pass
