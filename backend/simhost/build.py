"""From a scenario to a running simulated kernel, as it is at time 0."""

from __future__ import annotations

import dataclasses

from backend.host.doors import Clock
from backend.model.links import EswitchMode
from backend.simhost.catalogue import DRIVERS
from backend.simhost.core import Features
from backend.simhost.decode import ScenarioError
from backend.simhost.devlink import FunctionState
from backend.simhost.function import Function, NetPlan, NvmePlan, SriovState
from backend.simhost.kernel import Kernel
from backend.simhost.models import MODELS
from backend.simhost.netdev import Route
from backend.simhost.plans import family_of, vf_plan, vm_plan
from backend.simhost.procfs import Mount
from backend.simhost.procs import HOST_NETNS, SimProcess
from backend.simhost.scenario import (
    FunctionSpec,
    LinkSpec,
    PortSpec,
    ProcessSpec,
    Scenario,
    VmSpec,
)

_ALWAYS = ("pcieport", "vfio-pci")


def build(scenario: Scenario, clock: Clock) -> Kernel:
    """Return the kernel. Raises ``ScenarioError`` where the scenario contradicts itself."""
    return Builder(scenario, clock).build()


class Builder:
    """Builds one kernel, in the order in which a machine boots."""

    def __init__(self, scenario: Scenario, clock: Clock) -> None:
        host = scenario.host
        self._scenario = scenario
        self._kernel = Kernel(
            clock,
            Features(
                hostname=host.name,
                release=host.kernel,
                cmdline=host.cmdline,
                cpus=host.cpus,
                nodes=host.nodes,
                iommu=host.iommu,
                group_type=host.group_type,
                cdev=host.cdev,
                debugfs=host.debugfs,
                iommu_pmu=host.iommu_pmu,
            ),
        )
        self._behind: dict[tuple[str, int], Function] = {}
        """(domain, bus) → the port in front of it. Ports come in the order of addresses: the innermost last."""

    def build(self) -> Kernel:
        """Build everything."""
        scenario, kernel = self._scenario, self._kernel
        for name in ("kvm", *scenario.host.modules):
            kernel.modules.load(name)
        self._load_drivers()
        kernel.vfio.enable_sriov = scenario.host.enable_sriov
        kernel.modules.unsafe_interrupts = scenario.host.unsafe_interrupts
        self._functions()
        for parent in scenario.mdev_parent:
            kernel.mdev.virtual_parent(parent.name, family_of(parent), parent.pool)
        self._mdevs()
        for interface in scenario.interface:
            self._interface(interface)
        kernel.network.routes = [Route(r.interface, r.destination, r.gateway, r.mask) for r in scenario.route]
        storage = kernel.proc_files.storage
        storage.mounts = [Mount(m.device, m.place, m.kind) for m in scenario.mount]
        storage.swaps = list(scenario.swap)
        for process in scenario.process:
            self._process(process)
        for vm in scenario.vm:
            if vm.running:
                self._vm(vm)
        return kernel

    def _load_drivers(self) -> None:
        scenario = self._scenario
        wanted = [*_ALWAYS, *scenario.host.drivers]
        models = {MODELS[f.model] for f in scenario.function}
        models |= {MODELS[m.sriov.vf] for m in models if m.sriov is not None}
        for name, spec in DRIVERS.items():
            if not spec.vfio and any(spec.matches(model) for model in models):
                wanted.append(name)
        for function in scenario.function:
            wanted += [name for name in (function.driver, *(vf.driver for vf in function.vf)) if name]
        for name in dict.fromkeys(wanted):
            self._kernel.pci.load_driver(name)

    # -- functions

    def _functions(self) -> None:
        scenario = self._scenario
        order: list[PortSpec | FunctionSpec] = [*scenario.port, *scenario.function]
        order.sort(key=lambda spec: (len(spec.address), spec.address))
        made: list[tuple[FunctionSpec, Function]] = []
        for spec in order:
            if isinstance(spec, PortSpec):
                self._port(spec)
            else:
                made.append((spec, self._function(spec)))
        for plan, f in made:
            self._bind(plan, f)
        for plan, f in made:
            if plan.vfs:
                self._enable(plan, f)

    def _port_of(self, address: str) -> Function | None:
        domain, bus, _ = address.split(":")
        return self._behind.get((domain, int(bus, 16)))

    def _port(self, spec: PortSpec) -> None:
        kernel = self._kernel
        port = kernel.pci.add(
            spec.address,
            MODELS[spec.model],
            port=self._port_of(spec.address),
            role="port",
            group=spec.group,
            numa=spec.numa,
        )
        kernel.set_bus_range(port, *spec.buses)
        domain = spec.address.split(":")[0]
        for bus in range(spec.buses[0], spec.buses[1] + 1):
            self._behind[domain, bus] = port
        if MODELS[spec.model].port != "pci":
            kernel.pci.attach(port)

    def _function(self, spec: FunctionSpec) -> Function:
        model = MODELS[spec.model]
        f = self._kernel.pci.add(
            spec.address,
            model,
            port=self._port_of(spec.address),
            role="pf" if model.sriov is not None else "function",
            group=spec.group,
            numa=spec.numa,
        )
        f.correctable = spec.correctable
        f.suspended = spec.suspended
        if spec.link:
            f.link_now = (str(spec.link[0]), int(spec.link[1]))
            if f.port is not None:
                f.port.link_now = f.link_now
        if spec.net is not None:
            f.net = NetPlan(spec.net.name, spec.net.mac, spec.net.up, 0, spec.net.port, spec.net.switch, spec.net.rate)
        if spec.nvme is not None:
            f.nvme = NvmePlan(**dataclasses.asdict(spec.nvme))
        if model.class_code == 0x060100 and f.group is not None:
            f.group.direct = True
        if model.sriov is not None:
            f.sriov = SriovState(
                dataclasses.replace(model.sriov, offset=spec.offset) if spec.offset else model.sriov,
                spec.total or model.sriov.total,
                autoprobe=spec.autoprobe,
                at_most=spec.at_most,
                enomem_above=spec.enomem_above,
                delay=spec.delay,
                vf_delay=spec.vf_delay,
                off_delay=spec.off_delay,
                shared_group=spec.shared_group,
                net_pattern=spec.vf_net,
                nvidia=spec.vendor_vgpu,
                mdev_types=spec.mdev_types,
                token=spec.token,
                eswitch=EswitchMode(spec.eswitch),
            )
            for plan in spec.vf:
                for index in plan.index:
                    f.sriov.plans[index] = vf_plan(plan, index)
        return f

    def _bind(self, spec: FunctionSpec, f: Function) -> None:
        pci = self._kernel.pci
        if spec.override:
            f.override = spec.override
        if spec.driver is None:
            pci.attach(f)
        elif spec.driver:
            driver = pci.load_driver(spec.driver)
            kept = f.override
            if not driver.matches(f):
                f.override = kept = spec.driver
            try:
                pci.probe(f, driver)
            except OSError as error:
                raise ScenarioError(f"{f.address}: {spec.driver} does not bind: {error.strerror}") from error
            f.override = kept

    def _enable(self, spec: FunctionSpec, f: Function) -> None:
        sriov = f.sriov
        assert sriov is not None
        kernel = self._kernel
        if f.driver is None or not f.driver.spec.sriov:
            raise ScenarioError(f"{f.address}: VFs need a driver that can enable them")
        last = f.rid + sriov.model.offset + sriov.model.stride * (spec.vfs - 1)
        if f.port is None or last >> 8 > kernel.bus_range(f.port)[1]:
            raise ScenarioError(f"{f.address}: {spec.vfs} VFs do not fit into the bus numbers of its port")
        for index in range(spec.vfs):
            vf = kernel.sriov.add_vf(f, index)
            plan = sriov.plans.get(index)
            if plan is not None and plan.policy is not None:
                sriov.policies[index] = plan.policy
            if plan is not None and plan.migratable:
                sriov.functions[index] = FunctionState(migratable=True)
            if plan is not None and (plan.net or plan.mac or plan.up or plan.netns):
                vf.net = NetPlan(plan.net, plan.mac, plan.up, plan.netns)
            kernel.sriov.settle_plan(vf, plan)
            if plan is not None and plan.vgpu and vf.nvidia is not None:
                kernel.vgpu.set_type(vf, plan.vgpu)
        sriov.num = spec.vfs

    # -- the rest

    def _mdevs(self) -> None:
        kernel = self._kernel
        for file in self._scenario.file:
            folder, _, name = file.path.rpartition("/")
            kernel.folder(folder).file(name, file.text)
        for spec in self._scenario.mdev:
            if spec.defined:
                kernel.proc_files.define_mdev(spec.parent, spec.uuid, spec.type, spec.defined)
            if not spec.active:
                continue
            parent = kernel.mdev.parents.get(spec.parent)
            kind = parent.types.get(spec.type) if parent is not None else None
            if kind is None:
                raise ScenarioError(f"mdev {spec.uuid}: {spec.parent} offers no type {spec.type}")
            try:
                kernel.mdev.create(kind, spec.uuid)
            except OSError as error:
                raise ScenarioError(f"mdev {spec.uuid}: {error.strerror}") from error

    def _interface(self, spec: LinkSpec) -> None:
        network = self._kernel.network
        master = network.virtual(spec.name, up=spec.up)
        for name in spec.ports:
            port = network.devices.get(name)
            if port is None:
                raise ScenarioError(f"interface {spec.name}: no port {name!r}")
            network.enslave(port, master, spec.kind)

    def _process(self, spec: ProcessSpec) -> None:
        kernel = self._kernel
        process = SimProcess(
            spec.pid,
            spec.name,
            spec.argv or (spec.name,),
            spec.uid,
            spec.user,
            spec.started,
            netns=spec.netns or HOST_NETNS,
            cgroup=spec.cgroup,
        )
        kernel.processes.start(process)
        for path in spec.opens:
            process.open(path)
        for name in spec.holds:
            self._hold(spec.pid, name, spec.mapped, "")

    def _hold(self, pid: int, name: str, mapped: bool, token: str) -> None:
        try:
            self._kernel.open_device(pid, name, mapped=mapped, token=token)
        except KeyError as error:
            raise ScenarioError(str(error.args[0])) from error
        except OSError as error:
            raise ScenarioError(f"process {pid} cannot open {name}: {error.strerror}") from error

    def _vm(self, spec: VmSpec) -> None:
        plan = vm_plan(spec)
        if spec.token:
            plan = dataclasses.replace(plan, devices=())
        try:
            process = self._kernel.start_vm(plan)
        except KeyError as error:
            raise ScenarioError(f"vm {spec.name}: {error.args[0]}") from error
        except OSError as error:
            raise ScenarioError(f"vm {spec.name}: {error.strerror}") from error
        if spec.token:
            for name in spec.devices:
                self._hold(process.pid, name, name not in spec.trapped, spec.token)
