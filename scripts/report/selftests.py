# SPDX-License-Identifier: GPL-2.0-only
# Copyright (C) 2026 The VFIO variant-driver kit authors
"""Report what the test programs in one or several guests said: a table of
programs and drivers, why tests were skipped, and what has failed."""

import re
from collections import Counter
from dataclasses import dataclass, field, replace
from pathlib import Path

import console
import junit
import ktap
from junit import Case
from ktap import Program
from table import columns, counts, die, paint, wrap

MARK = re.compile(r"kit: (begin|end) (.*?)\s*$")
PLAIN = "vfio-pci"


@dataclass
class Run:
    """What one guest did, or several that are parts of one run."""
    label: str
    programs: list[Program] = field(default_factory=list)
    failed_binds: list[Case] = field(default_factory=list)
    reports: list[str] = field(default_factory=list)    # of the kernel
    known: list[str] = field(default_factory=list)      # ... that do not count
    off: bool = True
    heard: bool = True      # there is a console

    def add(self, folder: Path) -> None:
        guest = ktap.read(folder / "results.ktap")
        self.programs += guest.programs
        self.failed_binds += [b for b in guest.binds if b.status == "fail"]
        self.off &= guest.off
        self.heard &= (folder / "console.log").is_file()
        self.judge_console(folder / "console.log", {p.name: p for p in guest.programs})

    def judge_console(self, path: Path, programs: dict[str, Program]) -> None:
        """A report of the kernel is a failure of the program that ran."""
        lines, running, now = console.read(path), {}, None
        for number, line in enumerate(lines, 1):
            # What a program, such as the soak, runs by itself is a part of it.
            if (mark := MARK.search(line)) and (program := programs.get(" ".join(mark[2].split()))):
                now = program if mark[1] == "begin" else None
            running[number] = now
        for report in console.reports(lines, lambda n: running[n].suite if running[n] else ""):
            program = running[report.number]
            if report.known:
                self.known.append(f"{program.name}: {report.known}")
                continue
            text = f"{path}:{report}"[:300]
            self.reports.append(text)
            if program and not any(t.name == "the kernel is silent" for t in program.cases):
                program.cases.append(Case("the kernel is silent", "fail", text))

    def failures(self) -> list[tuple[Program, Case]]:
        return [(p, t) for p in self.programs for t in p.cases if t.status == "fail"]

    def others(self) -> list[str]:
        """What is wrong and no program's failure."""
        out = [f"{b.name}: {b.why}" for b in self.failed_binds]
        if self.reports:
            out.append(f"the kernel was not silent: {len(self.reports)} lines")
        if not self.heard:
            out.append("there is no console.log: nobody knows if the kernel was silent")
        return out + ([] if self.off else ["a guest did not come to the end of its plan"])


# --- tables

def cell(programs: list[Program]) -> str:
    if not programs:
        return "-"
    n = {s: sum(p.count(s) for p in programs) for s in ("ok", "fail", "skip")}
    words = [f"{n['fail']} FAIL"] if n["fail"] else []
    words += [f"{n['ok']} ok"] + ([f"{n['skip']} skip"] if n["skip"] else [])
    return f"{' '.join(words)} ({sum(p.seconds for p in programs):.0f} s)"


def table(runs: list[Run]) -> list[str]:
    """A row a program, a column a driver of a run; vfio-pci first. Three columns
    fit side by side."""
    heads = list(dict.fromkeys((i, p.driver) for i, run in enumerate(runs) for p in run.programs))
    heads.sort(key=lambda h: (h[0], h[1] != PLAIN))
    suites = list(dict.fromkeys(p.suite for run in runs for p in run.programs))
    lines = []
    for first in range(0, len(heads), 3):
        part = heads[first:first + 3]
        rows = [["test program", *((f"{runs[i].label}: " if len(runs) > 1 else "") + (driver or "(no driver)")
                                   for i, driver in part)]]
        for suite in suites:
            found = [[p for p in runs[i].programs if (p.suite, p.driver) == (suite, driver)]
                     for i, driver in part]
            if any(found):
                rows.append([suite, *map(cell, found)])
        lines += ["", *columns(rows)]
    return lines


def section(title: str, lines: list[str]) -> list[str]:
    return ["", title, *(x for line in lines for x in wrap(line, "  ", "    "))] if lines else []


def details(run: Run, prefix: str, comparing: bool) -> list[str]:
    """Skips with their reasons, known reports and failures, the failures last. In a
    comparison a failure is only that if the other kernel has none."""
    skips = Counter((p.suite, t.why or "no reason given")
                    for p in run.programs for t in p.cases if t.status == "skip")
    lines = section(prefix + "skipped, and why:",
                    [f"{suite}: {n} x {why}" for (suite, why), n in skips.items()])
    lines += section(prefix + "known of Linux itself, and not counted:", list(dict.fromkeys(run.known)))
    lines += section(prefix + "in the kernel's console:", run.reports)
    if comparing:
        lines += section(prefix + "did not pass:", [f"{p.name}: {t.name}: {t.why}" for p, t in run.failures()])
    for program, test in [] if comparing else run.failures():
        lines += ["", f"{paint('FAIL')}  {prefix}{program.name}: {test.name}"]
        lines += wrap(test.why, " " * 6)
    for text in run.others():
        lines += ["", f"{paint('FAIL')}  {prefix}{text}"]
    return lines


# --- one kernel against another

def compare(runs: list[Run]) -> tuple[list[str], list[str]]:
    """Test by test against vfio-pci of the first run: what differs, and what does
    with a reason: a variant that hides or changes something skips tests."""
    base = {p.suite: {t.name: t for t in p.cases} for p in runs[0].programs}
    differ, explained = [], []
    for run in runs[1:]:
        for p in run.programs:
            if p.suite not in base:
                differ.append(f"{p.name}: did not run on {runs[0].label}")
                continue
            want, got = base[p.suite], {t.name: t for t in p.cases}
            for name in dict.fromkeys([*want, *got]):
                a = want.get(name, Case(name, "absent"))
                b = got.get(name, Case(name, "absent"))
                if a.status == b.status or (b.status == "absent" and p.driver != PLAIN):
                    continue
                text = f"{p.name}: {name}: {a.status} on {runs[0].label}, {b.status} on {run.label}: {b.why or a.why}"
                (explained if b.status == "skip" and b.why and p.driver != PLAIN else differ).append(text)
        plain = {p.suite for p in run.programs if p.driver in (PLAIN, "")}
        differ += [f"{suite}: did not run on {run.label}" for suite in base if suite not in plain]
    return differ, explained


# --- failures that have to come

def expected(path: Path, run: Run) -> tuple[list[str], int, int]:
    """Has each failure of the file come, in the words that it is expected in? A
    line has rule, driver, suite, end of the test's name and words, between tabs."""
    rows, missing = [["rule", "what is wrong", "found by", "in the words"]], 0
    wanted = [line.split("\t") for line in path.read_text(encoding="utf-8").splitlines() if line.strip()]
    for rule, driver, suite, test, words in wanted:
        failed = [(p, [t for t in p.cases if t.status == "fail" and t.name.endswith(test)])
                  for p in run.programs if (p.driver, p.suite) == (driver, suite)]
        found = next((line.lstrip("# ").strip() for p, cases in failed if cases
                      for line in [*p.lines, *(t.why for t in cases)] if re.search(words, line)), "")
        missing += not found
        rows.append([rule, driver or "-", f"{suite}: {test}",
                     re.sub(r"^\S*(\.c:\d+:\w+|\.log:\d+):", "", found)[:90].strip() or "FAIL: not found"])
    return columns(rows), len(wanted) - missing, missing


# --- the command

def suites(runs: list[Run]) -> list[Program | junit.Suite]:
    out = []
    for run in runs:
        prefix = f"{run.label}: " if len(runs) > 1 else ""
        out += [replace(p, name=prefix + p.name) for p in run.programs]
        others = [Case(text, "fail", text) for text in run.others()]
        out.append(junit.Suite(prefix + "the run", others))
    return out


def report(runs: list[Run], comparing: bool, took: str) -> tuple[list[str], bool]:
    """All that is printed, and whether something is wrong. With a comparison, a
    failure that both kernels have is not one of the patch."""
    lines, bad = table(runs), sum(len(run.others()) for run in runs)
    for run in runs:
        lines += details(run, f"{run.label}: " if len(runs) > 1 else "", comparing)
    total = {s: sum(p.count(s) for run in runs for p in run.programs) for s in ("ok", "fail", "skip")}
    failed = total["fail"] + bad
    if comparing:
        differ, explained = compare(runs)
        lines += section("skipped with a variant only, and why:", explained)
        lines += section("different:", differ) or ["", "the same on both, test by test"]
        failed = bad + len(differ)
    lines += ["", paint("FAIL" if failed else "ok") + took, counts(total["ok"], failed, total["skip"])]
    return lines, bool(failed)


def run(args) -> int:
    runs = [Run(folder.resolve().name) for folder in (args.dirs[:1] if args.merge else args.dirs)]
    for i, folder in enumerate(args.dirs):
        runs[0 if args.merge else i].add(folder)
    if not any(r.programs for r in runs):
        die("no results in " + ", ".join(map(str, args.dirs)))
    if args.junit:
        args.junit.write_text(junit.to_xml(suites(runs)), encoding="utf-8")
    if args.expect:
        lines, found, missing = expected(args.expect, runs[0])
        lines += [] if runs[0].off else ["", "FAIL  a guest did not come to the end of its plan"]
        failed = missing + (not runs[0].off)
        print("\n".join([*lines, "", counts(found, failed, 0)]))
        return 1 if failed else 0
    took = f" in {args.seconds} s" if args.seconds is not None else ""
    lines, bad = report(runs, args.compare, took)
    print("\n".join(lines))
    return 1 if bad else 0
