# SPDX-License-Identifier: GPL-2.0-only
# Copyright (C) 2026 The VFIO variant-driver kit authors
"""Check that the site can be searched, also without a server."""

import json
import re
from pathlib import Path
from urllib.parse import urlsplit

from bs4 import BeautifulSoup

PAGE, INDEX = "search.html", "searchindex.js"
FUNCTIONS = re.compile(r"(?m)^ +:functions:((?:.*\n)(?:      .*\n)*)")


def scripts(site: Path) -> list[str]:
    page = BeautifulSoup((site / PAGE).read_text(encoding="utf-8"), "html.parser")
    # Without the ?v=... that newer Sphinx appends.
    return [tag["src"].partition("?")[0] for tag in page.select("script[src]")]


def index(site: Path) -> dict:
    """What the page loads: a call of a function with all words and names in JSON."""
    text = (site / INDEX).read_text(encoding="utf-8")
    call = re.fullmatch(r"Search\.setIndex\((.*)\)\s*", text, re.S)
    return json.loads(call[1]) if call else {}


def functions(docs: Path) -> list[str]:
    """All functions that the pages of the API name."""
    return [name for path in sorted(docs.glob("api/*.rst"))
            for names in FUNCTIONS.findall(path.read_text(encoding="utf-8")) for name in names.split()]


def check(site: Path, docs: Path) -> tuple[list[str], int]:
    """What is wrong, and how many functions can be found."""
    missing = [name for name in (PAGE, INDEX) if not (site / name).is_file()]
    if missing:
        return [f"the site has no {name}" for name in missing], 0
    loaded = scripts(site)
    problems = [f"{PAGE} does not load {name}" for name in (INDEX, "_static/searchtools.js", "_static/language_data.js")
                if name not in loaded]
    problems += [f"{PAGE} loads {url}, which needs a server" for url in loaded
                 if urlsplit(url).scheme or not (site / url).is_file()]
    found = index(site)
    known = {entry[-1] for entries in found.get("objects", {}).values() for entry in entries}
    wanted = functions(docs)
    problems += [f"{INDEX} does not find {name}" for name in wanted if name not in known]
    return problems or ([] if wanted else ["no page of the API names a function"]), len(wanted)
