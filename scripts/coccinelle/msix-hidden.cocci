// SPDX-License-Identifier: GPL-2.0-only
/// The MSI-X table or its pending bits are in the part of a BAR that the driver
/// hides (V2).
///
/// The MSI-X capability tells user space in which BAR they are, and where. A VMM
/// that finds them behind the end of the region takes the device for broken.
/// Hide a part without them, or show the user another capability.
//
// Where they are is for the device to say, and "make verify" asks it. Here only
// constants count: what region info sets the size to, and macros and fields of
// tables whose names have MSIX or PBA in them. The size may be a constant, or a
// field that a table initialises, as it is or by way of another field.

#include "include/reachable.cocci"

@initialize:python@
@@
import re

defines = {}
initialised = []
copied = {}
sizes = []
returned = {}
compared = {}
MSIX = re.compile(r"MSI_?X|PBA", re.I)
BAR = re.compile(r"BAR|BIR|REGION", re.I)
NO_PLACE = re.compile(r"SIZE|LEN|NUM|NR|COUNT|VEC|ENTR|MASK|FLAG|SHIFT|CAP|CTRL|IRQ|BIT", re.I)
SUFFIX = {"K": 1 << 10, "M": 1 << 20, "G": 1 << 30}


def value(text):
    """Of a constant expression in C; None if it is none."""
    for _ in range(8):
        text = re.sub(r"\b[A-Za-z_]\w*\b", lambda m: defines.get(m.group(), (m.group(),))[0], text)
    text = re.sub(r"\bSZ_(\d+)([KMG]?)\b", lambda m: str(int(m[1]) * SUFFIX.get(m[2], 1)), text)
    text = re.sub(r"\bBIT(_ULL)?\s*\(", "(1 << ", text)
    text = re.sub(r"\bVFIO_PCI_BAR(\d)_REGION_INDEX\b", r"\1", text)
    text = re.sub(r"\bPAGE_SIZE\b", "4096", text)
    text = re.sub(r"\b(0[xX][0-9a-fA-F]+|\d+)[uUlL]+\b", r"\1", text).replace("/", "//")
    if not re.fullmatch(r"(0[xX][0-9a-fA-F]+|[1-9]\d*|0|<<|>>|//|[-+*|&~() ])+", text) or "**" in text:
        return None
    try:
        return int(eval(text))
    except (SyntaxError, TypeError, ValueError, ZeroDivisionError):
        return None

@define@
identifier M;
expression E;
position p;
@@
#define M@p E

@script:python@
M << define.M;
E << define.E;
p << define.p;
@@
defines[str(M)] = ("(" + str(E) + ")", p[0])

@field_value@
identifier S, T, f;
expression E;
position p;
@@
struct S T = { .f@p = E, };

@script:python@
T << field_value.T;
f << field_value.f;
E << field_value.E;
p << field_value.p;
@@
initialised.append((str(T), str(f), str(E), p[0]))

@copy@
expression E1, E2;
identifier f, g;
@@
\(E1->f\|E1.f\) = \(E2->g\|E2.g\)

@script:python@
f << copy.f;
g << copy.g;
@@
copied.setdefault(str(f), set()).add(str(g))

@copy_by_variable@
expression E1, E2;
identifier V, f, g;
@@
V = \(E2->g\|E2.g\)
...
\(E1->f\|E1.f\) = V

@script:python@
f << copy_by_variable.f;
g << copy_by_variable.g;
@@
copied.setdefault(str(f), set()).add(str(g))

@size@
identifier F, I;
expression V;
@@
F(..., struct vfio_region_info *I, ...) {
<+... I->size = V ...+>
}

@script:python@
F << size.F;
V << size.V;
@@
sizes.append((str(F), str(V)))

@returns@
identifier f;
expression E;
position p;
@@
return@p \(E->f\|E.f\);

@script:python@
f << returns.f;
p << returns.p;
@@
for at in p:
    returned.setdefault(at.current_element, set()).add(str(f))

@compares@
expression E1, E2;
position p;
@@
\(E1 ==@p E2\|E1 !=@p E2\)

@script:python@
E1 << compares.E1;
E2 << compares.E2;
p << compares.p;
@@
for at in p:
    if re.search(r"index|bar|region", str(E1), re.I):
        compared.setdefault(at.current_element, set()).add(str(E2))

@finalize:python@
@@
def last_field(text):
    m = re.fullmatch(r".*(?:->|\.)\s*(\w+)", text.strip())
    return m and m.group(1)

def with_sources(fields):
    """The fields, and those that are copied to them."""
    for _ in range(4):
        fields = fields.union(*(copied.get(f, ()) for f in fields))
    return fields

def one(values):
    """The only one, if it is known."""
    values = set(values)
    return values.pop() if len(values) == 1 else None

# Places: (table or None, name, bar, offset, position); the macros are for all tables.
named = [(None, name, text, at) for name, (text, at) in defines.items()] + initialised
msix = [(table, name, value(text), at) for table, name, text, at in named
        if MSIX.search(name) and value(text) is not None]
places = []
for table, name, offset, at in msix:
    if not BAR.search(name) and not NO_PLACE.search(name):
        # ACME_MSIX_PBA_BAR rather than ACME_MSIX_BAR, if there are both.
        bars = [(n, v) for t, n, v, _ in msix if t == table and BAR.search(n)]
        pba = [v for n, v in bars if ("PBA" in n.upper()) == ("PBA" in name.upper())]
        places.append((table, name, one(pba or [v for _, v in bars]), offset, at))

# Limits: (table or None, bar, end of what is shown).
limits = set()
for f, text in sizes:
    below = closure([f])
    indexes = set().union(*(compared.get(g, set()) for g in below))
    bar = one(v for v in map(value, indexes) if v is not None)
    if value(text) is not None:
        limits.add((None, bar, value(text)))
        continue
    fields = set().union(*(returned.get(g, set()) for g in below))
    fields = with_sources(fields | {last_field(text)})
    bar_fields = with_sources({last_field(i) for i in indexes})
    for table, name, init, at in initialised:
        # 0 stands for another way to find the end, or for no end.
        if name in fields and value(init):
            own_bar = one(value(i) for t, n, i, _ in initialised if t == table and n in bar_fields)
            limits.add((table, bar if own_bar is None else own_bar, value(init)))

for table, name, bar, offset, at in places:
    for limit_of, limit_bar, end in sorted(limits, key=str):
        if None not in (table, limit_of) and table != limit_of:
            continue
        if None not in (bar, limit_bar) and bar != limit_bar:
            continue
        if offset >= end:
            coccilib.report.print_report(at, "V2: %s: MSI-X at 0x%x is not in what region info shows, which ends at "
                                         "0x%x%s: the capability leads user space there"
                                         % (name, offset, end, " (%s)" % limit_of if limit_of else ""))
            break
