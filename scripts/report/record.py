# SPDX-License-Identifier: GPL-2.0-only
# Copyright (C) 2026 The VFIO variant-driver kit authors
"""Take the timelines that the manual shows out of a run of make verify."""

import json
from pathlib import Path

import cells
import story

# Emulated devices, those that show a path best first.
DEVICES = ["igb", "slot", "ivshmem-plain", "nvme"]
KEPT = ("driver", "device", "path", "title", "middle", "end", "set")


def shows(cell: cells.Cell) -> tuple[int, int, int]:
    """The higher, the more there is to see: kinds of events, then of what the reader saw."""
    seen = {s.seen for s in cell.reader} - {"slow"}
    return len({e.name for e in cell.events}), len(seen), -DEVICES.index(cell.device)


def record(results: Path, folder: Path) -> int:
    run = cells.load(results)
    best: dict[str, cells.Cell] = {}
    for cell in run.cells:
        if (cell.driver == "vfio-pci" and cell.device in DEVICES and cell.status == "ok"
                and cell.events):
            best[cell.path] = max(best.get(cell.path, cell), cell, key=shows)
    folder.mkdir(parents=True, exist_ok=True)
    for path, cell in sorted(best.items()):
        cell.events = [e for e in cell.events if e.name not in story.HIDDEN]
        seen = story.around(cell, cell.events[0].t, cell.events[-1].t)
        item = {**{name: getattr(cell, name) for name in KEPT}, "kernel": run.kernel,
                "events": [vars(e) for e in cell.events],
                "reader": [{"seen": s.seen, "from": s.start, "to": s.end, "count": s.count,
                            "dev": s.dev} for s in seen]}
        (folder / f"{path}.json").write_text(json.dumps(item) + "\n", encoding="utf-8")
        print(folder / f"{path}.json")
    return 0 if best else 1
