# SPDX-License-Identifier: GPL-2.0-only
# Copyright (C) 2026 The VFIO variant-driver kit authors
"""What the kit's documentation takes from the kit itself: diagrams from
timelines, tests by name, help texts by running the programs, patches with
their messages. A name that does not exist is a warning, and so an error."""

import glob
import importlib.machinery
import importlib.util
import json
import os
import re
import subprocess

from docutils import nodes
from docutils.parsers.rst import directives
from docutils.statemachine import StringList
from sphinx import addnodes
from sphinx.directives.code import LiteralInclude
from sphinx.util import logging
from sphinx.util.docutils import SphinxDirective, SphinxRole

logger = logging.getLogger(__name__)


def load_renderer(root):
    path = os.path.join(root, "scripts", "timeline-svg")
    loader = importlib.machinery.SourceFileLoader("timeline_svg", path)
    module = importlib.util.module_from_spec(importlib.util.spec_from_loader("timeline_svg", loader))
    loader.exec_module(module)
    return module


# --- what there is in the tree -------------------------------------------

def read(path):
    with open(path, encoding="utf-8") as f:
        return f.read()


def comment_before(text, at):
    """The block comment that ends right before offset at, as one paragraph."""
    m = re.search(r"/\*((?:[^*]|\*(?!/))*)\*/\s*$", text[:at])
    if not m:
        return ""
    body = re.sub(r"(?m)^\s*\*+ ?", "", m.group(1)).strip()
    body = re.sub(r"^\*?\s*", "", body)
    return re.sub(r"\s+", " ", body.split("\n\n")[0])


def kunit_suites(root):
    """[(suite, file, [(case, comment, params)])] of the whole kit."""
    out = []
    for path in sorted(glob.glob(root + "/kunit/*.c") + glob.glob(root + "/variants/*/*_kunit.c")):
        text = read(path)
        arrays = {}
        for m in re.finditer(r"struct kunit_case (\w+)\[\]\s*=\s*\{(.*?)\n\};", text, re.S):
            arrays[m.group(1)] = re.findall(r"KUNIT_CASE(\w*)\(\s*(\w+)", m.group(2))
        for m in re.finditer(r"struct kunit_suite \w+\s*=\s*\{(.*?)\n\};", text, re.S):
            name = re.search(r'\.name\s*=\s*"([^"]+)"', m.group(1))
            cases = re.search(r"\.test_cases\s*=\s*(\w+)", m.group(1))
            if not name or not cases or cases.group(1) not in arrays:
                continue
            found = []
            for kind, case in arrays[cases.group(1)]:
                at = re.search(r"(?m)^(?:static )?void %s\(" % case, text)
                found.append((case, comment_before(text, at.start()) if at else "",
                              "PARAM" in kind))
            out.append((name.group(1), os.path.relpath(path, root), found))
    return out


def function_text(root, suite_case):
    """The source of a KUnit case, with adjacent string literals joined."""
    suite, _, case = suite_case.partition(".")
    for name, path, _cases in kunit_suites(root):
        if name != suite:
            continue
        text = read(os.path.join(root, path))
        m = re.search(r"(?m)^(?:static )?void %s\(.*?^\}" % re.escape(case), text, re.S | re.M)
        if m:
            return re.sub(r'"\s*\n?\s*"', "", m.group(0))
    return None


def conformance_paths(root):
    text = read(os.path.join(root, "selftests", "conformance", "conformance.c"))
    return re.findall(r'\{ \.id = "([^"]+)", \.title = "([^"]+)"', text)


def selftests(root):
    """[(program, [(test, comment)])] of kselftest_harness programs."""
    out = []
    for path in sorted(glob.glob(root + "/selftests/tests/*.c")):
        text = read(path)
        found = [(f"{m.group(1)}.{m.group(2)}" if m.group(1) else m.group(2),
                  comment_before(text, m.start()))
                 for m in re.finditer(r"(?m)^TEST(?:_F|_F_TIMEOUT)?\((?:(\w+),\s*)?(\w+)[,)]", text)]
        if found:
            out.append((os.path.splitext(os.path.basename(path))[0], found))
    return out


def series(root, base):
    """[(number, file name, subject, message)]"""
    folder = os.path.join(root, "core-patch", "v" + base)
    out = []
    for line in read(os.path.join(folder, "series")).splitlines():
        name = line.strip()
        if not name or name.startswith("#"):
            continue
        text = read(os.path.join(folder, name))
        head, _, rest = text.partition("\n\n")
        subject = re.search(r"(?ms)^Subject: (.*?)(?=^\S|\Z)", head).group(1)
        subject = re.sub(r"\s*\n\s*", " ", re.sub(r"^\[PATCH[^]]*\]\s*", "", subject)).strip()
        message, _, stat = rest.partition("\n---\n")
        files = re.findall(r"(?m)^ (\S+)\s+\|", stat.partition("\ndiff --git")[0])
        out.append((len(out) + 1, name, subject, message.strip(), files))
    return out


def find_patch(root, base, slug):
    found = [p for p in series(root, base) if slug in p[1]]
    return found[0] if len(found) == 1 else None


# --- directives ------------------------------------------------------------

def flag_source(env, path):
    env.note_dependency(os.path.abspath(path))


class KitDirective(SphinxDirective):
    @property
    def root(self):
        return self.config.kit_root

    def warn(self, text):
        logger.warning(text, location=self.get_location())

    def target(self, label):
        node = nodes.target("", "", ids=[nodes.make_id(label)],
                            names=[nodes.fully_normalize_name(label)])
        self.state.document.note_explicit_target(node)
        return node

    def parse(self, lines):
        node = nodes.container()
        self.state.nested_parse(StringList(lines, "kitdocs"), self.content_offset, node)
        return node.children


class Timeline(KitDirective):
    """One diagram, or several side by side where there is room."""
    required_arguments = 1
    final_argument_whitespace = True
    option_spec = {"caption": directives.unchanged}

    def find(self, name):
        base = os.path.join(self.env.srcdir, "timelines")
        places = [name] if "/" in name else ["recorded/" + name, "kunit/" + name]
        for place in places:
            path = os.path.join(base, place + ".json")
            if os.path.exists(path):
                return path
            # One that appears later, by a recording, has to be noticed.
        self.warn(f"no timeline {name}")
        return None

    def caption(self, tl):
        if "kunit" in tl:
            text = function_text(self.root, tl["kunit"])
            if text is None:
                self.warn(f"timeline of a KUnit case that does not exist: {tl['kunit']}")
            else:
                for seq in tl["sequences"]:
                    if f'"{seq["order"]}"' not in text:
                        self.warn(f"{tl['kunit']} does not expect the order '{seq['order']}'")
            return (f"The order that the KUnit case :kunit:`{tl['kunit']}` expects of the "
                    "fixture's event log, which the tracepoints feed. It has no times.")
        if "events" in tl:
            kernel = f", Linux {tl['kernel']}" if tl.get("kernel") else ""
            device = f"an emulated ``{tl['device']}``"
            if tl["device"] == "slot":
                device = "an emulated slot of two functions"
            return (f"Recorded by ``make verify`` with plain vfio-pci on {device}{kernel}: tracepoints and kprobe events of the guest, and "
                    "what a hammering reader thread saw. Times in milliseconds; rows are not to "
                    "scale.")
        return tl.get("source", "A story, not a recording.")

    def run(self):
        out = []
        renderer = load_renderer(self.root)
        flag_source(self.env, os.path.join(self.root, "scripts", "timeline-svg"))
        names = self.arguments[0].split()
        if len(names) > 1:
            out.append(nodes.raw("", '<div class="timeline-pair">', format="html"))
        for name in names:
            path = self.find(name)
            if not path:
                continue
            flag_source(self.env, path)
            with open(path, encoding="utf-8") as f:
                tl = json.load(f)
            try:
                svg = renderer.draw(tl, self.env.new_serialno("timeline"))
            except (renderer.Bad, KeyError, TypeError) as e:
                self.warn(f"{path}: {e}")
                continue
            title = tl["title"]
            out.append(nodes.raw("", '<figure class="timeline"><div class="timeline-scroll" tabindex="0" '
                                 f'role="group" aria-label="{renderer.esc(title)}">{svg}</div>'
                                 "<figcaption>", format="html"))
            out += self.parse([f"**{title}.** " + self.options.get("caption", self.caption(tl))])
            out.append(nodes.raw("", "</figcaption></figure>", format="html"))
        if len(names) > 1:
            out.append(nodes.raw("", "</div>", format="html"))
        return out


class KitHelp(KitDirective):
    """The --help of a program, by running it."""
    required_arguments = 1

    def run(self):
        name = self.arguments[0]
        path = os.path.join(self.root, name)
        flag_source(self.env, path)
        try:
            run = subprocess.run([path, "--help"], capture_output=True, text=True, timeout=30,
                                 stdin=subprocess.DEVNULL, check=False)
        except OSError as e:
            self.warn(f"{name}: {e.strerror}")
            return []
        if run.returncode or not run.stdout.strip():
            self.warn(f"{name} --help gives nothing, or fails")
            return []
        text = run.stdout.rstrip().replace(self.root + "/", "")
        node = nodes.literal_block(text, text, language="none")
        box = nodes.container(classes=["kit-message"])
        box += node
        return [box]


class KitScripts(KitDirective):
    """A section with the help text for each program in scripts/."""

    def run(self):
        out = []
        for path in sorted(glob.glob(self.root + "/scripts/*")):
            name = os.path.relpath(path, self.root)
            if not os.path.isfile(path) or not os.access(path, os.X_OK):
                continue
            section = nodes.section(ids=[nodes.make_id(name)], names=[name])
            section += nodes.title(name, name)
            help_ = KitHelp("kit-help", [name], {}, StringList(), self.lineno,
                            self.content_offset, "", self.state, self.state_machine)
            section += help_.run()
            out.append(section)
        return out


class KitTests(KitDirective):
    """All tests of a kind, with a target for each."""
    required_arguments = 1

    def listing(self, entries, prefix):
        out = nodes.definition_list(classes=["kit-tests"])
        for name, text in entries:
            item = nodes.definition_list_item()
            term = nodes.term()
            label = f"{prefix}-{name}"
            term += self.target(label)
            term += nodes.literal(name, name)
            item += term
            item += nodes.definition("", nodes.paragraph(text, text or "(no comment in the source)"))
            out += item
        return out

    def section(self, title, body):
        section = nodes.section(ids=[nodes.make_id("tests " + title)], names=[])
        section += nodes.title(title, title)
        section += body
        return section

    def run(self):
        kind = self.arguments[0]
        out = []
        if kind == "kunit":
            for suite, path, cases in kunit_suites(self.root):
                flag_source(self.env, os.path.join(self.root, path))
                intro = nodes.paragraph("", f"In {path}.")
                entries = [(f"{suite}.{case}", text) for case, text, _param in cases]
                out.append(self.section(suite, [self.target("kunit-" + suite), intro,
                                                self.listing(entries, "kunit")]))
        elif kind == "paths":
            flag_source(self.env, os.path.join(self.root, "selftests", "conformance", "conformance.c"))
            out.append(self.listing(conformance_paths(self.root), "path"))
        elif kind == "selftests":
            for program, tests in selftests(self.root):
                flag_source(self.env, os.path.join(self.root, "selftests", "tests", program + ".c"))
                out.append(self.section(program, [self.listing(tests, "selftest-" + program)]))
        if not out and kind != "selftests":
            self.warn(f"no tests of kind {kind}")
        return out


class KitPatch(KitDirective):
    """A patch of the series: file name, files touched, message."""
    required_arguments = 1

    def run(self):
        patch = find_patch(self.root, self.config.kit_base, self.arguments[0])
        if not patch:
            self.warn(f"not the name of one patch: {self.arguments[0]}")
            return []
        number, name, subject, message, files = patch
        flag_source(self.env, os.path.join(self.root, "core-patch", "v" + self.config.kit_base, name))
        total = len(series(self.root, self.config.kit_base))
        message = re.sub(r"(?m)^Signed-off-by:.*\n?", "", message).rstrip()
        target = self.target("patch-" + self.arguments[0])
        self.env.metadata[self.env.docname].setdefault("kit_patches", "")
        self.env.metadata[self.env.docname]["kit_patches"] += name + "\n"
        text = f"{subject}\n\n{message}"
        block = nodes.literal_block(text, text, language="none")
        box = nodes.container(classes=["kit-message"])
        box += block
        head = self.parse([f"Patch {number} of {total}; touches " +
                           ", ".join(f"``{f}``" for f in files) + ". Its message:"])
        return [target] + head + [box]


class KitMutants(KitDirective):
    """The sabotages that the KUnit suites have to find."""

    def run(self):
        table = [".. list-table::", "   :header-rows: 1", "   :widths: 34 66", "",
                 "   * - Name", "     - What it breaks"]
        for path in sorted(glob.glob(self.root + "/negative/kernels/*.patch")):
            what = read(path).split("\n\n")[0].replace("\n", " ").strip()
            table += [f"   * - ``{os.path.basename(path)[:-6]}``", f"     - {what}"]
        for path in sorted(glob.glob(self.root + "/negative/kunit/*/main.c")):
            m = re.search(r"/\*((?:[^*]|\*(?!/))*)\*/", read(path))
            what = re.sub(r"\s+", " ", re.sub(r"(?m)^\s*\*+ ?", "", m.group(1)).strip().split("\n\n")[0])
            table += [f"   * - ``{os.path.basename(os.path.dirname(path))}``", f"     - {what}"]
        if len(table) == 6:
            self.warn("no mutants")
            return []
        return self.parse(table)


class KernelInclude(LiteralInclude):
    """literalinclude of a file of the patched kernel tree."""

    def run(self):
        path = os.path.join(self.config.kerneldoc_srctree, self.arguments[0])
        self.arguments[0] = "/" + os.path.relpath(path, self.env.srcdir)
        return super().run()


class KitMakeHelp(KitDirective):
    """What make help prints."""

    def run(self):
        flag_source(self.env, os.path.join(self.root, "Makefile"))
        env = {k: v for k, v in os.environ.items() if not k.startswith("MAKE")}
        run = subprocess.run(["make", "--no-print-directory", "-C", self.root, "help"],
                             capture_output=True, text=True, timeout=60, check=False, env=env)
        if run.returncode:
            self.warn("make help fails: " + run.stderr.strip())
            return []
        text = re.sub(r"\x1b\[[0-9;]*m", "", run.stdout.rstrip())
        box = nodes.container(classes=["kit-message"])
        box += nodes.literal_block(text, text, language="none")
        return [box]


# --- roles -----------------------------------------------------------------

class Ref(SphinxRole):
    """A link to a label that is made from the text."""

    def label(self):
        raise NotImplementedError

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


class Kunit(Ref):
    def label(self):
        return "kunit-" + self.text


class Path(Ref):
    def label(self):
        return "path-" + self.text


class Selftest(Ref):
    def label(self):
        return "selftest-" + self.text.replace(".", "-", 1)


class Rule(Ref):
    def label(self):
        return "rule-" + self.text

    def shown(self):
        return nodes.inline(self.text, self.text)


class Patch(Ref):
    def label(self):
        return "patch-" + self.text

    def shown(self):
        patch = find_patch(self.config.kit_root, self.config.kit_base, self.text)
        text = f"patch {patch[0]}" if patch else self.text
        return nodes.inline(text, text)


class Source(SphinxRole):
    """A file of the kit, or of the patched kernel; it has to exist."""

    def run(self):
        roots = [self.config.kit_root, self.config.kerneldoc_srctree]
        if not any(os.path.exists(os.path.join(r, self.text)) for r in roots):
            logger.warning(f"no such file: {self.text}", location=self.get_source_info())
        return [nodes.literal(self.text, self.text)], []


class Says(SphinxRole):
    """What the conformance program says; an ellipsis stands for anything."""

    def run(self):
        text = "".join(read(os.path.join(self.config.kit_root, "selftests", name))
                       for name in ("conformance/conformance.c", "lib/order.c"))
        text = re.sub(r'"\s*\n?\s*"', "", text)
        for part in self.text.split("…"):
            if part.strip() and part.strip() not in text:
                logger.warning(f"no test says '{part.strip()}'", location=self.get_source_info())
        return [nodes.emphasis(self.text, self.text)], []


def drop_cost(app, docname, source):
    """The page of figures is listed when there are figures."""
    if docname == "index" and not app.config.kit_cost:
        source[0] = re.sub(r"(?m)^.*cost/index.*\n", "", source[0])


def bundle_theme(app, exception):
    """Debian's furo comes without the bundling of its script: a page cannot
    run what begins with an import, and a page opened as a file no module."""
    scripts = os.path.join(app.outdir, "_static", "scripts")
    path = os.path.join(scripts, "furo.js")
    if exception or not os.path.isfile(path):
        return
    text = re.sub(r'(?m)^import \w+ from "\./([\w.-]+)";$',
                  lambda m: read(os.path.join(scripts, m.group(1))), read(path))
    with open(path, "w", encoding="utf-8") as f:
        f.write(text)


def setup(app):
    app.add_config_value("kit_cost", False, "env")
    app.connect("source-read", drop_cost)
    app.connect("build-finished", bundle_theme)
    app.add_config_value("kit_root", "", "env")
    app.add_config_value("kit_base", "7.3", "env")
    app.add_directive("timeline", Timeline)
    app.add_directive("kit-help", KitHelp)
    app.add_directive("kit-scripts", KitScripts)
    app.add_directive("kit-tests", KitTests)
    app.add_directive("kit-patch", KitPatch)
    app.add_directive("kit-mutants", KitMutants)
    app.add_directive("kernel-include", KernelInclude)
    app.add_directive("kit-make-help", KitMakeHelp)
    app.add_role("kunit", Kunit())
    app.add_role("path", Path())
    app.add_role("selftest", Selftest())
    app.add_role("rule", Rule())
    app.add_role("patch", Patch())
    app.add_role("src", Source())
    app.add_role("says", Says())
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}
