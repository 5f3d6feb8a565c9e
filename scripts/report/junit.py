# SPDX-License-Identifier: GPL-2.0-only
# Copyright (C) 2026 The VFIO variant-driver kit authors
"""Write JUnit XML, for CI systems.

kunit.py parse makes such a file of KTAP too, but it drops the reasons of skips
and the text of failures, and knows neither cells nor the kernel's console."""

import xml.etree.ElementTree as ET
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

import kit


@dataclass
class Case:
    name: str
    status: str             # ok, fail or skip
    why: str = ""
    output: str = ""


@dataclass
class Suite:
    name: str
    cases: list[Case] = field(default_factory=list)
    seconds: float = 0


def clean(text: str) -> str:
    """Without what XML cannot hold."""
    return "".join(c for c in text if c >= " " or c in "\n\t")


def to_xml(suites: list[Suite]) -> str:
    root = ET.Element("testsuites", name=kit.TITLE)
    names: Counter[str] = Counter()
    for suite in suites:
        # A service tells cases apart by the names of suite and case.
        names[suite.name] += 1
        name = suite.name if names[suite.name] == 1 else f"{suite.name} ({names[suite.name]})"
        count = {s: str(sum(c.status == s for c in suite.cases)) for s in ("fail", "skip")}
        node = ET.SubElement(root, "testsuite", name=name, tests=str(len(suite.cases)),
                             failures=count["fail"], skipped=count["skip"], time=f"{suite.seconds:.1f}")
        for case in suite.cases:
            item = ET.SubElement(node, "testcase", classname=name, name=clean(case.name))
            if case.status != "ok":
                kind = "failure" if case.status == "fail" else "skipped"
                ET.SubElement(item, kind, message=clean(case.why)).text = clean(case.output) or None
    ET.indent(root)
    return ET.tostring(root, encoding="unicode", xml_declaration=True) + "\n"


def add_classnames(path: Path) -> None:
    """Give each case of a file that kunit.py has made the name of its suite, which a
    service needs: of cases with equal names GitLab keeps only the first."""
    root = ET.fromstring(clean(path.read_text(encoding="utf-8", errors="replace")))
    name_cases(root, [])
    ET.indent(root)
    ET.ElementTree(root).write(path, encoding="utf-8", xml_declaration=True)


def name_cases(suite: ET.Element, parents: list[str]) -> None:
    for case in suite.findall("testcase"):
        case.set("classname", ".".join(parents) or suite.get("name", ""))
    for inner in suite.findall("testsuite"):
        name_cases(inner, parents + [inner.get("name", "")])
