# SPDX-License-Identifier: GPL-2.0-only
# Copyright (C) 2026 The VFIO variant-driver kit authors
"""Report what make bench and make bench-contention have measured.

bench.csv has all figures, and everything else is made of it: the targets of
bench-targets, and for the manual targets.csv and a table for each device."""

import csv
import json
import math
from dataclasses import dataclass
from pathlib import Path

from table import columns, counts, die, paint, read_rows, wrap

HERE = Path(__file__).parent
PLAIN = "vfio-pci"
# Drivers all of whose mappings are the core's: held to the targets of vfio-pci.
SAME_AS_PLAIN = (PLAIN, "wrapper-vfio-pci")
DEVICES = ("ivshmem", "igb", "huge")
# A table's file, its device, and words for it.
TABLES = {
    "ivshmem": ("ivshmem", "ivshmem-plain"),
    "dmabufs": ("ivshmem", "ivshmem-plain, exported as DMABUFs"),
    "igb": ("igb", "igb"),
    "huge": ("huge", "ivshmem-plain with a PUD"),
}
NOTES = [
    "Figures are instructions of the guest's CPU, medians, from a run that repeats to the bit. "
    "They do not show cycles: no cache or TLB miss, no TLB shootdown on other CPUs, no lock that "
    "is waited for (make bench-contention shows that one as ratios), no bus and no device.",
    "RESET of drivers other than vfio-pci has a flat difference that is not the core's: the kernel "
    "logs \"resetting\" and \"reset done\" with the driver's name, 42 instructions a reset for each "
    "character that it is longer; and their ivshmem-plain has a BAR of twice the size, of which "
    "the half is theirs: 109 less. \"(net)\" is without what the driver's own .write costs.",
]
# What bench.csv has of the result on each kernel.
VALUES = ("median", "min", "max")
HEAD = ["device", "driver", "operation", "layout", "n", "unit", "unpatched", "patched",
        "unpatched_min", "patched_min", "unpatched_max", "patched_max", "samples"]


def results(folder: Path, guest: str) -> list[dict]:
    """What a guest of the benchmark has said."""
    text = (folder / "run" / guest / "cells.jsonl").read_text(encoding="utf-8")
    return [json.loads(line) for line in text.splitlines()]


def write_csv(path: Path, rows: list[list]) -> None:
    with open(path, "w", encoding="utf-8", newline="") as file:
        csv.writer(file, lineterminator="\n").writerows(rows)


# --- from the guests' results to bench.csv

def read_guest(folder: Path, guest: str, notes: list[str]) -> dict[tuple, dict]:
    """The results of one driver on one kernel, and what there is to say about them."""
    values = {}
    for r in results(folder, guest):
        kind = r.get("type")
        where = f"{r.get('driver')} on {r.get('device')}"
        if kind == "bench":
            if r["unit"] == "bytes/100":
                r |= {"unit": "bytes", **{k: r[k] / 100 for k in VALUES}}
            values[r["device"], r["op"], r["layout"], r["n"]] = r
        elif kind == "bench-info" and r.get("at_once") and r["device"] != "huge":
            notes.append(f"{where}: its mmap fills the page tables at once: that is in the "
                         "figures of mmap and munmap, and no mapping of it is untouched")
        elif kind == "bench-na":
            notes.append(f"{where}: not measured: {r['op']} {r['layout']}: {r['why']}")
        elif kind == "failed":
            die(f"{where}: the benchmark failed in the guest {guest}")
        elif kind == "note":
            notes.append(f"{where}: {r['why']}")
    return values


def collect(folder: Path, drivers: list[str]) -> list[str]:
    """Make bench.csv of the results of all guests."""
    old = read_guest(folder, f"unpatched-{PLAIN}", [])
    rows, notes = [HEAD], []
    for driver in drivers:
        new = read_guest(folder, f"patched-{driver}", notes)
        for key in dict.fromkeys([*old, *new]):
            both = old.get(key, {}), new.get(key, {})
            some = both[1] or both[0]
            rows.append([key[0], driver, *key[1:], some["unit"],
                         *(r.get(k, "") for k in VALUES for r in both), some["count"]])
    write_csv(folder / "bench.csv", rows)
    return notes


# --- bench.csv

class Figures:
    """What was measured with one driver: the medians on both kernels, None where
    there is none, of a device, an operation, a layout, and a number of mappings."""

    def __init__(self, driver: str):
        self.driver = driver
        self.values: dict[tuple, tuple] = {}

    def pair(self, *key) -> tuple:
        return self.values.get(key, (None, None))

    def numbers(self, device: str, op: str, layout: str) -> list[int]:
        return sorted(k[3] for k in self.values if k[:3] == (device, op, layout))

    def slope(self, *key) -> tuple:
        """Per mapping, between the numbers where the fixed cost no longer matters."""
        out = []
        for kernel in (0, 1):
            points = [(n, cost) for n in self.numbers(*key)
                      if n and (cost := self.pair(*key, n)[kernel]) is not None]
            low = next((p for p in points[:-1] if p[0] >= 16), points[0] if points else None)
            high = points[-1] if len(points) > 1 else None
            out.append((high[1] - low[1]) / (high[0] - low[0]) if high else None)
        return tuple(out)

    def own_write(self, device: str) -> float:
        """What the driver's own .write costs on its way to the core: it is in every
        config write, and not the core's."""
        old, new = self.pair(device, "config_write", "interrupt_line", 0)
        return 0 if self.driver == PLAIN or None in (old, new) else new - old

    def measure(self, device: str, how: str, operations: str) -> list[tuple]:
        """(number, unpatched, patched) as a row of bench-targets asks for it."""
        keys = [(device, *op.split(":")) for op in operations.split("+")]
        own = self.own_write(device) if how.startswith("net ") else 0
        how = how.removeprefix("net ")
        if how == "slope":
            slope = self.slope(*keys[0])
            return [] if None in slope else [(0, *slope)]
        found = []
        for n in self.numbers(*keys[0]) if how in ("each", "flat") else [int(how)]:
            old, new = zip(*(self.pair(*key, n) for key in keys))
            if None not in old + new:
                found.append((n, sum(old), sum(new) - own))
        if how == "flat" and found:
            costs = [new for _, _, new in found]
            return [(0, min(costs), max(costs))]
        return found


def read_figures(path: Path) -> list[Figures]:
    out: dict[str, Figures] = {}
    with open(path, encoding="utf-8", newline="") as file:
        for r in csv.DictReader(file):
            figures = out.setdefault(r["driver"], Figures(r["driver"]))
            figures.values[r["device"], r["operation"], r["layout"], int(r["n"])] = tuple(
                float(r[kernel]) if r[kernel] else None for kernel in ("unpatched", "patched"))
    return list(out.values())


# --- the targets

@dataclass
class Target:
    driver: str
    device: str
    group: str
    what: str
    seen: str
    limit: str
    reached: bool
    badness: float          # the higher, the closer to the limit, or beyond it
    instructions: str


def judge(figures: Figures, device: str) -> list[Target]:
    kinds = ["other"] if figures.driver not in SAME_AS_PLAIN else ["same"]
    kinds += ["plain"] if figures.driver == PLAIN else []
    out = []
    for kind, how, operations, limit, group, *words in read_rows(HERE / "bench-targets"):
        for n, old, new in figures.measure(device, how, operations) if kind in kinds else []:
            ratio = new / old if old else math.inf if new else 1.0
            value, seen = (ratio, f"x{ratio:.4f}") if limit[0] == "x" else (new - old, f"{new - old:+.0f}")
            what = ", ".join([group, *words]).format(n=n)
            if how.startswith("net") and figures.own_write(device):
                what += " (net)"
            out.append(Target(figures.driver, device, group, what, seen, f"<= {limit}",
                              value <= float(limit[1:]), value, f"{old:.6g} -> {new:.6g}"))
    return out


def worst(targets: list[Target]) -> list[Target]:
    """One of each driver and group: the closest to its limit, or beyond it."""
    out: dict[tuple, Target] = {}
    for t in targets:
        key = t.driver, t.group
        out[key] = max(out.get(key, t), t, key=lambda t: t.badness)
    return list(out.values())


def target_table(targets: list[Target]) -> list[list[str]]:
    return [["", "driver", "device", "what", "is", "target"]] + [
        ["ok" if t.reached else "FAIL", t.driver.removesuffix("-vfio-pci"), t.device, t.what,
         t.seen, t.limit] for t in targets]


# --- all figures of a device

def number(value: float | None) -> str:
    return "none" if value is None else f"{value:.2f}".rstrip("0").rstrip(".")


def device_rows(figures: Figures, device: str, dmabufs: bool):
    """Words, and the figures on both kernels, of DMABUFs or of all else. What a
    kernel has for another number only, because the region has another size, is not
    to be compared."""
    for op, layout, words in read_rows(HERE / "bench-rows"):
        if op.startswith("dmabuf_") != dmabufs:
            continue
        if op.startswith("slope of "):
            rows = figures.measure(device, "slope", f"{op.removeprefix('slope of ')}:{layout}")
        else:
            rows = [(n, *figures.pair(device, op, layout, n)) for n in figures.numbers(device, op, layout)]
            if "{n}" not in words and any(old is not None for _, old, _ in rows):
                rows = [row for row in rows if row[1] is not None]
        yield from ((words.format(n=n), old, new) for n, old, new in rows)


def device_table(everything: list[Figures], device: str, dmabufs: bool) -> list[list[str]]:
    """A row an operation, a column a driver, the head first."""
    tables = [{words: pair for words, *pair in device_rows(f, device, dmabufs)} for f in everything]
    rows = [["operation", f"{PLAIN}, unpatched", *(f"{f.driver}, patched" for f in everything)]]
    for words in dict.fromkeys(w for table in tables for w in table):
        cells, unpatched = [], None
        for old, new in (table.get(words, (None, None)) for table in tables):
            unpatched = old if unpatched is None else unpatched
            cells.append(number(new) + (f" (x{new / old:.4f})" if old and new is not None else ""))
        rows.append([words, number(unpatched), *cells])
    return rows


# --- the commands

def run(args) -> int:
    # Without results of guests, of a bench.csv that was made before.
    notes = collect(args.dir, args.drivers) if args.drivers else []
    everything = read_figures(args.dir / "bench.csv")
    targets = [t for f in everything for device in DEVICES for t in judge(f, device)]
    if not targets:
        die("nothing was compared")
    missed = [t for t in targets if not t.reached]
    write_csv(args.dir / "targets.csv", target_table(worst(targets)))
    lines = []
    for name, (device, words) in TABLES.items():
        rows = device_table(everything, device, name == "dmabufs")
        write_csv(args.dir / f"{name}.csv", rows)
        if args.verbose and len(rows) > 1:
            lines += [f"instructions on {words}", "", *columns(rows, set(range(1, len(rows[0])))), ""]
    if args.verbose:
        lines += [*notes, ""]
    lines += ["The worst of each target, patched against unpatched:", "",
              *columns(target_table(targets if args.verbose else worst(targets)), {4, 5}), ""]
    for t in missed:
        lines += [paint("FAIL") + f"  {t.driver} on {t.device}: {t.what}",
                  f"      {t.seen}, target {t.limit}: {t.instructions} instructions", ""]
    for text in NOTES[:1 + (len(everything) > 1)]:
        lines += [*wrap(text, ""), ""]
    lines.append(f"{args.dir}/: bench.csv; all figures: V=1")
    print("\n".join([*lines, counts(len(targets) - len(missed), len(missed), 0)]))
    return 1 if missed else 0


def rates(folder: Path, guest: str) -> dict[tuple, float]:
    """What one guest did, by the number of its CPUs."""
    out = {}
    for r in (r for r in results(folder, guest) if r.get("type") == "contention"):
        cpus = r["cpus"]
        out[cpus, "revocations a second"] = r["revokes"] / r["seconds"]
        out[cpus, "faults a second"] = r["faults"] / r["seconds"]
        out[cpus, "faults for each revocation"] = r["faults"] / max(r["revokes"], 1)
        out[cpus, "median time of a revocation"] = r["revoke_ns"]
    for r in (r for r in results(folder, guest) if r.get("type") == "stall"):
        out[r["cpus"], "resets a second, BAR touched"] = r["resets"] / r["seconds"]
        out[r["cpus"], "longest mmap() of others meanwhile"] = r["longest_ns"]
        out[r["cpus"], "... against that with the BAR not touched"] = r["longest_ns"] / r["alone_ns"]
    return out or die(f"the guest {guest} has no results")


def contention(args) -> int:
    """The patched kernel against the unpatched one, in pairs of guests."""
    ratios: dict[tuple, list[float]] = {}
    for i in range(1, args.rounds + 1):
        new = rates(args.dir, f"patched-{i}")
        for key, old in rates(args.dir, f"unpatched-{i}").items():
            ratios.setdefault(key, []).append(new[key] / old if old else math.nan)
    rows = [["CPUs", "patched against unpatched", "median", "least", "most"]]
    for key, values in ratios.items():
        values.sort()
        shown = (values[len(values) // 2], values[0], values[-1])
        rows.append([*key, *(f"x{x:.3f}" for x in shown)])
    write_csv(args.dir / "contention.csv", rows)
    print("\n".join([*columns(rows, {0, 2, 3, 4}), "", *wrap(
        f"{args.rounds} pairs of guests. One CPU revokes, each other faults; on one CPU both. All "
        "CPUs of the guest are one thread of the host, in real time: only ratios mean something, "
        "and none that is within its spread of 1.", ""), f"{args.dir}/: contention.csv"]))
    return 0
