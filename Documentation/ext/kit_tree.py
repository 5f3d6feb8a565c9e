# SPDX-License-Identifier: GPL-2.0-only
# Copyright (C) 2026 The VFIO variant-driver kit authors
"""What the kit's sources say about themselves: tests, paths, patches, rooms."""

import email
import os
import re
from dataclasses import dataclass
from pathlib import Path

import rules                # of scripts/report

COMMENT = r"/\*((?:[^*]|\*(?!/))*)\*/"


@dataclass
class Test:
    name: str
    comment: str = ""


@dataclass
class Suite:
    name: str
    path: Path
    tests: list[Test]


@dataclass
class Patch:
    number: int
    name: str
    subject: str
    message: str
    files: list[str]


def read(path) -> str:
    return Path(path).read_text(encoding="utf-8")


def first_paragraph(comment: str) -> str:
    """Of a block comment's inside, without the stars."""
    body = re.sub(r"(?m)^[ \t]*\*+ ?", "", comment).strip()
    return re.sub(r"\s+", " ", body.split("\n\n")[0])


def comments(path: Path) -> dict[str, str]:
    """{case: the first paragraph above it} of a KUnit suite."""
    return {name: first_paragraph(text) for text, name in rules.CASE.findall(read(path))}


def kunit_suites(root: Path) -> list[Suite]:
    """All suites of the kit. Those of the variants begin with shared cases, which
    VPK_VARIANT_CASES() lists."""
    header = read(root / "kunit/vfio_pci_kunit.h")
    shared = re.search(r"#define VPK_VARIANT_CASES\(.*?\n\}\n", header, re.S)
    common = comments(root / "kunit/variant_cases.c")
    out = []
    for path in sorted([*root.glob("kunit/*.c"), *root.glob("variants/*/*_kunit.c")]):
        text, own = read(path), common | comments(path)
        tables = dict(re.findall(r"struct kunit_case (\w+)\[\]\s*=\s*(\{.*?\n\});", text, re.S))
        for table, cases in re.findall(r"^VPK_VARIANT_CASES\((\w+)(.*?)\);", text, re.S | re.M):
            tables[table] = (shared[0] if shared else "") + cases
        for body in re.findall(r"struct kunit_suite \w+\s*=\s*\{(.*?)\n\};", text, re.S):
            name = re.search(r'\.name\s*=\s*"([^"]+)"', body)
            table = re.search(r"\.test_cases\s*=\s*(\w+)", body)
            if name and table and table[1] in tables:
                cases = re.findall(r"KUNIT_CASE\w*\(\s*(\w+)", tables[table[1]])
                out.append(Suite(name[1], path, [Test(c, own.get(c, "")) for c in cases]))
    return out


def kunit_case_text(root: Path, name: str) -> str | None:
    """The source of SUITE.CASE, with adjacent string literals joined."""
    suite, _, case = name.partition(".")
    for found in kunit_suites(root):
        if found.name == suite and any(t.name == case for t in found.tests):
            m = re.search(rf"(?ms)^(?:static )?void {re.escape(case)}\(.*?^\}}", read(found.path))
            return re.sub(r'"\s*\n?\s*"', "", m[0]) if m else ""
    return None


def paths(root: Path) -> list[Test]:
    """The table of paths, each with its title."""
    rows = re.findall(r'^KIT_(?:PATH|CELL)\((\w+), "([^"]+)"',
                      read(root / "selftests/lib/path_table.h"), re.M)
    return [Test(name, title) for name, title in rows]


def selftests(root: Path) -> list[Suite]:
    """The programs of the kselftest harness."""
    out = []
    for path in sorted(root.glob("selftests/tests/*.c")):
        tests = [Test(".".join(filter(None, m.group(2, 3))), first_paragraph(m[1] or "")) for m in re.finditer(
            rf"(?m)(?:{COMMENT}\s*)?^TEST(?:_F|_F_TIMEOUT)?\((?:(\w+),\s*)?(\w+)[,)]", read(path))]
        if tests:
            out.append(Suite(path.stem, path, tests))
    return out


def series(root: Path, base: str) -> list[Patch]:
    folder = root / "core-patch" / f"v{base}"
    names = [n for n in read(folder / "series").split("\n") if n.strip() and not n.startswith("#")]
    out = []
    for number, name in enumerate(map(str.strip, names), 1):
        mail = email.message_from_string(read(folder / name))
        subject = " ".join(re.sub(r"^\[PATCH[^]]*\]", "", mail["Subject"]).split())
        message, _, stat = mail.get_payload().partition("\n---\n")
        message = re.sub(r"(?m)^Signed-off-by:.*\n?", "", message).strip()
        files = re.findall(r"(?m)^ (\S+)\s+\|", stat.partition("\ndiff --git")[0])
        out.append(Patch(number, name, subject, message, files))
    return out


def find_patch(root: Path, base: str, slug: str) -> Patch | None:
    found = [p for p in series(root, base) if slug in p.name]
    return found[0] if len(found) == 1 else None


def in_tree(root: Path) -> dict[str, tuple[list[str], str]]:
    """The kernel's own drivers of kunit/in-tree: {driver: (architectures, why not)}."""
    out: dict[str, tuple[list[str], str]] = {}
    for line in read(root / "kunit/in-tree").splitlines():
        if line.strip() and not line.startswith("#"):
            driver, arch, rest = line.split(None, 2)
            archs, why = out.get(driver, ([], ""))
            out[driver] = (archs, rest) if arch == "-" else ([*archs, arch], why)
    return out


def wrong_on_purpose(root: Path, kind: str) -> list[tuple[Test, str]]:
    """The kernels or the drivers that are known to be bad, each with what has to
    catch it: KUnit, if it does not say."""
    pattern = {"kernels": "*.patch", "drivers": "*/main.c"}[kind]
    out = []
    for path in sorted((root / "negative" / kind).glob(pattern)):
        text = read(path)
        words = re.search(COMMENT, text)[1] if kind == "drivers" else text
        caught = re.findall(r"(?m)^[ *]*Caught-by: (\w+)", text) or ["kunit"]
        name = path.parent.name if kind == "drivers" else path.stem
        out.append((Test(name, first_paragraph(words)), ", ".join(caught)))
    return out


def conformance_words(root: Path) -> str:
    """The sources of the conformance program, with string literals joined."""
    files = [*root.glob("selftests/conformance/*.c"), *root.glob("selftests/lib/*.[ch]")]
    return re.sub(r'"\s*\n?\s*"', "", "".join(read(p) for p in sorted(files)))


def rooms(root: Path) -> dict[str, str]:
    """The folders of the kit, each with what it is for: the README has them in a
    table, which is the only place that says so."""
    out, room = {}, ""
    for line in read(root / "README.rst").splitlines():
        if m := re.match(r"``([\w-]+)/``\s+(\S.*)", line):
            room = m[1] if (root / m[1]).is_dir() and m[1] != "build" else ""
            if room:
                out[room] = m[2]
        elif room and re.match(r"\s{8,}\S", line):
            out[room] += " " + line.strip()
        else:
            room = ""
    return out


def calls(root: Path, known: list[str]) -> set[tuple[str, str]]:
    """(room, another one that a program or a makefile of it names)."""
    name = re.compile(rf"KIT_ROOT/({'|'.join(known)})\b|(?<![\w-])(?<![\w*}}]/)({'|'.join(known)})/[\w$*{{-]")
    out = set()
    for room in known:
        for path in (root / room).rglob("*"):
            if path.is_file() and (os.access(path, os.X_OK) or re.search(r"(^Makefile|\.mk|\.sh|\.py)$", path.name)):
                code = re.sub(r"(?m)^\s*#.*$", "", path.read_text(encoding="utf-8", errors="replace"))
                out |= {(room, a or b) for a, b in name.findall(code) if (a or b) != room}
    return out


def left_out(root: Path, docs: Path, base: str) -> list[str]:
    """Patches that are not described once, files of the fixture that are nowhere."""
    slugs = re.findall(r"\.\. kit-patch:: (\S+)", read(docs / "patch-series.rst"))
    out = [f"{p.name} is not in patch-series.rst once" for p in series(root, base)
           if sum(s in p.name for s in slugs) != 1]
    described = read(docs / "api/fixture.rst")
    # One architecture stands for all: their functions are the same.
    names = [p.name for p in sorted(root.glob("kunit/*.c"))
             if not re.search(r"_test\.c$|_cases\.c$|_none\.c$|^arch_", p.name)]
    return out + [f"kunit/{n} is not in api/fixture.rst" for n in names
                  if f"variant-kit/kunit/{n}\n" not in described]
