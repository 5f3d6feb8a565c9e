# SPDX-License-Identifier: GPL-2.0-only
# Copyright (C) 2026 The VFIO variant-driver kit authors
"""Test the checks of the manual: plant a fault in a copy, and see that it is found."""

import os
import shutil
import subprocess
import tempfile
from dataclasses import dataclass
from pathlib import Path

import commands
import links

CONSOLE = "\n.. code-block:: console\n\n   $ "
PAGE, TEXT = "site/index.html", "Documentation/limits.rst"


@dataclass
class Fault:
    """Text that is appended to a file; or a line that is taken out of it."""
    stage: str
    what: str
    file: str
    text: str
    remove: bool = False

    def plant(self, folder: Path) -> None:
        path = folder / self.file
        before = path.read_text(encoding="utf-8")
        lines = before.splitlines(keepends=True)
        after = "".join(x for x in lines if self.text not in x) if self.remove else before + self.text
        assert after != before, f"{self.file} has no '{self.text}'"
        path.write_text(after, encoding="utf-8")


FAULTS = [
    Fault("links", "a link to no page", PAGE, '<a href="no-such-page.html">x</a>'),
    Fault("links", "a link to no place", PAGE, '<a href="limits.html#no-such-place">x</a>'),
    Fault("links", "a picture from elsewhere", PAGE, '<img src="https://host.invalid/x.png">'),
    Fault("links", "a script that is a module", "site/_static/scripts/furo.js", '\nimport x from "./x.js";\n'),
    Fault("commands", "a target that does not exist", TEXT, CONSOLE + "make no-such-target\n"),
    Fault("commands", "a variable that does not exist", TEXT, CONSOLE + "make verify NOSUCHVARIABLE=1\n"),
    Fault("commands", "a program that does not exist", TEXT, CONSOLE + "scripts/no-such-program\n"),
    Fault("commands", "an option that does not exist", TEXT, CONSOLE + "guest/boot --no-such-option\n"),
    Fault("spelling", "a misspelling", TEXT, "\nTh" + "e reci" + "eved file.\n"),
    Fault("build", "a KUnit case that does not exist", TEXT, "\n:kunit:`vfio-pci-core-paths.path_none`\n"),
    Fault("build", "a path that does not exist", TEXT, "\n:path:`no_such_path`\n"),
    Fault("build", "a file that does not exist", TEXT, "\n:src:`kunit/none.c`\n"),
    Fault("build", "words that no test says", TEXT, "\n:says:`no test says this`\n"),
    Fault("build", "a literalinclude of nothing", TEXT, "\n.. literalinclude:: ../variants/none/main.c\n"),
    Fault("build", "a patch that does not exist", TEXT, "\n:patch:`No-such-patch`\n"),
    Fault("build", "a reference to no page", TEXT, "\n:doc:`no-such-page`\n"),
    Fault("build", "an order that no case expects", "Documentation/timelines/kunit/flr.json", '"order"', True),
    Fault("build", "a file of the fixture that is described nowhere", "Documentation/api/fixture.rst",
          "variant-kit/kunit/importer.c", True),
    Fault("build", "a patch that is described nowhere", "Documentation/patch-series.rst",
          ".. kit-patch:: Add-tracepoints", True),
]


def build(docs: Path, out: Path, root: Path, tree: Path, base: str) -> list[str]:
    run = subprocess.run(["/usr/bin/python3", "-m", "sphinx", "-W", "-q", "-n", "--keep-going", "-b", "dummy",
                          "-D", f"kit_root={root}", docs, out], text=True, capture_output=True, check=False,
                         env={**os.environ, "KIT_DOCS_TREE": str(tree), "KIT_DOCS_BASE": base})
    return run.stderr.splitlines() if run.returncode else []


def self_test(root: Path, site: Path, tree: Path, base: str, spelling) -> tuple[int, int]:
    """(found, not found)."""
    missed = 0
    with tempfile.TemporaryDirectory() as tmp:
        folder = Path(tmp)
        docs = folder / "Documentation"
        # The manual's relative paths have to lead where those of the real one do.
        for path in root.iterdir():
            if path.is_dir() and path.name not in ("Documentation", "build", ".git"):
                (folder / path.name).symlink_to(path)
        checks = {"links": lambda: links.check(folder / "site")[0],
                  "commands": lambda: commands.check(docs, tree)[0],
                  "spelling": lambda: spelling(docs)[0],
                  "build": lambda: build(docs, folder / "out", root, tree, base)}
        clean: dict[str, list[str]] = {}
        for fault in FAULTS:
            for copy, source in ((docs, root / "Documentation"), (folder / "site", site)):
                shutil.rmtree(copy, ignore_errors=True)
                shutil.copytree(source, copy)
            check = checks[fault.stage]
            if fault.stage not in clean:
                clean[fault.stage] = check()
            fault.plant(folder)
            found = set(check()) - set(clean[fault.stage])
            missed += not found
            print(f"{'ok' if found else 'FAIL':5} {fault.stage}: {fault.what}")
    return len(FAULTS) - missed, missed
