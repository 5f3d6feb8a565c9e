// SPDX-License-Identifier: GPL-2.0-only
/// .mmap changes a VMA after the core has set it up, or fails then (V8).
///
/// After vfio_pci_core_mmap(), or vfio_pci_core_mmap_ranges() or _memory(), has
/// succeeded, the VMA is the core's. With other vm_ops nobody drops the reference to the
/// device's file, and the device never closes; so it is if .mmap fails, because
/// mm does not call vm_ops->close() then. With another vm_pgoff other pages are
/// mapped than were checked, and with other flags or another protection the user
/// may get more than the region allows.
//
// Where the core has failed, the VMA is the driver's. So paths that a test of
// the result leads to are left out. A function of the driver that leads to the
// core's counts as the core's, and one that changes the VMA as a change.

#include "include/reachable.cocci"

@initialize:python@
@@
import re

CORE = {"vfio_pci_core_mmap", "vfio_pci_core_mmap_ranges",
        "vfio_pci_core_mmap_memory"}
SETTERS = re.compile(r"^(vma_set_file|vm_flags_(set|clear|mod|reset|init|reset_once))$")
changes = []
calls = []
failures = []
changing = set()


def core_of(helper):
    """The core's function that it is or leads to."""
    found = CORE & closure([helper])
    return helper if helper in CORE else min(found) if found else None

@declared exists@
type T;
identifier helper, ret, f =~ "^vm_(ops|private_data|file|pgoff|page_prot|flags)$";
expression V;
struct vm_area_struct *vma;
assignment operator A;
position p;
@@
T ret = helper(..., vma, ...);
... when any
    when != true ret
    when != true ret < 0
    when != true ret != 0
    when != false !ret
    when != false ret == 0
vma->f@p A V

@script:python@
helper << declared.helper;
f << declared.f;
p << declared.p;
@@
changes.extend((at, str(helper), str(f)) for at in p)

@assigned exists@
identifier helper, f =~ "^vm_(ops|private_data|file|pgoff|page_prot|flags)$";
expression ret, V;
struct vm_area_struct *vma;
assignment operator A;
position p;
@@
ret = helper(..., vma, ...)
... when any
    when != true ret
    when != true ret < 0
    when != true ret != 0
    when != false !ret
    when != false ret == 0
vma->f@p A V

@script:python@
helper << assigned.helper;
f << assigned.f;
p << assigned.p;
@@
changes.extend((at, str(helper), str(f)) for at in p)

@tested exists@
identifier helper, f =~ "^vm_(ops|private_data|file|pgoff|page_prot|flags)$";
expression V;
struct vm_area_struct *vma;
assignment operator A;
statement S;
position p;
@@
(
if (\(helper(..., vma, ...)\|helper(..., vma, ...) < 0\|helper(..., vma, ...) != 0\)) S
|
helper(..., vma, ...);
)
... when any
vma->f@p A V

@script:python@
helper << tested.helper;
f << tested.f;
p << tested.p;
@@
changes.extend((at, str(helper), str(f)) for at in p)

@tested_for_success@
identifier helper, f =~ "^vm_(ops|private_data|file|pgoff|page_prot|flags)$";
expression V;
struct vm_area_struct *vma;
assignment operator A;
position p;
@@
if (\(!helper(..., vma, ...)\|helper(..., vma, ...) == 0\)) {
<+... vma->f@p A V ...+>
}

@script:python@
helper << tested_for_success.helper;
f << tested_for_success.f;
p << tested_for_success.p;
@@
changes.extend((at, str(helper), str(f)) for at in p)

@declared_call exists@
type T;
identifier helper, ret, G;
struct vm_area_struct *vma;
position p;
@@
T ret = helper(..., vma, ...);
... when any
    when != true ret
    when != true ret < 0
    when != true ret != 0
    when != false !ret
    when != false ret == 0
G@p(..., vma, ...)

@script:python@
helper << declared_call.helper;
G << declared_call.G;
p << declared_call.p;
@@
calls.extend((at, str(helper), str(G)) for at in p)

@assigned_call exists@
identifier helper, G;
expression ret;
struct vm_area_struct *vma;
position p;
@@
ret = helper(..., vma, ...)
... when any
    when != true ret
    when != true ret < 0
    when != true ret != 0
    when != false !ret
    when != false ret == 0
G@p(..., vma, ...)

@script:python@
helper << assigned_call.helper;
G << assigned_call.G;
p << assigned_call.p;
@@
calls.extend((at, str(helper), str(G)) for at in p)

@changing_function@
identifier F, vma, f =~ "^vm_(ops|private_data|file|pgoff|page_prot|flags)$";
expression V;
assignment operator A;
@@
F(..., struct vm_area_struct *vma, ...) {
<+... vma->f A V ...+>
}

@script:python@
F << changing_function.F;
@@
changing.add(str(F))

@fails exists@
identifier helper;
expression ret;
struct vm_area_struct *vma;
constant C;
position p;
@@
ret = helper(..., vma, ...)
... when any
    when != true ret
    when != true ret < 0
    when != true ret != 0
    when != false !ret
    when != false ret == 0
return@p -C;

@script:python@
helper << fails.helper;
p << fails.p;
@@
failures.extend((at, str(helper)) for at in p)

@fails_by_call exists@
identifier helper, G;
expression ret, R;
struct vm_area_struct *vma;
position p;
@@
ret = helper(..., vma, ...)
... when any
    when != true ret
    when != true ret < 0
    when != true ret != 0
    when != false !ret
    when != false ret == 0
R = G(...);
if (\(R\|R < 0\)) { ... return@p R; }

@script:python@
helper << fails_by_call.helper;
p << fails_by_call.p;
@@
failures.extend((at, str(helper)) for at in p)

@finalize:python@
@@
found = {}
for at, helper, f in changes:
    found[at.file, at.line] = (at, helper, "changes %s of the VMA after %%s(), whose it is: "
                               "check and set up what is needed before" % f)
for at, helper, g in calls:
    if g in CORE or not (SETTERS.match(g) or g in changing):
        continue
    found[at.file, at.line] = (at, helper, "%s() changes the VMA after %%s(), whose it is: "
                               "check and set up what is needed before" % g)
for at, helper in failures:
    found[at.file, at.line] = (at, helper, "fails after %s() has set up the VMA, and nobody drops what "
                               "it holds: do what can fail before")
for at, helper, text in found.values():
    if core_of(helper):
        coccilib.report.print_report(at, "V8: " + text % core_of(helper))
