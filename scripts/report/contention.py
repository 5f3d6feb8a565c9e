# SPDX-License-Identifier: GPL-2.0-only
# Copyright (C) 2026 The VFIO variant-driver kit authors
"""Report what make bench-contention has measured: the patched kernel against the
unpatched one, in pairs of guests. Writes contention.csv and contention.rst."""

import csv
import io
import math

from bench import read_lines
from rst import rst_table, rst_text
from table import columns, die, write

KERNELS = ("unpatched", "patched")
FIGURES = ["revocations a second", "faults a second", "faults for each revocation",
           "median time of a revocation"]
NOTE = """
One CPU revokes, each other faults; on one CPU both. All CPUs of the guest are
one thread of the host, in real time: only ratios mean something, and none that
is within its spread of 1."""


def spread(values: list[float]) -> str:
    values = sorted(values)
    return f"x{values[len(values) // 2]:.3f} ({values[0]:.3f} - {values[-1]:.3f})"


def read(args) -> list[dict[str, dict]]:
    """For each round and kernel the results by the number of CPUs."""
    rounds = []
    for i in range(1, args.rounds + 1):
        both = {}
        for kernel in KERNELS:
            path = args.dir / f"contention-{i}-{kernel}.jsonl"
            both[kernel] = {r["cpus"]: r for r in read_lines(path) if r.get("type") == "contention"}
            if not both[kernel]:
                die(f"{path} has no results")
        rounds.append(both)
    return rounds


def figures(r: dict) -> list[float]:
    """As in FIGURES."""
    return [r["revokes"] / r["seconds"], r["faults"] / r["seconds"], r["faults"] / max(r["revokes"], 1),
            r["revoke_ns"]]


def csv_text(rounds: list[dict]) -> str:
    out = io.StringIO()
    w = csv.writer(out, lineterminator="\n")
    w.writerow(["cpus", "round", "kernel", "revocations_per_second", "faults_per_second",
                "faults_per_revocation", "revoke_ns"])
    for cpus in sorted(rounds[0]["unpatched"]):
        for i, both in enumerate(rounds, 1):
            for kernel in KERNELS:
                *rates, ns = figures(both[kernel][cpus])
                w.writerow([cpus, i, kernel, *(f"{x:.1f}" for x in rates), ns])
    return out.getvalue()


def run(args) -> int:
    rounds = read(args)
    rows = []
    for cpus in sorted(rounds[0]["unpatched"]):
        pairs = [[figures(both[k][cpus]) for k in KERNELS] for both in rounds]
        rows.append([str(cpus)] + [spread([new[k] / old[k] if old[k] else math.nan for old, new in pairs])
                                   for k in range(len(FIGURES))])
    title = f"Patched against unpatched: median of {args.rounds} pairs (least - most)"
    write(args.dir / "contention.csv", csv_text(rounds))
    write(args.dir / "contention.rst",
          rst_text("make bench-contention", [rst_table(title, [["CPUs", *FIGURES], *rows])]))
    print(title + "\n")
    short = ["revocations/s", "faults/s", "faults/revocation", "time of one"]
    # Four columns of a median with its spread are wider than a terminal: two tables.
    for first in (0, 2):
        print("\n".join(columns([["CPUs", *short[first:first + 2]],
                                 *([r[0], *r[1 + first:3 + first]] for r in rows)], {0})) + "\n")
    if args.verbose:
        print((args.dir / "contention.csv").read_text(encoding="utf-8"))
    print(NOTE.strip())
    print(f"All rounds: {args.dir}/contention.csv")
    return 0
