# SPDX-License-Identifier: GPL-2.0-only
# Copyright (C) 2026 The VFIO variant-driver kit authors
"""Check what scripts/lib/join-sites does where the manuals for two kernels differ."""

import shutil
import subprocess
import tempfile
from pathlib import Path

import links

JOIN = Path(__file__).resolve().parents[2] / "lib/join-sites"
SAME, CHANGED, NEW = "contract.html", "api/core.html", "only-here.html"
SELECTOR = '<p class="kit-bases"'


def join(folder: Path) -> None:
    subprocess.run([JOIN, folder / "one", "7.3", f"7.2={folder / 'other'}"], stdout=subprocess.DEVNULL, check=True)


def with_selector(site: Path) -> set[str]:
    return {str(p.relative_to(site)) for p in site.rglob("*.html") if SELECTOR in p.read_text(encoding="utf-8")}


def make(folder: Path, site: Path) -> None:
    for name in ("one", "other"):
        shutil.rmtree(folder / name, ignore_errors=True)
        shutil.copytree(site, folder / name)


def check(site: Path) -> tuple[list[str], int]:
    """What is wrong, and how many cases there are."""
    problems = []
    with tempfile.TemporaryDirectory() as tmp:
        folder = Path(tmp)
        make(folder, site)
        join(folder)
        if with_selector(folder / "one") or (folder / "one/7.2").exists():
            problems.append("a selector where nothing differs")
        # One page differs, and one is there for the other kernel only.
        make(folder, site)
        page = folder / "other" / CHANGED
        page.write_text(page.read_text(encoding="utf-8").replace("</article>", "<p>x</p></article>"),
                        encoding="utf-8")
        shutil.copy(folder / "other" / SAME, folder / "other" / NEW)
        shutil.copy(folder / "other/index.html", folder / "index.html")
        front = folder / "other/index.html"
        front.write_text(front.read_text(encoding="utf-8").replace(
            "</article>", f'<a href="{NEW}">x</a></article>'), encoding="utf-8")
        join(folder)
        expected = {name for page in (CHANGED, "index.html") for name in (page, f"7.2/{page}")} | {f"7.2/{NEW}"}
        found = with_selector(folder / "one")
        problems += [f"{name}: {'a' if name in found else 'no'} selector" for name in sorted(found ^ expected)]
        wrong, _ = links.check(folder / "one")
        problems += [f"with a selector: {problem}" for problem in wrong]
        for name, href in ((CHANGED, f"../7.2/{CHANGED}"), (f"7.2/{CHANGED}", f"../../{CHANGED}"),
                           (f"7.2/{NEW}", "../index.html")):
            text = (folder / "one" / name).read_text(encoding="utf-8") if (folder / "one" / name).exists() else ""
            if f'<a href="{href}">7.' not in text:
                problems.append(f"{name}: the selector does not lead to {href}")
    return problems, 2
