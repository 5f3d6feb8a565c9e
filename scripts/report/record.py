# SPDX-License-Identifier: GPL-2.0-only
# Copyright (C) 2026 The VFIO variant-driver kit authors
"""Take the timelines that the manual shows out of a run of make verify."""

import json
from pathlib import Path

import cells
import story

# Which emulated device shows a path best: the first that has it.
DEVICES = ["igb", "slot", "ivshmem-plain", "nvme"]
KEPT = ("driver", "device", "path", "title", "middle", "end", "set", "kernel")


def as_json(cell: cells.Cell, kernel: str) -> dict:
    cell.kernel = kernel
    cell.events = [e for e in cell.events if e.name not in story.HIDDEN]
    seen = story.around(cell, cell.events[0].t, cell.events[-1].t)
    return {**{name: getattr(cell, name) for name in KEPT}, "events": [vars(e) for e in cell.events],
            "reader": [{"seen": s.seen, "from": s.start, "to": s.end, "count": s.count, "dev": s.dev}
                       for s in seen]}


def rank(item: dict) -> int:
    """The lower, the more a timeline shows: importers, and a reader that was caught
    by memory_lock."""
    return (DEVICES.index(item["device"])
            - 9 * any(e["name"] == "invalidate" for e in item["events"])
            - 4 * any(s["seen"] in ("blocked", "sigbus") for s in item["reader"])
            + any(s["seen"] == "slow" for s in item["reader"]))


def record(results: Path, folder: Path) -> int:
    run = cells.load(results)
    best: dict[str, dict] = {}
    for cell in run.cells:
        if cell.driver == "vfio-pci" and cell.device in DEVICES and cell.status == "ok" and cell.events:
            item = as_json(cell, run.kernel)
            if cell.path not in best or rank(item) < rank(best[cell.path]):
                best[cell.path] = item
    folder.mkdir(parents=True, exist_ok=True)
    for path, item in sorted(best.items()):
        target = folder / f"{path}.json"
        target.write_text(json.dumps(item) + "\n", encoding="utf-8")
        print(target)
    return 0 if best else 1
