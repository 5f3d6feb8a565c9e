# SPDX-License-Identifier: GPL-2.0-only
# Copyright (C) 2026 The VFIO variant-driver kit authors
"""Read cells.jsonl, what the conformance program says of each cell: one driver,
one device, one path. selftests/conformance describes the format."""

import dataclasses
import json
from dataclasses import dataclass, field
from pathlib import Path


@dataclass
class Check:
    name: str
    rule: str
    status: str             # ok, fail or skip
    text: str


@dataclass
class Event:
    t: float                # milliseconds after the request
    name: str
    dev: int = -1           # which device of the set, -1: not known
    args: list[int] = field(default_factory=list)
    detail: str = ""

    def arg(self, i: int) -> int:
        return self.args[i] if i < len(self.args) else 0


@dataclass
class Seen:
    """What the reader thread saw for a while."""
    seen: str               # ok, blocked, sigbus, slow or ones
    start: float
    end: float
    count: int
    dev: int = 0
    by_hand: bool = False   # it reads what the driver has mapped by hand


@dataclass
class Cell:
    driver: str
    device: str
    path: str
    title: str
    status: str = "ok"      # or fail, skip, died
    bdf: str = ""
    why: str = ""
    ms: float = 0
    middle: float = 0       # the way into the revoked state has ended
    end: float = 0
    pages: int = 0
    set: list[str] = field(default_factory=list)
    checks: list[Check] = field(default_factory=list)
    events: list[Event] = field(default_factory=list)
    reader: list[Seen] = field(default_factory=list)

    def check(self, name: str) -> list[Check]:
        """What was checked under this name, the worst first."""
        order = ("fail", "ok", "skip")
        return sorted((c for c in self.checks if c.name == name), key=lambda c: order.index(c.status))


@dataclass
class Note:
    driver: str
    device: str
    status: str             # skip or fail
    why: str


@dataclass
class Word:
    """A path or a check of the vocabulary."""
    name: str
    title: str
    named_only: bool = False    # a path that runs only when it is asked for by name


@dataclass
class Results:
    paths: list[Word] = field(default_factory=list)
    checks: list[Word] = field(default_factory=list)
    cells: list[Cell] = field(default_factory=list)
    notes: list[Note] = field(default_factory=list)
    kernel: str = ""
    up: float | None = None
    off: float | None = None
    at: str = ""            # where the guest is, or was last
    ended: bool = False

    def shown_paths(self) -> list[Word]:
        return [p for p in self.paths
                if not p.named_only or any(c.path == p.name for c in self.cells)]


def make(cls, item: dict):
    """A dataclass of the keys of item that it knows."""
    return cls(**{f.name: item[f.name] for f in dataclasses.fields(cls) if f.name in item})


def make_cell(item: dict) -> Cell:
    cell = make(Cell, item)
    cell.checks = [make(Check, c) for c in cell.checks]
    cell.events = [make(Event, e) for e in cell.events]
    cell.reader = [Seen(s["seen"], s["from"], s["to"], s["count"], s.get("dev", 0),
                        bool(s.get("by_hand"))) for s in cell.reader]
    return cell


def add(results: Results, item: dict) -> None:
    kind = item.get("type")
    if kind == "cell":
        results.cells.append(make_cell(item))
    elif kind == "note":
        results.notes.append(make(Note, item))
    elif kind == "vocabulary":
        results.paths = [make(Word, w) for w in item["paths"]]
        results.checks = [make(Word, w) for w in item["checks"]]
    elif kind == "guest":
        results.kernel = item.get("kernel") or results.kernel
        setattr(results, item["what"], item.get("uptime"))
    elif kind == "progress":
        results.at = f"{item['driver']} on {item['device']}: {item['path']}"
    elif kind == "end":
        results.ended = True


def load(path: Path) -> Results:
    """All of a file. A line that is none of the format's is a failure."""
    results = Results()
    try:
        text = path.read_text(encoding="utf-8", errors="replace")
    except OSError as e:
        results.notes.append(Note("", "", "fail", f"no results: {path}: {e.strerror}"))
        return results
    for number, line in enumerate(text.splitlines(), 1):
        try:
            add(results, json.loads(line))
        except (ValueError, KeyError, TypeError, AttributeError) as e:
            results.notes.append(Note("", "", "fail", f"line {number} of {path.name} is broken: {e!r}"))
    return results


def load_all(paths: list[Path]) -> Results:
    """What several guests say that share one run: it has ended when all of them have."""
    parts = [load(path) for path in paths]
    whole = next((p for p in parts if p.paths), Results())
    return Results(
        paths=whole.paths, checks=whole.checks,
        cells=[cell for p in parts for cell in p.cells],
        notes=[note for p in parts for note in p.notes],
        kernel=next((p.kernel for p in parts if p.kernel), ""),
        up=None if any(p.up is None for p in parts) else max(p.up for p in parts),
        off=None if any(p.off is None for p in parts) else max(p.off for p in parts),
        at=", ".join(p.at for p in parts if p.at and not p.ended),
        ended=all(p.ended for p in parts))
