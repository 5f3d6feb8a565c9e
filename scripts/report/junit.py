# SPDX-License-Identifier: GPL-2.0-only
# Copyright (C) 2026 The VFIO variant-driver kit authors
"""Write JUnit XML, for CI systems.

kunit.py parse makes such a file of KTAP too, but it drops the reasons of skips
and the text of failures, and knows neither cells nor the kernel's console."""

import xml.etree.ElementTree as ET
from dataclasses import dataclass, field

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
    for suite in suites:
        count = {s: str(sum(c.status == s for c in suite.cases)) for s in ("fail", "skip")}
        node = ET.SubElement(root, "testsuite", name=suite.name, tests=str(len(suite.cases)),
                             failures=count["fail"], skipped=count["skip"], time=f"{suite.seconds:.1f}")
        for case in suite.cases:
            item = ET.SubElement(node, "testcase", classname=suite.name, name=clean(case.name))
            if case.status != "ok":
                kind = "failure" if case.status == "fail" else "skipped"
                ET.SubElement(item, kind, message=clean(case.why)).text = clean(case.output) or None
    ET.indent(root)
    return ET.tostring(root, encoding="unicode", xml_declaration=True) + "\n"
