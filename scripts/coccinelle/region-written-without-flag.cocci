// SPDX-License-Identifier: GPL-2.0-only
/// A region without VFIO_REGION_INFO_FLAG_WRITE can be written (C13).
///
/// The core shows the flags to the user and holds mappings and exports to them.
/// Reads and writes it passes on: it is the region's .rw, or the driver's
/// .write, that has to refuse a write.
//
// Known where the flags are constants: in the call that registers the region,
// in a macro or a local variable that is passed there, or in region info. A
// .rw that refuses returns an error if "iswrite", or under a condition that is
// true then.

#include "include/reachable.cocci"

@initialize:python@
@@
import re

registered = []
rw = {}
defines = {}
assigned = {}
refusing = set()
passing = {}
info_flags = {}
tables = {}
where = {}
passes = {}
FROM_USER = {"copy_from_user", "__copy_from_user", "get_user", "__get_user", "copy_struct_from_user",
             "memdup_user", "vfio_pci_core_do_io_rw", "vfio_pci_core_write"}


def all_flags(text, function):
    """What may be in the flags, with macros and local variables expanded; None if unknown."""
    for _ in range(4):
        text = re.sub(r"\b\w+\b", lambda m: assigned.get((function, m.group()), defines.get(m.group(), m.group())), text)
    known = re.findall(r"\b[A-Za-z_]\w*\b", text)
    return text if all(word.startswith("VFIO_REGION_INFO_FLAG_") for word in known) else None


def without_write(text, function):
    flags = all_flags(text, function)
    return flags is not None and "VFIO_REGION_INFO_FLAG_WRITE" not in flags

@define@
identifier M;
expression E;
@@
#define M E

@script:python@
M << define.M;
E << define.E;
@@
defines[str(M)] = "(" + str(E) + ")"

@local_variable@
type T;
identifier V;
expression E;
position p;
@@
(
T V@p = E;
|
V@p = E
|
V@p |= E
)

@script:python@
V << local_variable.V;
E << local_variable.E;
p << local_variable.p;
@@
for at in p:
    key = (at.current_element, str(V))
    assigned[key] = "%s (%s)" % (assigned.get(key, ""), E)

@registration@
identifier O;
expression E1, E2, E3, E4, E5, FLAGS;
position p;
@@
vfio_pci_core_register_dev_region@p(E1, E2, E3, &O, E4, FLAGS, E5)

@script:python@
O << registration.O;
FLAGS << registration.FLAGS;
p << registration.p;
@@
registered.extend((at, str(O), str(FLAGS)) for at in p)

@regops@
identifier O, f;
@@
struct vfio_pci_regops O = { .rw = f, };

@script:python@
O << regops.O;
f << regops.f;
@@
rw[str(O)] = str(f)

@refuses@
identifier F, W;
expression C;
constant E;
identifier L;
expression R;
@@
F(..., bool W) {
<+...
(
if (C) return -E;
|
if (C) { ... return -E; }
|
if (C) { ... R = -E; ... goto L; }
)
...+>
}

@script:python@
F << refuses.F;
W << refuses.W;
C << refuses.C;
@@
# True whenever W is: W, or one of several that are joined by ||.
if any(part.strip(" ()") == str(W) for part in str(C).split("||")) and "&&" not in str(C):
    refusing.add(str(F))

@passes_on@
identifier F, W, G;
@@
F(..., bool W) {
<+... G(..., W, ...) ...+>
}

@script:python@
F << passes_on.F;
G << passes_on.G;
@@
passing.setdefault(str(F), set()).add(str(G))

@info@
identifier F, I;
expression V;
position p;
@@
F(..., struct vfio_region_info *I, ...) {
<+...
(
I->flags@p = V
|
I->flags@p |= V
|
I->flags@p &= V
)
...+>
}

@script:python@
F << info.F;
V << info.V;
@@
info_flags.setdefault(str(F), []).append(str(V))

@entry@
identifier O, op, f;
position p;
@@
struct vfio_device_ops O@p = { .op = f, };

@script:python@
O << entry.O;
op << entry.op;
f << entry.f;
p << entry.p;
@@
tables.setdefault(str(O), {})[str(op)] = str(f)
where[str(O)] = p[0]

@through@
identifier F;
identifier C =~ "^vfio_pci_";
@@
F(...) { return C(...); }

@script:python@
F << through.F;
C << through.C;
@@
passes[str(F)] = str(C)

@finalize:python@
@@
for at, ops, flags in registered:
    f = rw.get(ops)
    if f is None or not without_write(flags, at.current_element):
        continue
    below = closure([f])
    writes = below & FROM_USER
    # With iswrite, to a function that is not in these files.
    for g in below:
        writes |= {c for c in passing.get(g, ()) if c not in mentions and c.endswith("_rw")}
    if writes and not below & refusing:
        coccilib.report.print_report(at, "C13: %s is registered without VFIO_REGION_INFO_FLAG_WRITE, but %s() writes, "
                                     "with %s(): return an error if iswrite, or set the flag" % (ops, f, sorted(writes)[0]))

for name, ops in tables.items():
    info = ops.get("get_region_info_caps")
    write = passes.get(ops.get("write"), ops.get("write"))
    flags = info_flags.get(info, ())
    takes = any(re.search(r"~\s*\(?[^)]*VFIO_REGION_INFO_FLAG_WRITE", text) for text in flags)
    if takes or any("VFIO_REGION_INFO_FLAG_READ" in text and without_write(text, info) for text in flags):
        if write == "vfio_pci_core_write":
            coccilib.report.print_report(where[name], "C13: %s: %s() shows a region without VFIO_REGION_INFO_FLAG_WRITE, "
                                         "but .write is the core's, which writes" % (name, info))
