# SPDX-License-Identifier: GPL-2.0-only
# Copyright (C) 2026 The VFIO variant-driver kit authors
"""Report what make bench has measured: the targets, and which are missed; with
--verbose all figures. Writes bench.csv, bench.svg and tables.rst."""

import csv
import io
import json
import math
from dataclasses import dataclass, field
from pathlib import Path

import bench_svg
from rst import rst_table, rst_text
from table import columns, counts, die, paint, wrap, write

COUNTS = (0, 1, 16, 256, 1024, 4096)
PLAIN = "vfio-pci"
# Drivers held to the targets of plain vfio-pci: all their mappings are the core's.
SAME_AS_PLAIN = (PLAIN, "wrapper-vfio-pci")
DEVICES = {
    "ivshmem": "ivshmem-plain",
    "igb": "igb",
    "huge": "ivshmem-plain with a PUD",
}
REVOKE_LAYOUTS = {
    "pages_touched": "one-page maps",
    "pages_untouched": "untouched maps",
    "big_4k": "one map, 4K",
}
# What is shown and in which order: operation, layout, words for people.
ROWS = [line.split(None, 2) for line in
        Path(__file__).with_name("bench-rows").read_text(encoding="utf-8").splitlines()
        if line and not line.startswith("#")]
NOTES = [
    "Figures are instructions of the guest's CPU, medians, from a run that repeats to the bit. They do "
    "not show cycles: no cache or TLB miss, no TLB shootdown on other CPUs, no lock that is waited for "
    "(make bench-contention shows that one as ratios), no bus and no device.",
    "RESET of drivers other than vfio-pci has a flat difference that is not the core's: the kernel logs "
    "\"resetting\" and \"reset done\" with the driver's name, 42 instructions a reset for each character "
    "that it is longer; and their ivshmem-plain has a BAR of twice the size, of which the half is "
    "theirs: 109 less. \"(net)\" is without what the driver's own .write costs in every config write.",
]


def read_lines(path: Path):
    try:
        text = path.read_text(encoding="utf-8")
    except OSError as e:
        die(f"{path}: {e.strerror} (make bench and make bench-contention make it)")
    for number, line in enumerate(text.splitlines(), 1):
        try:
            if line.strip():
                yield json.loads(line)
        except ValueError:
            die(f"{path}:{number}: not JSON (was the guest stopped?)")


class Run:
    """The results of one driver on one kernel."""

    def __init__(self, path: Path):
        self.values, self.absent, self.notes = {}, {}, []
        for r in read_lines(path):
            kind = r.get("type")
            where = f"{r.get('driver')} on {r.get('device')}"
            if kind == "bench":
                if r["unit"] == "bytes/100":
                    r.update({k: r[k] / 100 for k in ("median", "min", "max")})
                self.values[r["device"], r["op"], r["layout"], r["n"]] = r
            elif kind == "bench-info" and r.get("at_once") and r["device"] != "huge":
                self.notes.append(f"{where}: its mmap fills the page tables at once: that is in the "
                                  "figures of mmap and munmap, and no mapping of it is untouched")
            elif kind == "bench-na":
                self.absent[r["device"], r["op"], r["layout"]] = r["why"]
            elif kind == "failed":
                die(f"{where}: the benchmark failed in the guest ({path})")
            elif kind == "note":
                self.notes.append(f"{where}: {r['why']}")

    def get(self, *key):
        """The median of (device, operation, layout, number); None: not measured."""
        r = self.values.get(key)
        return r["median"] if r else None

    def counts(self, *key) -> set[int]:
        return {k[3] for k in self.values if k[:3] == key}

    def slope(self, *key):
        """Per mapping, between the numbers where the fixed cost no longer matters."""
        points = [(n, self.get(*key, n)) for n in COUNTS if n]
        points = [p for p in points if p[1] is not None]
        if len(points) < 2:
            return None
        low, high = next((p for p in points if p[0] >= 16), points[0]), points[-1]
        if low == high:
            low = points[0]
        return (high[1] - low[1]) / (high[0] - low[0])


# --- the targets

@dataclass
class Target:
    driver: str
    device: str
    what: str
    seen: str
    limit: str
    reached: bool
    instructions: str
    group: str
    badness: float          # the higher, the closer to the limit, or beyond it


@dataclass
class Comparison:
    """One driver on one device, on the unpatched kernel and on the patched one."""
    old: Run
    new: Run
    driver: str
    device: str
    targets: list[Target] = field(default_factory=list)

    def __post_init__(self):
        pair = self.both("config_write", "interrupt_line", 0)
        self.own = pair[1] - pair[0] if self.driver != PLAIN and None not in pair else 0
        self.mark = " (net)" if self.own else ""
        self.net_of = f", without the {self.own} of its .write" if self.own else ""

    def both(self, *key):
        return self.old.get(self.device, *key), self.new.get(self.device, *key)

    def slopes(self, *key):
        return self.old.slope(self.device, *key), self.new.slope(self.device, *key)

    def add(self, what, seen, limit, reached, pair, group, badness) -> None:
        self.targets.append(Target(self.driver, self.device, what, seen, limit, reached,
                                   f"{pair[0]:.6g} -> {pair[1]:.6g}", group or what, badness))

    def ratio(self, what: str, limit: float, pair, group: str = "") -> None:
        if None not in pair:
            value = pair[1] / pair[0] if pair[0] else math.inf if pair[1] else 1.0
            self.add(what, f"x{value:.4f}", f"<= x{limit:g}", value <= limit, pair, group, value)

    def more(self, what: str, limit: int, pair, group: str = "") -> None:
        if None not in pair:
            value = pair[1] - pair[0]
            self.add(what, f"{value:+.0f}", f"<= +{limit}", value <= limit, pair, group, value)

    def judge(self) -> list[Target]:
        if self.driver in SAME_AS_PLAIN:
            self.revoke_and_reset()
            self.mappings()
            self.unrevoke()
        else:
            self.ratio("revoke slope, one-page maps", 1.02, self.slopes("revoke", "pages_touched"),
                       "revoke slope")
        return self.targets

    def net(self, *key):
        """Without what the driver's own .write costs on its way to the core, in every
        config write: that is not the core's, and shown in a row of its own."""
        a, b = self.both(*key)
        return a, None if b is None else b - self.own

    def revoke_and_reset(self) -> None:
        for layout, name in REVOKE_LAYOUTS.items():
            self.ratio(f"revoke slope, {name}", 1.005, self.slopes("revoke", layout), "revoke slope")
            self.more(f"revoke of 1, {name}{self.mark}", 100, self.net("revoke", layout, 1),
                      f"revoke of one mapping{self.net_of}")
        self.more(f"revoke of nothing{self.mark}", 50, self.net("revoke", "pages_touched", 0),
                  f"revoke of nothing{self.net_of}")
        self.ratio("RESET slope, one-page maps", 1.005, self.slopes("reset", "pages_touched"), "RESET slope")
        if self.driver == PLAIN:        # see NOTES
            self.more("RESET, 1 mapping", 100, self.both("reset", "pages_touched", 1))

    def mappings(self) -> None:
        for layout in ("4k", "page_vmas", "pmd", "pud"):
            for n in self.new.counts(self.device, "fault", layout):
                self.ratio(f"fault, {layout}", 1.01, self.both("fault", layout, n), "fault")
        for layout in ("page", "page_with_4096", "bar"):
            for n in self.old.counts(self.device, "mmap", layout):
                m, u = self.both("mmap", layout, n), self.both("munmap", layout, n)
                if None not in m + u:
                    self.ratio(f"mmap + munmap, {layout}", 1.03, (m[0] + u[0], m[1] + u[1]), "mmap + munmap")
        slab = self.both("memory_slab", "page", 4096)
        tables = self.both("memory_page_tables", "page_touched", 4096)
        self.ratio("slab per mapping", 1.02, slab, "memory per mapping")
        if None not in slab + tables:
            self.ratio("all memory per mapping", 1.02, (slab[0] + tables[0], slab[1] + tables[1]),
                       "memory per mapping")

    def unrevoke(self) -> None:
        costs = []
        for n in COUNTS:
            pair = self.net("unrevoke", "pages_touched", n)
            self.ratio(f"unrevoke, {n} maps{self.mark}", 1.01, pair, f"unrevoke{self.net_of}")
            costs += [pair[1]] if pair[1] is not None else []
        if costs:
            self.ratio("unrevoke, most against fewest maps", 1.01, (min(costs), max(costs)))


def judge(old: Run, runs: dict[str, Run]) -> list[Target]:
    return [t for driver, new in runs.items() for device in DEVICES
            if any(k[0] == device for k in new.values)
            for t in Comparison(old, new, driver, device).judge()]


def worst(targets: list[Target]) -> list[Target]:
    """One of each driver and group: the closest to its limit, or beyond it."""
    out: dict[tuple, Target] = {}
    for t in targets:
        key = t.driver, t.group, t.limit
        if key not in out or t.badness > out[key].badness:
            out[key] = t
    return list(out.values())


# --- tables

@dataclass
class Figure:
    """One operation on both kernels."""
    what: str
    old: float | None
    new: float | None
    other_size: bool = False    # a region of another size: not to be compared

    def __str__(self) -> str:
        ratio = f" (x{self.new / self.old:.4f})" if self.old and self.new is not None else ""
        return "none" if self.new is None or self.other_size else number(self.new) + ratio


def number(value) -> str:
    if value is None:
        return "-"
    return f"{value:.1f}" if isinstance(value, float) and value != int(value) else f"{int(value)}"


def figures(old: Run, new: Run, device: str):
    for op, layout, words in ROWS:
        both = old.counts(device, op, layout), new.counts(device, op, layout)
        # A region of another size has other counts for the same thing.
        if "{n}" not in words and len(both[0] | both[1]) > 1:
            pair = [next((v for n in sorted(c) if (v := run.get(device, op, layout, n)) is not None), None)
                    for run, c in zip((old, new), both)]
            yield Figure(words, *pair, other_size=True)
            continue
        for n in sorted(both[0] | both[1]):
            yield Figure(words.format(n=n), old.get(device, op, layout, n), new.get(device, op, layout, n))
    for op, layout in [*(("revoke", layout) for layout in REVOKE_LAYOUTS), ("reset", "pages_touched")]:
        pair = old.slope(device, op, layout), new.slope(device, op, layout)
        if None not in pair:
            name = "RESET" if op == "reset" else op
            yield Figure(f"slope of {name}, {REVOKE_LAYOUTS[layout]}", *(round(x, 2) for x in pair))


def device_table(old: Run, runs: dict[str, Run], device: str) -> list[list[str]]:
    """All figures of a device, a column a driver, the head first."""
    by_driver = [{f.what: f for f in figures(old, new, device)} for new in runs.values()]
    rows = [["operation", f"{PLAIN}, unpatched", *(f"{d}, patched" for d in runs)]]
    for what in dict.fromkeys(w for found in by_driver for w in found):
        some = [found.get(what) for found in by_driver]
        rows.append([what, number(next(f for f in some if f).old), *(str(f or "none") for f in some)])
    return rows


def all_figures(old: Run, runs: dict[str, Run]) -> list[str]:
    lines = []
    for device, words in DEVICES.items():
        rows = device_table(old, runs, device)
        if len(rows) > 1:
            lines += [f"instructions on {words}", "", *columns(rows, set(range(1, len(rows[0])))), ""]
    for driver, new in runs.items():
        lines += [f"{driver} on {device}: not measured: {op} {layout}: {why}"
                  for (device, op, layout), why in new.absent.items()]
        lines += new.notes
    return [*lines, ""]


def target_table(targets: list[Target]) -> list[str]:
    return columns([["", "driver", "device", "what", "is", "target"]] +
                   [["ok" if t.reached else "FAIL", t.driver.removesuffix("-vfio-pci"), t.device, t.what, t.seen, t.limit]
                    for t in targets], {4, 5})


def csv_text(old: Run, runs: dict[str, Run]) -> str:
    out = io.StringIO()
    w = csv.writer(out, lineterminator="\n")
    w.writerow(["device", "driver", "operation", "layout", "n", "unit", "unpatched", "patched", "ratio",
                "difference", "unpatched_min", "unpatched_max", "patched_min", "patched_max", "samples"])
    for driver, new in runs.items():
        for key in dict.fromkeys([*old.values, *new.values]):
            a, b = old.values.get(key), new.values.get(key)
            some = b or a
            w.writerow([key[0], driver, *key[1:], "bytes" if some["unit"] == "bytes/100" else "instructions",
                        a["median"] if a else "", b["median"] if b else "",
                        f"{b['median'] / a['median']:.6f}" if a and b and a["median"] else "",
                        b["median"] - a["median"] if a and b else "",
                        *((r[k] if r else "") for r in (a, b) for k in ("min", "max")), some["count"]])
    return out.getvalue()


def manual_tables(old: Run, runs: dict[str, Run], targets: list[Target]) -> list[list[str]]:
    rows = [["driver, patched", "what", "against unpatched", "target", "reached"]]
    rows += [[t.driver, t.group, t.seen, t.limit, "yes" if t.reached else "**no**"] for t in worst(targets)]
    # igb is as ivshmem-plain; all of it is in bench.csv.
    return [rst_table("Targets: the worst of all devices, numbers and layouts", rows)] + \
        [rst_table(f"Instructions on {DEVICES[d]}", table) for d in ("ivshmem", "huge")
         if len(table := device_table(old, runs, d)) > 1]


# --- the command

def run(args) -> int:
    if not args.dir.is_dir():
        die(f"no folder {args.dir}")
    drivers = args.drivers.split()
    if not drivers:
        names = (p.stem.removeprefix("results-patched-") for p in args.dir.glob("results-patched-*.jsonl"))
        drivers = sorted(names, key=lambda n: (n != PLAIN, n not in bench_svg.COLOURS, n))
    old = Run(args.dir / f"results-unpatched-{PLAIN}.jsonl")
    runs = {d: Run(args.dir / f"results-patched-{d}.jsonl") for d in drivers}
    targets = judge(old, runs)
    if not targets:
        die("nothing was compared")
    missed = [t for t in targets if not t.reached]
    write(args.dir / "bench.csv", csv_text(old, runs))
    write(args.dir / "bench.svg", bench_svg.picture(old, runs, DEVICES["ivshmem"]))
    write(args.dir / "tables.rst", rst_text("make bench", manual_tables(old, runs, targets)))
    lines = all_figures(old, runs) if args.verbose else []
    lines += ["The worst of each target, patched against unpatched:", "",
              *target_table(targets if args.verbose else worst(targets)), ""]
    for t in missed:
        lines += [paint("FAIL") + f"  {t.driver} on {t.device}: {t.what}",
                  f"      {t.seen}, target {t.limit}: {t.instructions} instructions", ""]
    for text in NOTES[:1 + (len(runs) > 1)]:
        lines += [*wrap(text, ""), ""]
    lines.append(f"{args.dir}/: bench.csv, bench.svg, tables.rst; all figures: V=1")
    print("\n".join([*lines, counts(len(targets) - len(missed), len(missed), 0)]))
    return 1 if missed else 0
