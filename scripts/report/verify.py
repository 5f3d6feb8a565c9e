# SPDX-License-Identifier: GPL-2.0-only
# Copyright (C) 2026 The VFIO variant-driver kit authors
"""Judge a run of the conformance program: verdicts, failures and notes."""

import dataclasses
import os
import re
from dataclasses import dataclass, field
from pathlib import Path

import cells
import console
import junit
import kit
from cells import Cell, Check, Word


def group(pairs) -> dict:
    """{key: values} of pairs, the keys in the order of their first."""
    out: dict = {}
    for key, value in pairs:
        out.setdefault(key, []).append(value)
    return out


@dataclass
class Finding:
    """Something wrong, on one device."""
    device: str
    check: str
    text: str


@dataclass
class Failure:
    """What is wrong with one driver on one path and breaks one rule. Without a
    driver: with the run as a whole."""
    driver: str
    title: str
    path: str = ""
    rule: str = ""
    findings: list[Finding] = field(default_factory=list)

    def grouped(self) -> dict[str, list[Finding]]:
        """The findings by their text: often several devices have the same."""
        return group((f.text, f) for f in self.findings)


@dataclass
class Mark:
    """One cell of the table: a driver on a path, all its devices together."""
    status: str             # ok, FAIL or -
    cells: list[Cell]


@dataclass
class Row:
    path: Word
    marks: list[Mark]       # one a driver
    notes: list[int]        # indices into Verdict.notes

    def checks(self, words: list[Word]) -> list[Word]:
        """Those of the checks that somebody has looked at on this path."""
        seen = {c.name for m in self.marks for cell in m.cells for c in cell.checks}
        return [word for word in words if word.name in seen] or words


def findings(cell: Cell) -> list[tuple[str, Finding]]:
    """(rule, finding) of all that is wrong in a cell. The kernel's warnings have no rule
    of the contract, unless the core warns of the driver."""
    wrong = [("" if c.rule == "kernel" else c.rule, Finding(cell.device, c.name, c.text)) for c in cell.checks if c.status == "fail"]
    if not wrong and cell.status in ("fail", "died"):
        wrong = [("", Finding(cell.device, "", cell.why))]
    return wrong


def worst(checks: list[Check]) -> str:
    """One verdict of the checks of one name, the worst of which comes first."""
    return {"ok": "ok", "fail": "FAIL", "skip": "-"}[checks[0].status] if checks else "-"


def where(some: list[Cell], everything: list[Cell]) -> str:
    """The devices of some cells of a row; with their drivers, unless it is so with
    all that were tried on them."""
    devices = list(dict.fromkeys(c.device for c in some))
    drivers = list(dict.fromkeys(c.driver for c in some))
    tried = {c.driver for c in everything if c.device in devices}
    who = "" if tried <= set(drivers) else f"with {', '.join(drivers)} "
    return f"{who}on {', '.join(devices)}"


SILENT = "the kernel was not silent: lines of console.log"


class Verdict:
    """Everything that the reports show of a run."""

    def __init__(self, options):
        """Of the arguments of the subcommand."""
        folder = self.folder = options.dir
        self.options = options
        self.guests = [folder / str(i + 1) for i in range(options.guests)] or [folder]
        self.results = cells.load_all([guest / "cells.jsonl" for guest in self.guests])
        self.reports: list[console.Line] = []
        for guest in self.guests:
            found = console.reports(console.read(guest / "console.log"))
            self.reports += [dataclasses.replace(r, file=f"{guest.name}/console.log:" if options.guests else "")
                             for r in found]
        self.drivers = list(dict.fromkeys(options.drivers + [c.driver for c in self.results.cells]))
        short = {d: d.removesuffix("-vfio-pci") for d in self.drivers}
        self.names = short if len(set(short.values())) == len(short) else dict(zip(short, short))
        self.notes: list[str] = []
        self.failures: list[Failure] = []
        self.rows = [self.row(path) for path in self.results.shown_paths()]
        self.judge_cells()
        self.judge_drivers()
        self.judge_run()

    def facts(self) -> str:
        """What was tried, on what, in which time."""
        devices = len({(c.driver, c.device, c.bdf) for c in self.results.cells})
        seconds = f"{self.options.seconds} s" if self.options.seconds is not None else ""
        return ", ".join(filter(None, [f"Linux {self.results.kernel or 'unknown'}", f"{devices} device{'s' * (devices != 1)}",
                                       self.options.label, seconds]))

    def at(self, driver: str, path: str) -> list[Cell]:
        return [c for c in self.results.cells if (c.driver, c.path) == (driver, path)]

    # --- the table

    def row(self, path: Word) -> Row:
        marks = []
        for driver in self.drivers:
            found = self.at(driver, path.name)
            able = [c for c in found if c.status != "skip"]
            wrong = any(findings(c) for c in able)
            marks.append(Mark("FAIL" if wrong else "ok" if able else "-", found))
        return Row(path, marks, [self.note(text) for text in self.reasons(marks)])

    def note(self, text: str) -> int:
        if text not in self.notes:
            self.notes.append(text)
        return self.notes.index(text)

    def reasons(self, marks: list[Mark]) -> list[str]:
        """Why cells of a row are empty, each reason once."""
        everything = [c for m in marks for c in m.cells]
        out = [f"not {where(some, everything)}: {why}" for why, some in
               group((c.why, c) for c in everything if c.status == "skip").items()]
        if any(k.name == "order" and k.status == "skip" for c in everything for k in c.checks):
            out.append("order and importers not judged: the kernel has not the tracepoints of core-patch/ (its part B)")
        active = {c.driver for c in self.results.cells}
        idle = [self.names[d] for d, m in zip(self.drivers, marks) if d in active and not m.cells]
        if idle:
            out.append(f"not tried with {', '.join(idle)}" if len(idle) < len(active) else "not tried in this run")
        return out

    # --- what is wrong

    def judge_cells(self) -> None:
        for row in self.rows:
            for driver, mark in zip(self.drivers, row.marks):
                for rule, found in group(f for c in mark.cells for f in findings(c)).items():
                    self.failures.append(Failure(driver, row.path.title, row.path.name, rule, found))

    def judge_drivers(self) -> None:
        notes = self.results.notes
        for note in notes:
            if note.status == "fail":
                title = "cannot be tried" if note.driver else "the results"
                self.failures.append(Failure(note.driver, title, findings=[Finding(note.device, "", note.why)]))
        for driver in self.drivers:
            if not any(x.driver == driver for x in self.results.cells + notes):
                self.whole(driver, "was tried on no device, and nothing says why")
        if self.options.all_paths and "vfio-pci" in self.drivers:
            for row in self.rows:
                mark = row.marks[self.drivers.index("vfio-pci")]
                later = self.options.later and any(c.why == self.options.later for c in mark.cells)
                if mark.status == "-" and not row.path.named_only and not later:
                    self.whole("vfio-pci", f"{row.path.title} was tried on no device")

    def judge_run(self) -> None:
        known = {p.name for p in self.results.paths}
        for path in dict.fromkeys(c.path for c in self.results.cells if c.path not in known):
            self.whole("", f"cells of the path {path}, which the vocabulary does not have")
        if not self.results.ended:
            self.whole("", "the conformance program did not come to its end"
                       f"{', it was at ' + self.results.at if self.results.at else ''}")
        if not all((guest / "console.log").is_file() for guest in self.guests):
            self.whole("", "there is no console.log: nobody knows if the kernel was silent")
        if self.reports:
            rules = ", ".join(dict.fromkeys(r.broken for r in self.reports if r.broken))
            self.failures.append(Failure("", SILENT, rule=rules,
                                         findings=[Finding("", "", str(r)) for r in self.reports]))

    def together(self) -> list[list[Failure]]:
        """The failures; those of one driver are together that differ in their paths only,
        or in how often something happened."""
        def key(f: Failure):
            return f.driver, f.rule, f.path != "" or f.title, *((x.device, re.sub(r"^\d+ ", "", x.text))
                                                               for x in f.findings)
        return list(group((key(f), f) for f in self.failures).values())

    def whole(self, driver: str, text: str) -> None:
        self.failures.append(Failure(driver, "the run", findings=[Finding("", "", text)]))

    def not_tried(self) -> list[str]:
        """What was not tried, and why, the drivers together of which it is the same."""
        devices = group(((n.driver, n.why), n.device) for n in self.results.notes if n.status == "skip")
        drivers = group((f"skipped on {', '.join(names)}: {why}", driver)
                        for (driver, why), names in devices.items())
        return [f"{', '.join(names)}: {text}" for text, names in drivers.items()]

    # --- counts, and what other programs read

    def counts(self) -> tuple[int, int, int]:
        """Cells that passed, cells and other things that failed, skipped ones: a
        driver that was tried on no device is one."""
        able = [c for c in self.results.cells if c.status != "skip"]
        wrong = sum(1 for c in able if findings(c))
        others = sum(1 for f in self.failures if not f.path)
        idle = {n.driver for n in self.results.notes if n.status == "skip"} - {c.driver for c in self.results.cells}
        return len(able) - wrong, wrong + others, len(self.results.cells) - len(able) + len(idle)

    def again(self, driver: str) -> str:
        """The command that tries this driver again."""
        if self.options.host:
            return f"make verify-host BDF={next((c.bdf for c in self.results.cells), '')} V=1"
        variant = os.environ.get("VARIANT") or driver.removesuffix("-vfio-pci")
        settings = [f"VARIANT={variant}"] if driver not in ("", "vfio-pci") else []
        settings += [f"{name}={os.environ[name]}" for name in ("DEVICE", "BASE") if os.environ.get(name)]
        return " ".join(["make verify", *settings, "V=1"])

    def as_json(self) -> dict:
        passed, failed, skipped = self.counts()
        return {
            "kit": kit.VERSION,
            "kernel": self.results.kernel,
            "passed": passed, "failed": failed, "skipped": skipped,
            "failures": [dataclasses.asdict(f) for f in self.failures],
            "console": [str(r) for r in self.reports],
            "results": dataclasses.asdict(self.results),
        }


def suites(v: Verdict) -> list[junit.Suite]:
    """The same for JUnit: a suite a driver, a case a cell."""
    out = []
    for driver in v.drivers:
        suite = junit.Suite(driver)
        for cell in (c for c in v.results.cells if c.driver == driver):
            wrong = findings(cell)
            text = "; ".join(f"{rule}: {f.text}" if rule else f.text for rule, f in wrong)
            status = "fail" if wrong else "skip" if cell.status == "skip" else "ok"
            suite.cases.append(junit.Case(f"{cell.device}: {cell.title}", status, text or cell.why))
            suite.seconds += cell.ms / 1000
        out.append(suite)
    others = [junit.Case(f"{f.driver}: {f.title}" if f.driver else f.title, "fail", "; ".join(f.grouped()))
              for f in v.failures if not f.path]
    others += [junit.Case(f"{n.driver} on {n.device}", "skip", n.why) for n in v.results.notes if n.status == "skip"]
    return [*out, junit.Suite("the run", others)]
