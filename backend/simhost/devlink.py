"""devlink of the simulated kernel: the embedded switch of a NIC and the functions behind its ports.

Sources: ``net/devlink/port.c``, ``drivers/net/ethernet/mellanox/mlx5/core/eswitch_offloads.c``,
``drivers/net/ethernet/intel/ice/devlink``.
"""

from __future__ import annotations

import errno
from dataclasses import dataclass
from typing import TYPE_CHECKING

from backend.model.links import DevlinkPort, EswitchMode, PortFunction, PortSetting, PortSettingName
from backend.simhost.tree import oops

if TYPE_CHECKING:
    from backend.simhost.function import Function, SriovState
    from backend.simhost.kernel import Kernel

_WITH_ESWITCH = ("mlx5_core", "ice")
_UPLINK = 0xFFFF


@dataclass(slots=True)
class FunctionState:
    """What can be set of the function behind a VF's port; forgotten when the VFs go."""

    hw_addr: str = "00:00:00:00:00:00"
    migratable: bool = False
    roce: bool = True
    max_io_eqs: int = 8


class Devlink:
    """All devlink devices: the PFs whose host driver makes one."""

    def __init__(self, kernel: Kernel) -> None:
        self._kernel = kernel

    def _pf(self, device: str) -> Function:
        bus, _, name = device.partition("/")
        f = self._kernel.pci.functions.get(name) if bus == "pci" else None
        if f is None or f.driver is None or f.driver.spec.name not in _WITH_ESWITCH:
            raise oops(errno.ENODEV)
        if f.sriov is None:
            raise oops(errno.EOPNOTSUPP)
        return f

    def eswitch(self, device: str) -> EswitchMode:
        """Return the mode of a device's switch."""
        return _sriov(self._pf(device)).eswitch

    def set_eswitch(self, device: str, mode: EswitchMode) -> None:
        """Change the mode. Raises as the driver does."""
        f = self._pf(device)
        assert f.driver is not None
        if mode is _sriov(f).eswitch:
            return
        if f.driver.spec.name == "ice" and _sriov(f).num:
            said = "ice: Changing eswitch mode is allowed only if there is no VFs created"
            raise OSError(errno.EOPNOTSUPP, said)
        _sriov(f).eswitch = mode
        self._kernel.core.schedule.changed()

    def ports(self, device: str) -> list[DevlinkPort]:
        """Return the ports: of VFs only in switchdev mode."""
        f = self._pf(device)
        first = f.function << 16
        netdev = f.net.name if f.net is not None else ""
        found = [DevlinkPort(device, first | _UPLINK, "physical", None, netdev)]
        if _sriov(f).eswitch is EswitchMode.SWITCHDEV:
            found += [
                DevlinkPort(device, first | index + 1, "pcivf", index, "", _seen(function_of(f, index)))
                for index in range(_sriov(f).num)
            ]
        return found

    def set_port(self, device: str, port: int, name: PortSettingName, value: PortSetting) -> None:
        """Set one thing of the function behind a port. Raises as devlink or the driver does."""
        f = self._pf(device)
        found = next((one for one in self.ports(device) if one.index == port), None)
        if found is None:
            raise oops(errno.ENODEV)
        if name == "state":
            raise OSError(errno.EOPNOTSUPP, "Function does not support state setting")
        if found.vf is None:
            raise OSError(errno.EOPNOTSUPP, "Port doesn't support function attributes")
        if name == "hw_addr" and int(str(value)[:2], 16) & 1:
            raise OSError(errno.EINVAL, "Non-unicast hardware address unsupported")
        state = function_of(f, found.vf)
        if name == "migratable" and value != state.migratable:
            vf = next((one for one in _sriov(f).vfs if one.index == found.vf), None)
            if vf is not None and vf.driver is not None:
                raise OSError(errno.EINVAL, "mlx5_core: Failed setting HCA migratable cap")
        setattr(state, name, value)


def function_of(f: Function, vf: int) -> FunctionState:
    """Return the state of the function of a VF of PF ``f``."""
    return _sriov(f).functions.setdefault(vf, FunctionState())


def is_migratable(vf: Function) -> bool:
    """Return whether the function of a VF was made migratable; where no port can tell, it is."""
    pf = vf.pf
    if pf is None or pf.sriov is None or pf.sriov.eswitch is EswitchMode.LEGACY:
        return True
    return function_of(pf, vf.index).migratable


def _sriov(f: Function) -> SriovState:
    assert f.sriov is not None
    return f.sriov


def _seen(state: FunctionState) -> PortFunction:
    return PortFunction(state.hw_addr, state.migratable, state.roce, None, None, state.max_io_eqs)
