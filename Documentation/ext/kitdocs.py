# SPDX-License-Identifier: GPL-2.0-only
# Copyright (C) 2026 The VFIO variant-driver kit authors
"""What the manual takes from the kit itself. A name that does not exist is a
warning, and so an error."""

import re
from pathlib import Path

from docutils import nodes
from sphinx.roles import XRefRole
from sphinx.util import logging
from sphinx.util.docutils import SphinxRole

import kit_directives
import kit_drawings
import kit_tree

logger = logging.getLogger(__name__)


class Label(XRefRole):
    """A link to the label KIND-TEXT."""

    def __init__(self, kind: str, innernodeclass):
        super().__init__(innernodeclass=innernodeclass, warn_dangling=True)
        self.kind = kind

    def process_link(self, env, refnode, has_explicit_title, title, target):
        refnode.attributes.update(refdomain="std", reftype="ref", refexplicit=True)
        patch = None
        if self.kind == "patch":
            patch = kit_tree.find_patch(Path(env.config.kit_root), env.config.kit_base, target)
        return f"patch {patch.number}" if patch else title, \
            nodes.fully_normalize_name(f"{self.kind}-{target}")


class Named(SphinxRole):
    """A text that has to exist: each part of it, where an ellipsis stands for anything."""

    def run(self):
        for part in map(str.strip, self.text.split("…")):
            if not self.exists(part):
                logger.warning(self.missing, part, location=self.get_location())
        return [self.node(self.text, self.text)], []


class Source(Named):
    """A file of the kit, or of the patched kernel."""
    missing, node = "no such file: %s", nodes.literal

    def exists(self, name: str) -> bool:
        return any(Path(root, name).exists()
                   for root in (self.config.kit_root, self.config.kerneldoc_srctree))


class Says(Named):
    """What the conformance program says."""
    missing, node = "no test says '%s'", nodes.emphasis

    def exists(self, words: str) -> bool:
        return words in kit_tree.conformance_words(Path(self.config.kit_root))


def check_complete(app, _env):
    """Each patch, and each file of the fixture, has its place in the manual."""
    for problem in kit_tree.left_out(Path(app.config.kit_root), Path(app.srcdir), app.config.kit_base):
        logger.warning(problem)


def bundle_theme(app, exception):
    """Debian's furo comes without the bundling of its script: a page cannot
    run what begins with an import, and a page opened as a file no module."""
    path = Path(app.outdir, "_static", "scripts", "furo.js")
    if exception or not path.is_file():
        return
    text = re.sub(r'(?m)^import (?:\* as )?\w+ from "\./([\w.-]+)";$',
                  lambda m: path.with_name(m[1]).read_text(encoding="utf-8"),
                  path.read_text(encoding="utf-8"))
    path.write_text(text, encoding="utf-8")
    # That of Debian 13 is loaded as a module, too.
    for page in Path(app.outdir).rglob("*.html"):
        old = page.read_text(encoding="utf-8")
        new = re.sub(r'<script type="module"(?= src="[^"]*/furo\.js)', "<script defer", old)
        if new != old:
            page.write_text(new, encoding="utf-8")


def setup(app):
    app.add_config_value("kit_root", "", "env")
    app.add_config_value("kit_base", "7.3", "env")
    app.connect("env-check-consistency", check_complete)
    app.connect("build-finished", bundle_theme)
    for kind, node in (("kunit", nodes.literal), ("path", nodes.literal), ("selftest", nodes.literal),
                       ("rule", nodes.inline), ("patch", nodes.inline)):
        app.add_role(kind, Label(kind, node))
    app.add_role("src", Source())
    app.add_role("says", Says())
    kit_directives.setup(app)
    kit_drawings.setup(app)
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}
