# SPDX-License-Identifier: GPL-2.0-only
# Copyright (C) 2026 The VFIO variant-driver kit authors
"""Roles that name something of the kit: what does not exist is an error."""

from pathlib import Path

from docutils import nodes
from sphinx import addnodes
from sphinx.util import logging
from sphinx.util.docutils import SphinxRole

import kit_tree

logger = logging.getLogger(__name__)


class KitRole(SphinxRole):
    def warn(self, text: str) -> None:
        source, line = self.get_source_info()
        logger.warning(text, location=f"{source}:{line}")


class Ref(KitRole):
    """A link to a label that is made from the text."""

    def __init__(self, kind: str):
        super().__init__()
        self.kind = kind

    def label(self) -> str:
        text = self.text.replace(".", "-", 1) if self.kind == "selftest" else self.text
        return f"{self.kind}-{text}"

    def shown(self):
        return nodes.literal(self.text, self.text)

    def run(self):
        ref = addnodes.pending_xref("", refdomain="std", reftype="ref", refexplicit=True,
                                    reftarget=nodes.fully_normalize_name(self.label()),
                                    refdoc=self.env.docname, refwarn=True)
        ref.source, ref.line = self.get_source_info()
        inner = self.shown()
        inner["classes"] += ["xref"]
        ref += inner
        return [ref], []


class Rule(Ref):
    def shown(self):
        return nodes.inline(self.text, self.text)


class Patch(Ref):
    def shown(self):
        patch = kit_tree.find_patch(Path(self.config.kit_root), self.config.kit_base, self.text)
        text = f"patch {patch.number}" if patch else self.text
        return nodes.inline(text, text)


class Source(KitRole):
    """A file of the kit, or of the patched kernel."""

    def run(self):
        roots = [Path(self.config.kit_root), Path(self.config.kerneldoc_srctree)]
        if not any((r / self.text).exists() for r in roots):
            self.warn(f"no such file: {self.text}")
        return [nodes.literal(self.text, self.text)], []


class Says(KitRole):
    """What the conformance program says; an ellipsis stands for anything."""

    def run(self):
        said = kit_tree.conformance_words(Path(self.config.kit_root))
        for part in map(str.strip, self.text.split("…")):
            if part not in said:
                self.warn(f"no test says '{part}'")
        return [nodes.emphasis(self.text, self.text)], []


def setup(app):
    for kind in ("kunit", "path", "selftest"):
        app.add_role(kind, Ref(kind))
    app.add_role("rule", Rule("rule"))
    app.add_role("patch", Patch("patch"))
    app.add_role("src", Source())
    app.add_role("says", Says())
    return {"parallel_read_safe": True, "parallel_write_safe": True}
