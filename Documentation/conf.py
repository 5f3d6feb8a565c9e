# SPDX-License-Identifier: GPL-2.0-only
"""Sphinx configuration, for scripts/build-docs. The kernel-doc extension and the
comments are those of the grafted tree of BASE."""

import json
import os
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
KIT_ROOT = os.path.dirname(HERE)
BASE = os.environ.get("BASE") or "7.3"
KDOC_TREE = os.path.join(os.environ.get("KIT_BUILD") or KIT_ROOT, "build", f"linux-{BASE}")

sys.dont_write_bytecode = True
os.environ["srctree"] = KDOC_TREE  # read by kerneldoc.py
sys.path[:0] = [
    os.path.join(HERE, "ext"),
    os.path.join(KIT_ROOT, "scripts", "report"),
    os.path.join(KDOC_TREE, "Documentation", "sphinx"),
    os.path.join(KDOC_TREE, "tools", "lib", "python"),
]

project = "VFIO variant-driver kit"
with open(os.path.join(KIT_ROOT, "VERSION"), encoding="utf-8") as f:
    version = release = f.read().strip()
author = "The VFIO variant-driver kit authors"
copyright = "2026 The VFIO variant-driver kit authors"
html_title = f"{project} {release}"
language = "en"

extensions = ["sphinx.ext.graphviz", "kerneldoc", "kitdocs"]
graphviz_output_format = "svg"
kerneldoc_srctree = KDOC_TREE
kit_root = KIT_ROOT
kit_base = BASE

nitpicky = True
# Types of the kernel's own, which kernel-doc refers to and this site does not
# describe: only what the kit documents has to resolve.
nitpick_ignore_regex = [(r"c:.*", r".*")]

primary_domain = "c"
highlight_language = "c"
pygments_style = "friendly"
pygments_dark_style = "monokai"
smartquotes = False
# What pages include is no page of its own.
exclude_patterns = ["_build", "timelines", "ext"]

# What kernel-doc leaves in its output and the C domain of Sphinx does not know.
c_id_attributes = ["__user", "__iomem", "__counted_by", "__must_check", "__init", "__exit"]

html_theme = "furo"
html_static_path = ["_static", "../scripts/report/timeline.css"]
html_css_files = ["kit.css", "timeline.css"]
html_show_sphinx = False
html_show_sourcelink = False
html_copy_source = False
# All of the dark colours: the compiled style of Debian's furo has them for the
# theme that is chosen by hand only, not for a browser that asks for dark.
with open(os.path.join(HERE, "theme.json"), encoding="utf-8") as f:
    html_theme_options = json.load(f)
