# SPDX-License-Identifier: GPL-2.0-only
# Copyright (C) 2026 The VFIO variant-driver kit authors
"""What the manual takes from the kit itself. A name that does not exist is a
warning, and so an error."""

import re
from pathlib import Path

from sphinx.util import logging

import kit_directives
import kit_drawings
import kit_roles
import kit_tree

logger = logging.getLogger(__name__)


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
    text = re.sub(r'(?m)^import \w+ from "\./([\w.-]+)";$',
                  lambda m: path.with_name(m[1]).read_text(encoding="utf-8"),
                  path.read_text(encoding="utf-8"))
    path.write_text(text, encoding="utf-8")


def setup(app):
    app.add_config_value("kit_root", "", "env")
    app.add_config_value("kit_base", "7.3", "env")
    app.connect("env-check-consistency", check_complete)
    app.connect("build-finished", bundle_theme)
    for part in (kit_roles, kit_directives, kit_drawings):
        part.setup(app)
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}
