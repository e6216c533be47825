"""Where the VF tokens of PFs on vfio-pci are kept: one file each, for root only."""

FOLDER = "/var/lib/iovtop/vf-tokens"


def token_path(pf: str) -> str:
    """Return the file that has the VF token of a PF; whoever starts a VM with one of its VFs reads it."""
    return f"{FOLDER}/{pf}"
