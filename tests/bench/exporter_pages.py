"""Pages as the exporters of a data hall write them: what is asked of them is what is measured."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

MODES = ("idle", "iowait", "irq", "nice", "softirq", "steal", "system", "user")
DEVICES, DISKS, CPUS = ("eth0", "eth1", "lo", "docker0"), ("nvme0n1", "nvme1n1", "sda", "sr0"), 64
PER_DEVICE = [
    f"{way}_{what}"
    for what in ("bytes", "packets", "errs", "drop", "fifo", "compressed", "frame", "nohandler")
    for way in ("receive", "transmit")
]
PER_DISK = [
    f"{way}_{what}"
    for what in ("bytes", "completed", "merged", "time_seconds", "sectors")
    for way in ("read", "written", "discarded")
]
# Families that no rule asks for, and that are on a page nevertheless.
OTHERS = {"netstat": 60, "vmstat": 20, "sockstat": 20, "timex": 15, "softnet": 20, "scrape": 90}
OTHERS |= {"filesystem": 40, "hwmon": 60, "pressure": 8, "nfs": 40, "edac": 12, "xfs": 40}
COLLECT = ("cpu", "meminfo", "netdev", "diskstats", "ipmi")


def server_page(number: int, age_s: float, collect: Sequence[str] = ()) -> bytes:
    """Of a server with 64 processors, as node_exporter shows it: 2,270 lines, 110 kB."""
    lines = list[str]()
    for collector, name, kind, samples in _families(number, age_s):
        if not collect or collector in collect:
            lines += [
                f"# HELP {name} As the kernel of this server counts it.",
                f"# TYPE {name} {kind}",
            ]
            lines += samples
    return ("\n".join(lines) + "\n").encode()


def many_servers_page(servers: int, metrics: Sequence[str], moment: int) -> bytes:
    """One page of all servers, a label says which."""
    lines = [
        f'site_{metric}{{server="n{number}"}} {(number + moment) % 97 / 100}'
        for number in range(servers)
        for metric in metrics
    ]
    return ("\n".join(lines) + "\n").encode()


def _families(number: int, age_s: float) -> Iterator[tuple[str, str, str, list[str]]]:
    """By collector: a family's name, its type and its samples."""
    load = 0.1 + number % 80 / 100
    cpus = [
        f'node_cpu_seconds_total{{cpu="{cpu}",mode="{mode}"}} '
        f"{age_s * (1 - load if mode == 'idle' else load / 7) + cpu:.2f}"
        for cpu in range(CPUS)
        for mode in MODES
    ]
    yield "cpu", "node_cpu_seconds_total", "counter", cpus
    for kind in ("running", "waiting"):
        name = f"node_schedstat_{kind}_seconds_total"
        rows = [f'{name}{{cpu="{cpu}"}} {age_s / 7 + cpu:.9f}' for cpu in range(CPUS)]
        yield "schedstat", name, "counter", rows
    for place in range(48):
        name = f"node_memory_Part{place:02}_bytes"
        yield "meminfo", name, "gauge", [f"{name} {place * 4096 + age_s:.9e}"]
    for part, value in (("MemAvailable", 5e11 - age_s * 4096), ("MemTotal", 1e12)):
        name = f"node_memory_{part}_bytes"
        yield "meminfo", name, "gauge", [f"{name} {value:.9e}"]
    for what in PER_DEVICE:
        name = f"node_network_{what}_total"
        rows = [f'{name}{{device="{device}"}} {age_s * 1e6:.9e}' for device in DEVICES]
        yield "netdev", name, "counter", rows
    for what in PER_DISK:
        name = f"node_disk_{what}_total"
        rows = [f'{name}{{device="{disk}"}} {age_s * 1e5:.9e}' for disk in DISKS]
        yield "diskstats", name, "counter", rows
    yield (
        "ipmi",
        "node_ipmi_power_watts",
        "gauge",
        [f"node_ipmi_power_watts {400 + 300 * load:.1f}"],
    )
    for family, count in OTHERS.items():
        for place in range(count):
            name = f"node_{family}_part{place:02}"
            yield family, name, "untyped", [f"{name} {place * 7 + int(age_s)}"]
