# SPDX-License-Identifier: GPL-2.0-only
# Copyright (C) 2026 The VFIO variant-driver kit authors
"""Write the verdict of a run of the conformance program as one HTML page."""

from pathlib import Path

import kit
import timeline
from cells import Cell, Word
from story import BadTimeline
from timeline import esc
from verify import Failure, Row, Verdict, worst

STYLE = Path(__file__).with_name("page.css")
SIGNS = {"ok": "✓", "FAIL": "✗", "-": "–"}
KEY = (("--tl-goodline, #2d7d46", "user access works"), ("--tl-waitline, #9a6700", "a fault waits"),
       ("--tl-badline, #c4321b", "an access gets SIGBUS"), ("--tl-lock, #0969da", "memory_lock held for write"),
       ("--tl-dim, #57606a", "BARs do not answer"))


def mark(status: str, text: str = "") -> str:
    kind = "skip" if status == "-" else status
    return f'<span class="{kind}">{SIGNS[status]}{" " + status if status != "-" else ""}</span>' + \
        (f"<small>{esc(text)}</small>" if text else "")


def table(head: list[str], rows: list[tuple[str, list[str]]]) -> str:
    """Rows of (class, cells), the first cell of each the row's head; cells are HTML. The
    last cell of a row that is too short has the rest of it."""
    out = ['<div class="scroll"><table><thead><tr>', *(f"<th>{h}</th>" for h in head), "</tr></thead><tbody>"]
    for kind, cells in rows:
        rest = f' colspan="{len(head) - len(cells) + 1}"'
        out += [f'<tr class="{kind}"><th>{cells[0]}</th>', *(f"<td>{c}</td>" for c in cells[1:-1]),
                f"<td{rest}>{cells[-1]}</td></tr>"]
    return "".join(out) + "</tbody></table></div>"


def failure(v: Verdict, some: list[Failure]) -> str:
    f = some[0]
    head = ", ".join(f'<a href="#{x.path}">{esc(x.title)}</a>' if x.path else esc(x.title) for x in some)
    head = (f"{esc(f.driver)}: " if f.driver else "") + head
    if f.rule:
        head += f' <span class="dim">rule {esc(f.rule)}</span>'
    out = [f'<div class="failure"><h3>{head}</h3><dl>']
    for text, found in f.grouped().items():
        devices = ", ".join(x.device for x in found if x.device)
        words = f'{found[0].check}: {text}' if found[0].check else text
        out.append(f"<dt>{esc(devices)}</dt><dd>{esc(words)}</dd>")
    out.append("</dl>")
    if f.path:
        out.append(f"<p>again: <code>{esc(v.again(f.driver))}</code></p>")
    return "".join(out) + "</div>"


def overview(v: Verdict) -> str:
    rows = []
    for row in v.rows:
        marks = [f'<a href="#{row.path.name}">{mark(m.status)}</a>' for m in row.marks]
        notes = f'<span class="dim">{"".join(f"({n + 1})" for n in row.notes)}</span>'
        rows.append(("" if any(m.status == "FAIL" for m in row.marks) else "good",
                     [esc(row.path.title), *marks, notes]))
    return table(["path", *map(esc, v.drivers), ""], rows)


def device_row(words: list[Word], cell: Cell) -> tuple[str, list[str]]:
    """The checks of one device, with the reason in each that is empty."""
    head = [esc(cell.driver), f"{esc(cell.device)}<small>{esc(cell.bdf)}</small>"]
    if not cell.checks:
        return "good" if cell.status == "skip" else "", \
            [*head, mark("-" if cell.status == "skip" else "FAIL", cell.why)]
    out = []
    for word in words:
        checks = cell.check(word.name)
        status = worst(checks)
        text = "; ".join(c.text for c in checks if worst([c]) == status) if checks else "not looked at on this path"
        out.append(mark(status, text if status != "ok" else ""))
    return "good" if cell.status == "ok" else "", head + out


def details(cell: Cell, number: int) -> str:
    """The timeline of one device, and what each check says."""
    good = cell.status == "ok"
    out = [f'<details class="{"good" if good else ""}"{"" if good else " open"}><summary>'
           f'{mark("ok" if good else "FAIL")} {esc(cell.driver)} on {esc(cell.device)} '
           f'<span class="dim">{esc(cell.bdf)}, {cell.ms:.0f} ms</span></summary><div>']
    if cell.why:
        out.append(f'<p class="FAIL">{esc(cell.why)}</p>')
    if cell.events:
        try:
            out.append(f'<div class="scroll">{timeline.draw(cell, number)}</div>')
        except BadTimeline as e:
            out.append(f'<p class="dim">no timeline: {esc(e)}</p>')
    out.append("<ul>")
    for c in cell.checks:
        out.append(f"<li>{mark(worst([c]))} {esc(c.name)}: {esc(c.text)} <span class=\"dim\">{esc(c.rule)}</span></li>")
    return "".join(out) + "</ul></div></details>"


def section(v: Verdict, row: Row, number: int) -> str:
    cells = [c for m in row.marks for c in m.cells]
    if not cells:
        return ""
    bad = any(m.status == "FAIL" for m in row.marks)
    words = row.checks(v.results.checks)
    heads = [f'<span title="{esc(w.title)}">{esc(w.name)}</span>' for w in words]
    out = [f'<section id="{row.path.name}" class="{"" if bad else "good"}"><h2>{esc(row.path.title)}</h2>',
           table(["driver", "device", *heads], [device_row(words, c) for c in cells])]
    out += [details(c, number + i) for i, c in enumerate(cells) if c.status != "skip"]
    return "".join(out) + "</section>"


def page(v: Verdict) -> str:
    passed, failed, skipped = v.counts()
    verdict = f'<span class="FAIL">✗ {failed} failed</span>' if failed else '<span class="ok">✓ ok</span>'
    css = STYLE.read_text(encoding="utf-8") + timeline.STYLE.read_text(encoding="utf-8")
    out = ['<!DOCTYPE html><html lang="en"><head><meta charset="utf-8">'
           '<meta name="viewport" content="width=device-width, initial-scale=1">'
           f"<title>VFIO BAR revocation: {'FAIL' if failed else 'ok'}</title><style>{css}</style></head><body>"
           f'<h1>VFIO BAR revocation</h1><div class="dim">{esc(v.facts())}</div>'
           f'<div class="dim">{esc(kit.TITLE)}</div>'
           f'<div class="verdict">{verdict}, {passed} passed, {skipped} skipped</div>']
    out += [failure(v, some) for some in v.together()]
    if v.reports:
        lines = [esc(line) for r in v.reports for line in (str(r), *r.after)]
        out.append("<h2>The kernel's console</h2><pre>" + "\n".join(lines) + "</pre>")
    out += ['<input type="checkbox" id="only"> <label for="only">only failures</label><main>', overview(v)]
    notes = [f"({n}) {text}" for n, text in enumerate(v.notes, 1)] + v.not_tried()
    out += [f'<div class="dim good">{esc(text)}</div>' for text in notes]
    colours = "".join(f'<span style="background:var({c})"></span>{words}' for c, words in KEY)
    out.append('<h2 class="good">Every path, device by device</h2><p class="key dim good">A bar on a line of a '
               f"timeline:{colours}. Times in milliseconds after the request; rows are not to scale.</p>")
    number = 0
    for row in v.rows:
        out.append(section(v, row, number))
        number += sum(len(m.cells) for m in row.marks)
    return "".join(out) + "</main></body></html>\n"
