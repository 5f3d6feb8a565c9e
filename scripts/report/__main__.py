# SPDX-License-Identifier: GPL-2.0-only
# Copyright (C) 2026 The VFIO variant-driver kit authors
"""Report results: of the guests, of the benchmark, of a kernel's console.

usage: python3 scripts/report SUBCOMMAND ... (--help for each of them)
"""

import argparse
import json
import sys
from pathlib import Path

import bench
import console
import junit
import page
import progress
import rules
import self_test
import selftests
import story
import table
import timeline
import verify
import verify_text


def run_verify(args) -> int:
    verdict = verify.Verdict(args)
    (args.dir / "results.json").write_text(json.dumps(verdict.as_json(), indent=1) + "\n", encoding="utf-8")
    (args.dir / "results.xml").write_text(junit.to_xml(verify.suites(verdict)), encoding="utf-8")
    (args.dir / "index.html").write_text(page.page(verdict), encoding="utf-8")
    print(verify_text.report(verdict, args.verbose))
    return 1 if verdict.failures else 0


def run_first(args) -> int:
    """Of the drivers that are tried: vfio-pci is there to compare."""
    results = json.loads((args.dir / "results.json").read_text(encoding="utf-8"))
    for failure in results["failures"]:
        if failure["driver"] != "vfio-pci":
            print(failure["rule"] or "-", "; ".join(f["text"] for f in failure["findings"]))
            return 0
    return 1


def run_console(args) -> int:
    lines = args.file.read_text(encoding="utf-8", errors="replace").splitlines()
    found = console.reports(lines, lambda _: args.suite)
    for report in found:
        print(f"{report} (known: {report.known})" if report.known else report)
    return 1 if any(not r.known for r in found) else 0


def run_classnames(args) -> int:
    junit.add_classnames(args.file)
    return 0


def run_timeline(args) -> int:
    if args.record:
        return timeline.record(args.file, args.record)
    try:
        svg = timeline.draw(json.loads(args.file.read_text(encoding="utf-8")))
    except (story.BadTimeline, ValueError, KeyError, TypeError) as e:
        table.die(f"{args.file}: not a timeline: {e!r}")
    print(svg, end="")
    return 0


def add_guests(command) -> None:
    """What reads the results of guests."""
    sub = command("verify", run_verify, "print and write the verdict of a run of the conformance program")
    sub.add_argument("dir", type=Path, metavar="DIR", help="folder with cells.jsonl and console.log")
    sub.add_argument("--guests", type=int, default=0, metavar="N", help="these files are of N guests, in the folders 1 to N of DIR")
    sub.add_argument("--drivers", type=str.split, default=[], help="drivers that have to be in it, in the order of the table")
    sub.add_argument("--host", action="store_true", help="of a real device: its reasons, not QEMU's")
    sub.add_argument("--all-paths", action="store_true", help="fail if plain vfio-pci could not take some path")
    sub.add_argument("--later", default="", metavar="WHY", help="but for paths that were left out for this reason")
    sub.add_argument("--seconds", type=int, metavar="N", help="how long the whole command took")
    sub.add_argument("--label", default="", help="one more word for the title, as the accelerator's name")
    sub.add_argument("--verbose", action="store_true", help="a line for each device")

    sub = command("first", run_first, "print rule and words of the first failure of a verdict; status 1 if there is none")
    sub.add_argument("dir", type=Path, metavar="DIR", help="folder with results.json")

    sub = command("progress", lambda a: progress.follow(a.dir, a.limit), "say where a running guest is")
    sub.add_argument("dir", type=Path, metavar="DIR", help="folder with cells.jsonl")
    sub.add_argument("--limit", type=int, required=True, metavar="S", help="seconds, at most")

    sub = command("selftests", selftests.run, "print what the test programs in guests said")
    sub.add_argument("dirs", type=Path, nargs="+", metavar="DIR", help="folder with results.ktap and console.log")
    sub.add_argument("--compare", action="store_true", help="all DIRs against the first, test by test")
    sub.add_argument("--merge", action="store_true", help="all DIRs are parts of one run")
    sub.add_argument("--expect", type=Path, metavar="FILE", help="the failures that there have to be")
    sub.add_argument("--junit", type=Path, metavar="FILE", help="write JUnit XML")
    sub.add_argument("--seconds", type=int, metavar="N", help="how long it all took")

    sub = command("console", run_console, "print the reports of bugs in a kernel's console; status 1 if there are any")
    sub.add_argument("file", type=Path, metavar="FILE")
    sub.add_argument("--suite", default="", help="the suite that ran, for reports that are known")

    sub = command("classnames", run_classnames, "complete the JUnit file of kunit.py: the suite of each case")
    sub.add_argument("file", type=Path, metavar="FILE")

    sub = command("rules", rules.run, "print the rules of the KUnit cases that failed")
    sub.add_argument("--right", type=Path, metavar="KTAP", help="print what differs from this run instead")
    sub.add_argument("--rule", default="", help="with --right: the rule that was broken since")
    sub.add_argument("ktap", type=Path, metavar="KTAP", help="the console of a KUnit run")
    sub.add_argument("folders", type=Path, nargs="+", metavar="FOLDER", help="folder with the cases")


def add_others(command) -> None:
    sub = command("timeline", run_timeline, "draw a timeline as SVG")
    sub.add_argument("file", type=Path, metavar="FILE", help="a timeline; with --record, cells.jsonl")
    sub.add_argument("--record", type=Path, metavar="DIR", help="copy a cell of each path to DIR, for the manual")

    sub = command("bench", bench.run, "judge what make bench has measured, and make tables of it")
    sub.add_argument("dir", type=Path, metavar="DIR", help="folder with bench.csv")
    sub.add_argument("--drivers", type=str.split, help="make bench.csv first, of run/KERNEL-DRIVER/cells.jsonl")
    sub.add_argument("--verbose", action="store_true", help="all figures, not only the targets")

    sub = command("contention", bench.contention, "print and write what make bench-contention has measured")
    sub.add_argument("dir", type=Path, metavar="DIR", help="folder with run/KERNEL-ROUND/cells.jsonl")
    sub.add_argument("--rounds", type=int, required=True, metavar="N")

    sub = command("self-test", self_test.run, "test these reports with results that are made up")
    sub.add_argument("--accept", action="store_true", help="take what they print now for right")


def main() -> int:
    parser = argparse.ArgumentParser(prog="python3 scripts/report", description=__doc__.splitlines()[0])
    commands = parser.add_subparsers(required=True, metavar="SUBCOMMAND")

    def command(name: str, run, text: str) -> argparse.ArgumentParser:
        sub = commands.add_parser(name, help=text, description=text)
        sub.set_defaults(run=run)
        return sub

    add_guests(command)
    add_others(command)
    args = parser.parse_args()
    try:
        return args.run(args)
    except OSError as e:
        table.die(f"{e.filename or 'output'}: {e.strerror}")


if __name__ == "__main__":
    sys.exit(main())
