# SPDX-License-Identifier: GPL-2.0-only
# Copyright (C) 2026 The VFIO variant-driver kit authors
"""Show the results: tables for the terminal, and a page with each survivor's diff."""

from html import escape

from results import Equivalent, Result, finders, is_open, reason_of, score, table

HEAD = """<!DOCTYPE html>
<html lang="en"><head><meta charset="utf-8"><title>Mutants</title>
<meta name="viewport" content="width=device-width">
<style>
:root { color-scheme: light dark; }
body { font: 15px/1.5 sans-serif; max-width: 60rem; margin: 2rem auto; padding: 0 1rem; }
table { border-collapse: collapse; } td, th { padding: .2rem .8rem .2rem 0; text-align: left; }
td.n { text-align: right; } pre { overflow-x: auto; padding: .6rem; border: 1px solid #8886; }
.minus { color: #c33; } .plus { color: #2a2; }
</style></head><body>
"""


def text_table(results: list[Result], known: list[Equivalent], key: str) -> str:
    rows = [(name.rsplit("drivers/vfio/pci/")[-1], s) for name, s in table(results, known, key)]
    width = max((len(name) for name, _ in rows), default=4)
    lines = [f"{key:{width}}  found  in guest  survived  equivalent  no mutants"]
    lines += [f"{name:{width}}  {s.found:5}  {s.in_guest:8}  {s.survived:8}  {s.equivalent:10}  {s.no_mutants:10}"
              for name, s in rows]
    return "\n".join(lines)


def survivors(results: list[Result], known: list[Equivalent]) -> list[Result]:
    return [r for r in results if is_open(r, known)]


def summary(results: list[Result], known: list[Equivalent]) -> str:
    parts = [text_table(results, known, "path"), text_table(results, known, "kind")]
    parts += ["\n".join(f"{r.path}:{r.line}: {r.function}: {r.kind} ({r.by})\n{r.diff}"
                        for r in survivors(results, known))]
    parts += [f"{who}: found {number}" for who, number in finders(results).items()]
    return "\n\n".join(part for part in parts if part) + f"\n\n{score(results, known)}"


def diff_html(diff: str) -> str:
    names = {"-": "minus", "+": "plus"}
    return "\n".join(f'<span class="{names.get(line[:1], "")}">{escape(line)}</span>'
                     for line in diff.splitlines())


def entry(result: Result, words: str) -> str:
    return (f"<h3>{escape(result.path)}:{result.line}, {escape(result.function)}</h3>\n"
            f"<p>{escape(result.kind)}; {escape(words)}</p>\n<pre>{diff_html(result.diff)}</pre>\n")


def html_table(results: list[Result], known: list[Equivalent], key: str) -> str:
    rows = "".join(f"<tr><td>{escape(name)}</td><td class=n>{s.found}</td><td class=n>{s.in_guest}</td><td class=n>{s.survived}</td>"
                   f"<td class=n>{s.equivalent}</td><td class=n>{s.no_mutants}</td></tr>\n"
                   for name, s in table(results, known, key))
    return (f"<table><tr><th>{key}</th><th>found</th><th>in guest</th><th>survived</th><th>equivalent</th>"
            f"<th>no mutants</th></tr>\n{rows}</table>\n")


def html(results: list[Result], known: list[Equivalent], title: str) -> str:
    alive = survivors(results, known)
    same = [(r, reason) for r in results if r.verdict == "survived" and (reason := reason_of(r, known))]
    return "".join([
        HEAD, f"<h1>Mutants</h1>\n<p>{escape(title)}</p>\n<p>{escape(str(score(results, known)))}</p>\n",
        html_table(results, known, "path"), "<p></p>\n", html_table(results, known, "kind"),
        f"<h2>Survivors ({len(alive)})</h2>\n", *(entry(r, f"ran on {r.by}") for r in alive),
        f"<h2>Equivalent ({len(same)})</h2>\n", *(entry(r, reason) for r, reason in same),
        "</body></html>\n"])
