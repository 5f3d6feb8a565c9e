# SPDX-License-Identifier: GPL-2.0-only
# Copyright (C) 2026 The VFIO variant-driver kit authors
"""Roles that name something of the kit: what does not exist is an error."""

from pathlib import Path

from docutils import nodes
from sphinx.roles import XRefRole
from sphinx.util import logging
from sphinx.util.docutils import SphinxRole

import kit_tree

logger = logging.getLogger(__name__)


class Label(XRefRole):
    """A link to the label KIND-TEXT."""

    def __init__(self, kind: str, innernodeclass=nodes.literal):
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


def setup(app):
    for kind in ("kunit", "path", "selftest"):
        app.add_role(kind, Label(kind))
    app.add_role("rule", Label("rule", nodes.inline))
    app.add_role("patch", Label("patch", nodes.inline))
    app.add_role("src", Source())
    app.add_role("says", Says())
