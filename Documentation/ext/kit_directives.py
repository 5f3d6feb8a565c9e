# SPDX-License-Identifier: GPL-2.0-only
# Copyright (C) 2026 The VFIO variant-driver kit authors
"""Directives that show something of the kit: tests by name, help texts by running
the programs, patches with their messages."""

import os
import re
import subprocess
from pathlib import Path

from docutils import nodes
from docutils.statemachine import StringList
from sphinx.directives.code import LiteralInclude
from sphinx.util import logging
from sphinx.util.docutils import SphinxDirective

import kit_tree

logger = logging.getLogger(__name__)


class KitDirective(SphinxDirective):
    @property
    def root(self) -> Path:
        return Path(self.config.kit_root)

    @property
    def base(self) -> str:
        return self.config.kit_base

    def warn(self, text: str) -> list:
        """A warning, which is an error, in place of what was to be shown."""
        logger.warning(text, location=self.get_location())
        return []

    def target(self, label: str):
        node = nodes.target("", "", ids=[nodes.make_id(label)], names=[nodes.fully_normalize_name(label)])
        self.state.document.note_explicit_target(node)
        return node

    def parse(self, lines: list[str]) -> list:
        node = nodes.container()
        self.state.nested_parse(StringList(lines, "kitdocs"), self.content_offset, node)
        return node.children

    def message(self, text: str):
        """Text that keeps its lines."""
        box = nodes.container(classes=["kit-message"])
        box += nodes.literal_block(text, text, language="none")
        return box

    def section(self, title: str, body: list):
        section = nodes.section(ids=[nodes.make_id("kit " + title)], names=[])
        section += [nodes.title(title, title), *body]
        return section

    def output(self, *command: str) -> str:
        """What a program prints, without colours and paths of this machine."""
        env = {k: v for k, v in os.environ.items() if not k.startswith("MAKE")}
        text = subprocess.run(command, capture_output=True, text=True, timeout=60, check=True,
                              stdin=subprocess.DEVNULL, env=env).stdout.rstrip()
        return re.sub(r"\x1b\[[0-9;]*m", "", text).replace(f"{self.root}/", "")


class KitScripts(KitDirective):
    """A section with the help text of each program in scripts/."""

    def run(self):
        return [self.section(f"scripts/{p.name}", [self.message(self.output(str(p), "--help"))])
                for p in sorted(self.root.glob("scripts/*")) if p.is_file() and os.access(p, os.X_OK)]


class KitMakeHelp(KitDirective):
    """What make help prints."""

    def run(self):
        return [self.message(self.output("make", "--no-print-directory", "-C", str(self.root), "help"))]


class KitTests(KitDirective):
    """All tests of a kind, with a target for each."""
    required_arguments = 1

    def listing(self, tests: list[kit_tree.Test], prefix: str, shown: str = ""):
        out = nodes.definition_list(classes=["kit-tests"])
        for test in tests:
            text = test.comment or "(no comment in the source)"
            term = nodes.term()
            term += [self.target(f"{prefix}{test.name}"), nodes.literal("", shown + test.name)]
            item = nodes.definition_list_item()
            item += [term, nodes.definition("", nodes.paragraph(text, text))]
            out += item
        return out

    def run(self):
        kind = self.arguments[0]
        if kind == "paths":
            return [self.listing(kit_tree.paths(self.root), "path-")]
        suites = {"kunit": kit_tree.kunit_suites, "selftest": kit_tree.selftests}.get(kind, lambda root: [])
        out = []
        for s in suites(self.root):
            where = nodes.paragraph("", f"In {s.path.relative_to(self.root)}.")
            shown = f"{s.name}." if kind == "kunit" else ""
            out.append(self.section(s.name, [self.target(f"{kind}-{s.name}"), where,
                                             self.listing(s.tests, f"{kind}-{s.name}.", shown)]))
        return out or self.warn(f"no tests of kind {kind}")


class KitPatch(KitDirective):
    """A patch of the series: file name, files touched, message."""
    required_arguments = 1

    def run(self):
        slug = self.arguments[0]
        patch = kit_tree.find_patch(self.root, self.base, slug)
        if not patch:
            return self.warn(f"not the name of one patch: {slug}")
        total = len(kit_tree.series(self.root, self.base))
        head = self.parse([f"Patch {patch.number} of {total}; touches " +
                           ", ".join(f"``{f}``" for f in patch.files) + ". Its message:"])
        return [self.target(f"patch-{slug}"), *head, self.message(f"{patch.subject}\n\n{patch.message}")]


class KitMutants(KitDirective):
    """What is wrong on purpose, and what has to catch it: kernels, or drivers."""
    optional_arguments = 1

    def run(self):
        kind = (self.arguments or ["kernels"])[0]
        table = [".. list-table::", "   :header-rows: 1", "   :widths: 30 52 18", "",
                 "   * - Name", "     - What it breaks", "     - Caught by"]
        rows = kit_tree.wrong_on_purpose(self.root, kind)
        for test, caught in rows:
            table += [f"   * - ``{test.name}``", f"     - {test.comment}", f"     - {caught}"]
        return self.parse(table) if rows else self.warn(f"nothing in negative/{kind}")


class KitInTree(KitDirective):
    """The kernel's own drivers, each with what tests it, or why nothing does."""

    def run(self):
        table = [".. list-table::", "   :header-rows: 1", "   :widths: 30 70", "",
                 "   * - Driver", "     - Command"]
        rows = kit_tree.in_tree(self.root)
        for driver, (archs, why) in rows.items():
            table.append(f"   * - {driver}")
            for n, arch in enumerate(archs):
                other = "" if arch == "uml" else f" ARCH={arch}"
                table.append(f"     {'  ' if n else '- '}| ``make kunit VARIANT={driver}{other}``")
            if not archs:
                table.append(f"     - none: it {why}")
        return self.parse(table) if rows else self.warn("nothing in kunit/in-tree")


class KernelInclude(LiteralInclude):
    """literalinclude of a file of the patched kernel tree."""

    def run(self):
        path = os.path.join(self.config.kerneldoc_srctree, self.arguments[0])
        self.arguments[0] = "/" + os.path.relpath(path, self.env.srcdir)
        return super().run()


def setup(app):
    app.add_directive("kit-scripts", KitScripts)
    app.add_directive("kit-make-help", KitMakeHelp)
    app.add_directive("kit-tests", KitTests)
    app.add_directive("kit-patch", KitPatch)
    app.add_directive("kit-mutants", KitMutants)
    app.add_directive("kit-in-tree", KitInTree)
    app.add_directive("kernel-include", KernelInclude)
