# SPDX-License-Identifier: GPL-2.0-only
# Copyright (C) 2026 The VFIO variant-driver kit authors
"""Take the timelines that the manual shows out of a run of make verify."""

import dataclasses
import json
import sys
from pathlib import Path

import cells
from cells import Cell, Seen
from story import HIDDEN

# Which emulated device shows a path best: the first that has it.
DEVICES = ["igb", "slot", "ivshmem-plain", "nvme"]
# What the manual's pictures do not need.
DROPPED = ("bdf", "why", "checks", "ms", "pages", "status")


def trimmed(cell: Cell) -> list[Seen]:
    """What the reader saw around the events, with what is alike joined."""
    first = min(e.t for e in cell.events)
    last = max(e.t for e in cell.events)
    out: list[Seen] = []
    for seen in sorted(cell.reader, key=lambda s: s.start):
        s = dataclasses.replace(seen)
        if s.seen == "slow" and (s.end < first or s.start > last):
            s.seen = "ok"
        if s.start > last and out and out[-1].seen == "ok":
            continue
        if s.end < first:
            out.clear()     # the last one before the first event is enough
        if out and (out[-1].seen, out[-1].dev, out[-1].by_hand) == (s.seen, s.dev, s.by_hand):
            out[-1].end, out[-1].count = s.end, out[-1].count + s.count
            continue
        s.start = max(s.start, round(first - 0.5, 3))
        s.end = max(s.end, s.start)
        out.append(s)
    return out


def rank(cell: Cell) -> int:
    """The lower, the more its timeline shows: importers, and a reader that was
    caught by memory_lock."""
    seen = {s.seen for s in trimmed(cell)}
    return ((DEVICES.index(cell.device) if cell.device in DEVICES else len(DEVICES))
            - 9 * any(e.name == "invalidate" for e in cell.events)
            - 4 * bool(seen & {"blocked", "sigbus"}) - ("slow" not in seen))


def halves(cell: Cell) -> list[Cell]:
    """Entry to runtime PM and exit from it are two requests, and two timelines."""
    if cell.path != "runtime_pm":
        return [cell]
    entry = dataclasses.replace(
        cell, path="runtime_pm_entry", title="entry to runtime PM",
        events=[e for e in cell.events if e.t <= cell.middle],
        reader=[s for s in cell.reader if s.start <= cell.middle])
    leave = dataclasses.replace(
        cell, path="runtime_pm_exit", title="exit from runtime PM",
        events=[e for e in cell.events if e.t > cell.middle],
        reader=[s for s in cell.reader if s.end > cell.middle])
    return [c for c in (entry, leave) if c.events]


def as_json(cell: Cell, kernel: str) -> dict:
    cell.events = [e for e in cell.events if e.name not in HIDDEN]
    item = dataclasses.asdict(dataclasses.replace(cell, kernel=kernel, reader=[]))
    item["reader"] = [{"seen": s.seen, "from": s.start, "to": s.end, "count": s.count, "dev": s.dev,
                       "by_hand": s.by_hand} for s in trimmed(cell)]
    return {key: value for key, value in item.items() if key not in DROPPED}


def record(results: Path, folder: Path, kernel: str) -> int:
    run = cells.load(results)
    best: dict[str, Cell] = {}
    for cell in run.cells:
        if cell.driver == "vfio-pci" and cell.status == "ok" and cell.events and \
                (cell.path not in best or rank(cell) < rank(best[cell.path])):
            best[cell.path] = cell
    if not best:
        print(f"report: error: no cell of plain vfio-pci with events in {results}", file=sys.stderr)
        return 1
    folder.mkdir(parents=True, exist_ok=True)
    for cell in (part for name in sorted(best) for part in halves(best[name])):
        target = folder / f"{cell.path}.json"
        target.write_text(json.dumps(as_json(cell, kernel or run.kernel)) + "\n", encoding="utf-8")
        print(target)
    return 0
