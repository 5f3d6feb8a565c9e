# SPDX-License-Identifier: GPL-2.0-only
# Copyright (C) 2026 The VFIO variant-driver kit authors
"""Check the links of a site, and that it loads nothing from elsewhere."""

import re
from pathlib import Path
from urllib.parse import unquote, urlsplit

from bs4 import BeautifulSoup       # the theme furo needs it too

LOADED = ("link[href]:not([rel=canonical])", "script[src]", "img[src]", "iframe[src]", "source[src]",
          "object[data]")


class Page:
    def __init__(self, text: str):
        page = BeautifulSoup(text, "html.parser")
        self.ids = {tag["id"] for tag in page.select("[id]")}
        self.links = [tag["href"] for tag in page.select("a[href]")]
        self.loads = [tag.get("src") or tag.get("href") or tag["data"] for tag in page.select(", ".join(LOADED))]


def check(site: Path) -> tuple[list[str], int]:
    """What is wrong, and how many links there are."""
    problems, count = [], 0
    site = site.resolve()
    pages = {p: Page(p.read_text(encoding="utf-8")) for p in sorted(site.rglob("*.html"))}
    reached = {site / "index.html"}
    for path, page in pages.items():
        name = path.relative_to(site)
        for link in page.links + page.loads:
            url = urlsplit(link)
            if url.scheme or url.netloc:
                if link in page.loads and url.scheme != "data":
                    problems.append(f"{name} loads {link}: the site has to be self-contained")
                continue
            count += 1
            target = (path.parent / unquote(url.path)).resolve() if url.path else path
            if not target.is_file():
                problems.append(f"{name}: no file for the link {link}")
            elif target in pages:
                reached |= {target} - {path}
                if url.fragment and unquote(url.fragment) not in pages[target].ids:
                    problems.append(f"{name}: no such place: {link}")
    problems += [f"{p.relative_to(site)} is a module: no page can load it" for p in sorted(site.rglob("*.js"))
                 if re.search(r"(?m)^(import|export) ", p.read_text(encoding="utf-8"))]
    problems += [f"no link leads to {p.relative_to(site)}" for p in pages if p not in reached]
    return problems or ([] if pages else ["there is no page"]), count
