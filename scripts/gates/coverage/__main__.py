# SPDX-License-Identifier: GPL-2.0-only
# Copyright (C) 2026 The VFIO variant-driver kit authors
"""Judge which lines of the core, as the series adds them, and of the variants have run.

Started by scripts/gates/check-coverage, with the data that gcovr has read."""

import argparse
import json
import re
import sys
from collections import defaultdict
from dataclasses import dataclass, field
from pathlib import Path

HERE = Path(__file__).parent
sys.path.append(str(HERE.parent.parent / "mutate"))
import scope  # noqa: E402  # it knows which lines the series adds

# The core. What the series changes in mm and iommufd is for the guest's tests, which
# have user space; a driver of the kernel's own has suites of its own.
CORE = re.compile(r"drivers/vfio/(pci/vfio_pci\w*|\w+)\.c|drivers/dma-buf/|arch/")
PIECE = re.compile(r"vpk-gcov (\S+\.gcda) (\d+) (\d+) ([0-9a-f]+)")
# What is not printed: kunit/last/coverage.c says so too.
TESTS = re.compile(r"_kunit\.\w+$|/variant-kit/kunit/")
FUNCTION = re.compile(r"^(?=[A-Za-z_])[^;{}=]*?\b(\w+)\(")


@dataclass
class Line:
    """What ran of a line, and of its branches, by architecture."""
    runs: dict[str, int] = field(default_factory=dict)
    branches: dict[str, list[bool]] = field(default_factory=dict)

    def was_run(self) -> bool:
        return any(self.runs.values())

    def taken(self) -> list[bool]:
        """Compilers see the same branches, or else the best of them counts."""
        lists = list(self.branches.values())
        if len({len(one) for one in lists}) > 1:
            return max(lists, key=lambda one: (sum(one) / len(one) if one else 0, len(one)))
        return [any(each) for each in zip(*lists)]


@dataclass
class Excuse:
    """A line that no suite runs, and why."""
    path: str
    function: str
    text: str
    block: int = 0
    reason: str = ""
    used: bool = False


def words(text: str) -> str:
    return " ".join(text.split())


def excuses(text: str) -> list[Excuse]:
    """Blocks: "FILE FUNCTION", the lines after "> ", and the reason, indented."""
    found: list[Excuse] = []
    block: list[Excuse] = []
    where: list[str] = []
    for number, line in enumerate(text.splitlines(), 1):
        if not line.strip() or line.startswith("#"):
            continue
        if line.startswith(">") and where:
            block.append(Excuse(*where, words(line[1:]), len(found)))
        elif line[0] == " " and block:
            for entry in block:
                entry.reason = words(f"{entry.reason} {line}")
        elif len(line.split()) == 2:
            found += block
            block, where = [], line.split()
        else:
            raise ValueError(f"line {number}: neither FILE FUNCTION, > a line, nor a reason")
    found += block
    bad = next((entry for entry in found if not entry.reason), None)
    if bad:
        raise ValueError(f"{bad.path} {bad.function}: no reason")
    return found


def floors(text: str) -> dict[str, int]:
    """Lines "FILE PERCENT": of the branches."""
    rows = (line.split() for line in text.splitlines() if line.strip() and not line.startswith("#"))
    return {path: int(percent) for path, percent in rows}


def place(file: str) -> str:
    """What gcovr names, as the tree does: it has the variants by their own path."""
    _, variants, name = file.rpartition("/variants/")
    return f"{scope.KIT}{variants}{name}" if variants else file


def data(reports: list[tuple[str, dict]]) -> dict[str, dict[int, Line]]:
    """The reports of gcovr, each of an architecture, put together by file and line."""
    found: dict[str, dict[int, Line]] = defaultdict(lambda: defaultdict(Line))
    for arch, report in reports:
        for entry in report["files"]:
            for row in entry["lines"]:
                if row.get("gcovr/noncode") or row.get("gcovr/excluded"):
                    continue
                line = found[place(entry["file"])][row["line_number"]]
                line.runs[arch] = line.runs.get(arch, 0) + row["count"]
                if row["branches"]:
                    line.branches[arch] = [branch["count"] > 0 for branch in row["branches"]]
    return found


def instrumented(note: Path) -> bool:
    """Is the object still built for gcov? A note of an earlier build stays there."""
    command = note.with_name(f".{note.stem}.o.cmd")
    return command.exists() and "-ftest-coverage" in command.read_text(encoding="utf-8")


def collect(console: Path, objects: Path) -> list[str]:
    """Write the data files that the guest has printed in pieces: name, length of the
    file, place in it, bytes. Which of them are missing, or not complete."""
    files: dict[Path, bytearray] = defaultdict(bytearray)
    lengths: dict[Path, int] = {}
    for stale in objects.rglob("*.gcda"):
        stale.unlink()
    for name, length, place, piece in PIECE.findall(console.read_text(encoding="utf-8", errors="replace")):
        if int(place) == len(files[Path(name)]):
            files[Path(name)] += bytes.fromhex(piece)
        lengths[Path(name)] = int(length)
    wanted = {note.with_suffix(".gcda") for note in objects.rglob("*.gcno")
              if not TESTS.search(str(note)) and instrumented(note)}
    for name, content in files.items():
        if name in wanted and len(content) == lengths[name]:
            name.write_bytes(content)
    return sorted(str(name.relative_to(objects)) for name in wanted if not name.exists())


def function_of(lines: list[str], number: int) -> str:
    """The function that a line is in: its head begins in the first column."""
    for text in reversed(lines[:number]):
        match = FUNCTION.match(text)
        if match:
            return match[1]
    return "-"


def shown(path: str) -> str:
    return path.removeprefix(scope.KIT + "/")


def judge(sources, found, known: list[Excuse], least: dict[str, int], archs: list[str]) -> tuple[list[str], list[str]]:
    """The table, and what is wrong."""
    table = [f"{'file':53}{'lines':>7}" + "".join(f"{arch:>8}" for arch in archs) +
             f"{'all':>8}{'excused':>9}{'branches':>10}"]
    wrong = []
    for source in sources:
        text = source.text.splitlines()
        # The head of a function that was inlined counts as not run, though its body is.
        lines = {n: line for n, line in found.get(source.path, {}).items()
                 if n in source.lines and text[n - 1][:1].isspace()}
        if not lines:
            wrong.append(f"{source.path}: no coverage data: was it compiled?")
            continue
        excused = 0
        for n, line in sorted(lines.items()):
            function = function_of(text, n)
            entry = next((e for e in known if (e.path, e.function, e.text) ==
                          (source.path, function, words(text[n - 1]))), None)
            if entry:
                entry.used = entry.used or not line.was_run()
            if line.was_run():
                continue
            if entry:
                excused += 1
            else:
                wrong.append(f"{source.path}:{n}: {function}(): not run: {words(text[n - 1])}")
        taken = [each for line in lines.values() for each in line.taken()]
        percent = 100 * sum(taken) // len(taken) if taken else 100
        if source.path not in least:
            wrong.append(f"{source.path}: floors has no line for it; its branches: {percent}")
        elif percent < least[source.path]:
            wrong.append(f"{source.path}: {percent} % of its branches were taken, the floor is {least[source.path]}")
        runs = "".join(f"{sum(bool(line.runs.get(arch)) for line in lines.values()):8}" for arch in archs)
        table.append(f"{shown(source.path):53}{len(lines):7}{runs}{sum(line.was_run() for line in lines.values()):8}"
                     f"{excused:9}{percent:8} %" +
                     (f"  (the floor can rise from {least[source.path]})" if percent > least.get(source.path, 100) + 2 else ""))
    # Compilers differ in the lines that they merge: an entry is good for all of its lines.
    used = {entry.block for entry in known if entry.used}
    wrong += [f"not-run: {entry.path} {entry.function}: this line is run now, or is gone: {entry.text}"
              for entry in known if entry.block not in used]
    return table, wrong


def self_test() -> int:
    """A small file with one line of each kind."""
    text = "int first(void)\n{\n\tif (a)\n\t\tb();\n\tc();\n}\nint second(void)\n{\n\tc();\n\td();\n}\n"
    source = scope.Source("core.c", "series", text, frozenset({3, 4, 5, 7, 9, 10}))

    def row(number: int, count: int, *branches: int) -> dict:
        return {"line_number": number, "count": count, "branches": [{"count": n} for n in branches]}

    reports = [("uml", {"files": [{"file": "core.c", "lines": [
                   row(1, 0), row(3, 2, 2, 0), row(4, 0), row(5, 0), row(7, 0), row(9, 0),
                   row(10, 1)]}]}),
               ("x86_64", {"files": [{"file": "core.c", "lines": [
                   row(3, 1, 0, 0), row(4, 0), row(5, 1), row(9, 0), {**row(10, 0), "gcovr/noncode": True}]}]})]
    known = excuses("# words\ncore.c first\n> b();\n> x();\n  it cannot\n  be run\ncore.c first\n> c();\n  for want of a device\n")
    table, wrong = judge([source, scope.Source("gone.c", "series", "", frozenset({1}))], data(reports),
                         known, floors("core.c 60\n"), ["uml", "x86_64"])
    expected = ["core.c:9: second(): not run: c();",
                "core.c: 50 % of its branches were taken, the floor is 60",
                "gone.c: no coverage data: was it compiled?",
                "not-run: core.c first: this line is run now, or is gone: c();"]
    numbers = ["core.c", "5", "2", "2", "3", "1", "50", "%"]
    failed = [] if wrong == expected else [f"said: {wrong}", f"expected: {expected}"]
    failed += [] if table[1].split() == numbers else [f"row: {table[1]}", f"expected: {numbers}"]
    for bad in ("core.c first\n> b();\n", "core.c\n", "  a reason alone\n"):
        try:
            excuses(bad)
            failed.append(f"not refused: {bad!r}")
        except ValueError:
            pass
    print("\n".join(failed), file=sys.stderr, end="\n" if failed else "")
    print(f"{int(not failed)} passed, {int(bool(failed))} failed, 0 skipped")
    return 1 if failed else 0


def main() -> int:
    parser = argparse.ArgumentParser(prog="check-coverage", description=__doc__)
    parser.add_argument("--tree", type=Path, help="the grafted tree")
    parser.add_argument("--files", action="store_true", help="print which files of the core are judged")
    parser.add_argument("--collect", nargs=2, type=Path, metavar=("KTAP", "OBJECTS"),
                        help="write the data that a guest has printed")
    parser.add_argument("--self-test", action="store_true", help="test this program")
    parser.add_argument("report", nargs="*", metavar="ARCH=JSON")
    arguments = parser.parse_args()
    if arguments.self_test:
        return self_test()
    if arguments.collect:
        missing = collect(*arguments.collect)
        print("\n".join(missing), file=sys.stderr, end="\n" if missing else "")
        return 1 if missing else 0
    core = [source for source in scope.series(arguments.tree) if CORE.match(source.path)]
    if arguments.files:
        print("\n".join(source.path for source in core))
        return 0
    reports = [(arch, json.loads(Path(file).read_text(encoding="utf-8")))
               for arch, file in (report.split("=", 1) for report in arguments.report)]
    sources = core + scope.sources(arguments.tree, ["variants"])
    table, wrong = judge(sources, data(reports), excuses((HERE / "not-run").read_text(encoding="utf-8")),
                         floors((HERE / "floors").read_text(encoding="utf-8")),
                         list(dict.fromkeys(arch for arch, _ in reports)))
    print("\n".join(table))
    print("\n".join(wrong), file=sys.stderr, end="\n" if wrong else "")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
