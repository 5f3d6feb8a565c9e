# SPDX-License-Identifier: GPL-2.0-only
# Copyright (C) 2026 The VFIO variant-driver kit authors
"""Test the reports: each folder of tests/ has results that are made up, the
arguments of a subcommand (DIR is a copy of the folder, a comma is a blank) and what
it has to print. Also, each console rule has to mean the same to Python and to the
POSIX regular expressions of the guest, and to match a line of tests/console."""

import difflib
import os
import re
import shutil
import subprocess
import sys
import tempfile
import xml.etree.ElementTree as ET
from pathlib import Path

import console
import kit
from table import counts, paint

HERE = Path(__file__).parent
TESTS = HERE / "tests"


def text_of(page: str) -> str:
    """What a reader of a page sees, without style and pictures, a line an element."""
    page = re.sub(r"(?s)<(style|svg).*?</\1>", "", page)
    return "\n".join(filter(None, map(str.strip, re.sub(r"<[^>]*>", "\n", page).splitlines())))


def output(case: Path) -> str:
    """What the subcommand prints, its exit status, the text of its page. XML has to be
    XML, and to name the kit. The version of the kit is VERSION in what is expected."""
    with tempfile.TemporaryDirectory() as tmp:
        folder = Path(tmp, "results")
        # Not the modes: the checkout may be read-only.
        shutil.copytree(case, folder, copy_function=shutil.copyfile)
        folder.chmod(0o755)
        words = (case / "arguments").read_text(encoding="utf-8").replace("DIR", str(folder)).split()
        env = {k: v for k, v in os.environ.items() if k not in ("VARIANT", "DEVICE", "BASE")}
        run = subprocess.run([sys.executable, str(HERE), *(w.replace(",", " ") for w in words)], text=True,
                             capture_output=True, check=False, env=env, cwd=folder)
        for path in folder.glob("*.xml"):
            printed_by = ET.parse(path).getroot().get("name")
            if printed_by != kit.TITLE:
                return f"{path.name} names {printed_by!r}, not {kit.TITLE!r}\n"
        pages = [text_of(path.read_text(encoding="utf-8")) for path in folder.glob("*.html")]
        printed = "\n".join([run.stdout + run.stderr + f"exit status {run.returncode}", *pages])
        return printed.replace(str(folder), "DIR").replace(kit.TITLE, f"{kit.NAME} VERSION") + "\n"


def differences(case: Path, accept: bool) -> list[str]:
    expected, got = case / "expected", output(case)
    if accept:
        expected.write_text(got, encoding="utf-8")
    return list(difflib.unified_diff(expected.read_text(encoding="utf-8").splitlines(), got.splitlines(),
                                     "expected", "printed", lineterm=""))


def wrong_rules() -> list[str]:
    path = TESTS / "console/console.log"
    lines, rules = console.read(path), console.load_rules()
    out = []
    for pattern in (rule.pattern for rule in rules):
        here = [n for n, line in enumerate(lines, 1) if pattern.search(line)]
        grep = subprocess.run(["grep", "-nE", "-e", pattern.pattern, str(path)], text=True, capture_output=True,
                              check=False).stdout
        if not here or here != [int(line.split(":")[0]) for line in grep.splitlines()]:
            out.append(f"{pattern.pattern}: lines {here} in Python, in grep -E: {grep.strip() or 'none'}")
    return out


def run(args) -> int:
    """With --accept, what is printed now is what is expected from now on."""
    failed, cases = 0, sorted(p.parent for p in TESTS.glob("*/arguments"))
    for name, wrong in [(case.name, differences(case, args.accept)) for case in cases] + \
            [("console-rules", wrong_rules())]:
        failed += bool(wrong)
        print(f"{paint('FAIL' if wrong else 'ok'):5} {name}")
        print("".join(f"      {line}\n" for line in wrong), end="")
    print(counts(len(cases) + 1 - failed, failed, 0))
    return 1 if failed else 0
