# SPDX-License-Identifier: GPL-2.0-only
# Copyright (C) 2026 The VFIO variant-driver kit authors
"""Print the verdict of a run of the conformance program on a terminal."""

import os

from table import WIDTH, columns, counts, paint, wrap
from verify import SILENT, Failure, Row, Verdict, group, where, worst


def note_marks(row: Row) -> str:
    return "".join(f"({n + 1})" for n in row.notes)


def table(v: Verdict) -> list[str]:
    """A row a path, a column a driver; several tables where they are too wide."""
    title = max([len(r.path.title) for r in v.rows] + [20])
    space = WIDTH - 2 - title - 2 - max([len(note_marks(r)) for r in v.rows] + [0])
    names = [v.names[d] for d in v.drivers]
    lines, first = [], 0
    while first < len(names):
        last, used = first, 0
        while last < len(names) and (last == first or used + max(len(names[last]), 4) + 2 <= space):
            used += max(len(names[last]), 4) + 2
            last += 1
        rows = [["", *names[first:last], ""]]
        rows += [[r.path.title.ljust(title), *(m.status for m in r.marks[first:last]), note_marks(r)]
                 for r in v.rows]
        lines += ["", *columns(rows, indent="  ")]
        first = last
    return lines


def failure(v: Verdict, some: list[Failure], page: str) -> list[str]:
    """One failure, or several that differ in their paths only. The command that repeats
    them comes after the last of a driver."""
    f, titles = some[0], "; ".join(f.title for f in some)
    title = f.title if len(some) == 1 else f"{len(some)} paths"
    head = f"{v.names.get(f.driver, f.driver)}: {title}" if f.driver else title
    rule = f"rule {f.rule}" if f.rule else ""
    line = paint("FAIL") + "  " + (head.ljust(WIDTH - 7 - len(rule)) + " " + rule).rstrip()
    devices = {text: ", ".join(x.device for x in found) for text, found in f.grouped().items()}
    width = max((len(d) for d in devices.values() if len(d) <= 20), default=0)
    lines = ["", line, *(wrap(titles, " " * 6) if len(some) > 1 else [])]
    for text, names in devices.items():
        if len(names) > width:
            lines += wrap(names, " " * 6)
            names = ""
        lines += wrap(text, " " * 6 + (names.ljust(width) + "  " if width else ""))
    if f.path:
        lines.append(f"      page: {page}#{f.path}")
        if some[-1] is [x for x in v.failures if x.driver == f.driver and x.path][-1]:
            lines.append(f"      again: {v.again(f.driver)}")
    elif f.title == SILENT:
        lines[2:] = [" " * 6 + text[:200] for r in v.reports for text in (str(r), *r.after)]
    return lines


def details(v: Verdict) -> list[str]:
    """A line a device, with a word for each check, and why words are missing."""
    lines = []
    for row in v.rows:
        names = [c.name for c in row.checks(v.results.checks)]
        cells = [c for m in row.marks for c in m.cells]
        shown = [c for c in cells if c.status != "skip"]
        missing = group(((name, c.check(name)[0].text if c.check(name) else "not looked at on this path"), c)
                        for name in names for c in shown if c.checks and worst(c.check(name)) == "-")
        empty = group((f"{where(some, shown)}: {why}", name) for (name, why), some in missing.items())
        rows = [["", "", *names]]
        for cell in shown:
            words = [worst(cell.check(name)) for name in names]
            rows.append([v.names[cell.driver], cell.device, *(words if cell.checks else ["FAIL", *words[1:]])])
        lines += ["", row.path.title, *(columns(rows, indent="  ") if shown else [])]
        for why, checks in empty.items():
            lines += wrap(f"{', '.join(checks)} {why}", "  - ")
        for n in row.notes:
            lines += wrap(v.notes[n], "  - ")
    return lines


def report(v: Verdict, verbose: bool) -> str:
    page = min(os.path.relpath(v.folder / "index.html"), str(v.folder / "index.html"), key=len)
    r = v.results
    lines = [paint("VFIO BAR revocation", "bold") + "   " + v.facts()]
    if v.rows:
        lines += table(v)
    if verbose:
        lines += details(v)
    for some in v.together():
        lines += failure(v, some, page)
    lines.append("")
    for number, text in enumerate(v.notes, 1):
        lines += wrap(text, f"({number}) ")
    for text in v.not_tried():
        lines += wrap(text, "- ")
    guest = "" if None in (r.up, r.off) else f"guest: up after {r.up:.1f} s, off after {r.off:.1f} s; "
    lines.append(f"{guest}page: {page}")
    lines.append(counts(*v.counts()))
    return "\n".join(lines)
