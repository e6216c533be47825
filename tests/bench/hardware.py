"""The cards a generated tree is made of."""

from __future__ import annotations

from dataclasses import dataclass, replace

from tests.bench.config_space import Ids


@dataclass(frozen=True, slots=True)
class Card:
    """An SR-IOV card: its ids, its drivers, and whether its functions are network interfaces."""

    pf: Ids
    vf_device: int
    pf_driver: str
    vf_driver: str
    network: bool
    msix_pool: int
    """sriov_vf_total_msix; 0 where the driver cannot move vectors."""

    @property
    def vf(self) -> Ids:
        """Return the ids of a VF."""
        return replace(self.pf, device=self.vf_device)


@dataclass(frozen=True, slots=True)
class MdevType:
    """A type of mediated device that a parent offers."""

    name: str
    title: str
    framebuffer_mib: int
    instances: int


CARDS = (
    Card(Ids(0x15B3, 0x1019, 0x15B3, 0x0008, 0x020000, 0x00), 0x101A, "mlx5_core", "mlx5_core", True, 2048),
    Card(Ids(0x8086, 0x1592, 0x8086, 0x0002, 0x020000, 0x02), 0x1889, "ice", "iavf", True, 0),
    Card(Ids(0x10DE, 0x20B5, 0x10DE, 0x1533, 0x030200, 0xA1), 0x20B5, "nvidia", "nvidia", False, 0),
    Card(Ids(0x144D, 0xA824, 0x144D, 0xA802, 0x010802, 0x00), 0xA824, "nvme", "nvme", False, 512),
)
ROOT_PORT = Ids(0x8086, 0x347A, 0x8086, 0x0000, 0x060400, 0x04)
MDEV_PARENT = Ids(0x10DE, 0x1EB8, 0x10DE, 0x12A2, 0x030200, 0xA1)
MDEV_DRIVER = "nvidia-vgpu-vfio"
MDEV_TYPES = (
    MdevType("nvidia-222", "GRID T4-1B", 1024, 16),
    MdevType("nvidia-230", "GRID T4-1Q", 1024, 16),
    MdevType("nvidia-231", "GRID T4-2Q", 2048, 8),
    MdevType("nvidia-232", "GRID T4-4Q", 4096, 4),
)

NET_STATISTICS = [
    "collisions", "multicast", "rx_bytes", "rx_compressed", "rx_crc_errors", "rx_dropped", "rx_errors",
    "rx_fifo_errors", "rx_frame_errors", "rx_length_errors", "rx_missed_errors", "rx_nohandler",
    "rx_over_errors", "rx_packets", "tx_aborted_errors", "tx_bytes", "tx_carrier_errors", "tx_compressed",
    "tx_dropped", "tx_errors", "tx_fifo_errors", "tx_heartbeat_errors", "tx_packets", "tx_window_errors",
]  # fmt: skip
AER_CORRECTABLE = [
    "RxErr", "BadTLP", "BadDLLP", "Rollover", "Timeout", "NonFatalErr", "CorrIntErr", "HeaderOF",
]  # fmt: skip
AER_UNCORRECTABLE = [
    "Undefined", "DLP", "SDES", "TLP", "FCP", "CmpltTO", "CmpltAbrt", "UnxCmplt", "RxOF", "MalfTLP", "ECRC",
    "UnsupReq", "ACSViol", "UncorrIntErr", "BlockedTLP", "AtomicOpBlocked", "TLPBlockedErr",
    "PoisonTLPBlocked",
]  # fmt: skip
