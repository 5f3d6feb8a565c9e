# SPDX-License-Identifier: GPL-2.0-only
# Copyright (C) 2026 The VFIO variant-driver kit authors
"""Find the single faults that can be made in a file, on clang's syntax tree."""

import hashlib
import re
from ctypes import byref, c_uint
from dataclasses import dataclass

from clang import cindex
from clang.cindex import CursorKind as Kind

from scope import Source

# What gives something back: deleted, it is a fault of its own.
RELEASE = re.compile(r"(^|_)(unlock|put|free|kfree|release|drop|up_read|up_write|unrevoke|"
                     r"unpin|detach|cancel|complete|end|fput|iput|mmdrop|mmput)(_|$)")
# Declarations that take a lock, until their block ends.
GUARD = re.compile(r"(guard|CLASS|scoped_guard)\s*\(")
OTHER = {"<": "<=", "<=": "<", ">": ">=", ">=": ">", "==": "!=", "!=": "=="}
# The bound that "<" to "<=" does not give already.
BOUND = {"<": "-", "<=": "+", ">": "+", ">=": "-"}
JUMPS = (Kind.RETURN_STMT, Kind.GOTO_STMT, Kind.BREAK_STMT, Kind.CONTINUE_STMT)
BLOCKS = (Kind.COMPOUND_STMT, Kind.IF_STMT, Kind.FOR_STMT, Kind.WHILE_STMT, Kind.DO_STMT,
          Kind.LABEL_STMT, Kind.CASE_STMT, Kind.DEFAULT_STMT)
KEYWORDS = {Kind.IF_STMT: "if", Kind.FOR_STMT: "for", Kind.WHILE_STMT: "while", Kind.DO_STMT: "do"}
# Options of gcc that clang does not know, or that say nothing about syntax.
KEPT = ("-fms-extensions", "-fshort-wchar", "-funsigned-char", "-m64")


@dataclass(frozen=True)
class Mutant:
    """One fault: text[start:end] of a file becomes new, on as many lines."""
    id: str
    path: str
    function: str
    line: int
    kind: str
    start: int
    end: int
    new: str

    def of(self, text: str) -> str:
        """The file with the fault."""
        return text[:self.start] + self.new + text[self.end:]


def clang_arguments(words: list[str], source: str) -> list[str]:
    """What of a command of gcc's clang needs to read the same file."""
    kept, skip = ["-w"], True
    for word in words:
        if skip or word in ("-c", source):
            skip = False
        elif word == "-o":
            skip = True
        elif not word.startswith(("-W", "-f", "-m")) or word in KEPT:
            kept.append(word)
    return kept


class Finder:
    """The mutants of one file."""

    def __init__(self, source: Source, name: str, arguments: list[str]):
        self.source, self.text, self.name = source, source.text, name
        self.function = ""
        self.found: dict[tuple[int, int, str], Mutant] = {}
        self.unit = cindex.Index.create().parse(name, args=arguments)
        errors = [str(d) for d in self.unit.diagnostics if d.severity >= cindex.Diagnostic.Error]
        if errors:
            raise ValueError(f"clang cannot read {source.path}: {errors[0]}")

    def run(self) -> list[Mutant]:
        for cursor in self.unit.cursor.get_children():
            if cursor.kind != Kind.FUNCTION_DECL or not cursor.is_definition():
                continue
            span = self.span(cursor)
            if span and self.touches(*span):
                self.function = cursor.spelling
                self.walk(cursor)
        return sorted(self.found.values(), key=lambda m: (m.start, m.end, m.new))

    # Where a cursor is in the file. What a macro is given is there as it was
    # written; what comes out of a macro's body is the whole call of the macro.

    def offset(self, location) -> int:
        file, line, column, offset = cindex.c_object_p(), c_uint(), c_uint(), c_uint()
        cindex.conf.lib.clang_getFileLocation(
            location, byref(file), byref(line), byref(column), byref(offset))
        if not file or cindex.File(file).name != self.name:
            return -1
        return offset.value

    def span(self, cursor) -> tuple[int, int] | None:
        start, end = self.offset(cursor.extent.start), self.offset(cursor.extent.end)
        return (start, end) if 0 <= start < end else None

    def line(self, offset: int) -> int:
        return self.text.count("\n", 0, offset) + 1

    def touches(self, start: int, end: int) -> bool:
        return any(n in self.source.lines for n in range(self.line(start), self.line(end) + 1))

    def add(self, kind: str, start: int, end: int, new: str) -> None:
        old = self.text[start:end]
        new += "\n" * (old.count("\n") - new.count("\n"))
        if old == new or not self.touches(start, end):
            return
        key = (start, end, new)
        words = f"{self.source.path}\0{self.text}\0{start}\0{end}\0{new}"
        digest = hashlib.sha256(words.encode()).hexdigest()[:12]
        self.found.setdefault(key, Mutant(
            digest, self.source.path, self.function, self.line(start), kind, start, end, new))

    # The kinds of faults.

    def walk(self, cursor) -> None:
        children = list(cursor.get_children())
        if cursor.kind in BLOCKS and self.span(cursor):
            self.statements(cursor, children)
        if cursor.kind in (*KEYWORDS, Kind.CONDITIONAL_OPERATOR):
            self.condition(cursor, children)
        elif cursor.kind == Kind.BINARY_OPERATOR and len(children) == 2:
            self.operator(*children)
        elif cursor.kind == Kind.UNARY_OPERATOR:
            self.negation(cursor, children)
        elif cursor.kind in (Kind.DECL_REF_EXPR, Kind.CXX_BOOL_LITERAL_EXPR, Kind.INTEGER_LITERAL):
            self.truth(cursor)
        for child in children:
            self.walk(child)

    def is_written(self, cursor, span: tuple[int, int]) -> bool:
        """Does the file itself have this statement, not a macro?"""
        if cursor.kind == Kind.COMPOUND_STMT:
            return self.text[span[0]] == "{"
        word = KEYWORDS.get(cursor.kind)
        return not word or bool(re.match(rf"{word}\b", self.text[span[0]:]))

    def statements(self, cursor, children) -> None:
        """Delete each, and swap two calls that follow each other."""
        before = None
        span = self.span(cursor)
        if not self.is_written(cursor, span):
            # A loop of a macro's: the header is a call, with all of its own in it.
            if GUARD.match(self.text, span[0]) and children:
                body = self.span(children[-1])
                if body and self.text[body[0]] == "{":
                    self.add("drop lock", span[0], body[0], "if (1) ")
            return
        for child in self.bodies(cursor, children):
            span = self.span(child)
            if not span:
                before = None
                continue
            text = self.text[slice(*span)]
            if child.kind == Kind.DECL_STMT and GUARD.match(text):
                self.add("drop lock", *span, ";")
            elif child.kind in JUMPS:
                self.add("delete jump", *span, "")
            elif self.is_expression(child):
                called = re.match(r"\w+", text)
                kind = "drop release" if called and RELEASE.search(called[0]) else "delete statement"
                self.add(kind, *span, "")
            calls = self.is_expression(child) and "(" in text
            if calls and before and cursor.kind == Kind.COMPOUND_STMT:
                between = self.text[before[1]:span[0]]
                if re.fullmatch(r";(\s|/\*([^*]|\*[^/])*\*/)*", between):
                    self.add("swap calls", before[0], span[1],
                             text + between + self.text[slice(*before)])
            before = span if calls else None

    def bodies(self, cursor, children):
        """Of what a statement has, the statements."""
        if cursor.kind == Kind.COMPOUND_STMT:
            return children
        if cursor.kind == Kind.IF_STMT:
            return children[1:]
        return children[:1] if cursor.kind == Kind.DO_STMT else children[-1:]

    def is_expression(self, cursor) -> bool:
        """Is it a call, an assignment or another expression with an effect?"""
        if cursor.kind.is_expression():
            span = self.span(cursor)
            after = self.text[span[1]:span[1] + 40].lstrip() if span else ""
            return after.startswith(";")
        return False

    def condition(self, cursor, children) -> None:
        span = self.span(cursor)
        if not children or not span or not self.is_written(cursor, span):
            return
        condition = children[1] if cursor.kind == Kind.DO_STMT else children[0]
        if cursor.kind == Kind.FOR_STMT:
            condition = self.for_condition(span, children)
        where = self.span(condition) if condition is not None else None
        if not where:
            return
        text = self.text[slice(*where)]
        if cursor.kind == Kind.CONDITIONAL_OPERATOR and not self.text[where[1]:].lstrip(" \t\n)").startswith("?"):
            return
        self.add("negate condition", *where, f"!({text})")
        if cursor.kind == Kind.IF_STMT:
            self.add("condition always true", *where, f"({text}) || 1")
            self.add("condition never true", *where, f"({text}) && 0")

    def for_condition(self, span, children):
        """A for statement may lack parts, and its cursor does not say which."""
        depth, marks = 0, []
        for at in range(span[0], span[1]):
            depth += {"(": 1, ")": -1}.get(self.text[at], 0)
            if self.text[at] == ";" and depth == 1:
                marks.append(at)
                if len(marks) == 2:
                    break
        for child in children:
            where = self.span(child)
            if where and len(marks) == 2 and marks[0] < where[0] and where[1] <= marks[1]:
                return child
        return None

    def operator(self, left, right) -> None:
        first, second = self.span(left), self.span(right)
        if not first or not second:
            return
        between = self.text[first[1]:second[0]]
        word = between.strip()
        at = first[1] + between.find(word) if word else 0
        a, b = self.text[slice(*first)], self.text[slice(*second)]
        if word in ("&&", "||"):
            self.add("drop condition", first[0], second[1], a)
            self.add("drop condition", first[0], second[1], b)
        elif word in OTHER:
            self.add("other comparison", at, at + len(word), OTHER[word])
            if word in BOUND:
                self.add("off by one", *second, f"({b}) {BOUND[word]} 1")
        elif word in ("+", "-") and b == "1":
            self.add("off by one", first[0], second[1], a)

    def negation(self, cursor, children) -> None:
        span = self.span(cursor)
        inner = self.span(children[0]) if children else None
        if span and inner and self.text[span[0]] == "!" and self.text[span[0] + 1:inner[0]].strip(" (") == "":
            self.add("negate condition", span[0], span[0] + 1, "")

    def truth(self, cursor) -> None:
        span = self.span(cursor)
        text = self.text[slice(*span)] if span else ""
        if text in ("true", "false"):
            self.add("true or false", *span, "false" if text == "true" else "true")


def mutants(source: Source, name: str, words: list[str], folder: str) -> list[Mutant]:
    """All of a file: its name for the compiler, the compiler's words, where it runs."""
    arguments = [f"-working-directory={folder}", *clang_arguments(words, name)]
    return Finder(source, name, arguments).run()
