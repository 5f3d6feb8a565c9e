// SPDX-License-Identifier: GPL-2.0-only
/// A part of a BAR is hidden at some places, but not at all of them (V2).
///
/// What a driver hides it hides in region info, read and write, mmap and DMABUF
/// export, and no ioeventfd leads there: each of them is a way for the user,
/// and one that is left open is as good as all.
//
// A driver is taken to hide something if its .mmap checks bounds and then calls
// vfio_pci_core_mmap(), if its region info changes the size of a region, or if
// its get_dmabuf_phys() is its only function that is not the core's. One that does
// nothing but call the core's is the core's. With a check_range() the core keeps the
// user out everywhere, but region info has to say so.

@initialize:python@
@@
tables = {}
where = {}
narrow_mmap = set()
own_mapping = set()
narrow_info = set()
exports = []
checks = []
passes = {}
CORE = {
    "get_region_info_caps": "vfio_pci_ioctl_get_region_info",
    "read": "vfio_pci_core_read",
    "write": "vfio_pci_core_write",
    "mmap": "vfio_pci_core_mmap",
    "ioctl": "vfio_pci_core_ioctl",
}

@table@
identifier O;
position p;
@@
struct vfio_device_ops O@p = { ..., };

@script:python@
O << table.O;
p << table.p;
@@
tables.setdefault(O, {})
where[O] = p[0]

@entry@
identifier O, op, f;
@@
struct vfio_device_ops O = { .op = f, };

@script:python@
O << entry.O;
op << entry.op;
f << entry.f;
@@
tables.setdefault(O, {})[op] = f

@export@
identifier O, f;
@@
struct vfio_pci_device_ops O = { .get_dmabuf_phys = f, };

@script:python@
f << export.f;
@@
exports.append(f)

@checked@
identifier O, f;
@@
struct vfio_pci_device_ops O = { .check_range = f, };

@script:python@
f << checked.f;
@@
checks.append(f)

@through@
identifier F;
identifier C =~ "^vfio_pci_";
@@
F(...) { return C(...); }

@script:python@
F << through.F;
C << through.C;
@@
passes[F] = C

@bounds@
identifier F, vma;
@@
F(..., struct vm_area_struct *vma) {
<+... vma->vm_end ...+>
}

@passes_on@
identifier bounds.F;
position p;
@@
F(...) {
<+... vfio_pci_core_mmap@p(...) ...+>
}

@script:python@
F << bounds.F;
p << passes_on.p;
@@
narrow_mmap.add(F)

@maps@
identifier F, vma;
expression V;
@@
F(..., struct vm_area_struct *vma) {
<+...
(
vma->vm_ops = V
|
vfio_pci_core_mmap_ranges(...)
|
vfio_pci_core_mmap_memory(...)
)
...+>
}

@script:python@
F << maps.F;
@@
own_mapping.add(F)

@whole@
identifier I;
constant C;
expression E;
position p;
@@
(
I->size@p = pci_resource_len(...)
|
I->size@p = E->cfg_size
|
I->size@p = C
)

@info@
identifier F, I;
expression V;
position p != whole.p;
@@
F(..., struct vfio_region_info *I, ...) {
<+... I->size@p = V ...+>
}

@script:python@
F << info.F;
@@
narrow_info.add(F)

@finalize:python@
@@
exports = [passes.get(f, f) for f in exports]
for name, ops in sorted(tables.items()):
    ops = {op: passes.get(f, f) for op, f in ops.items()}
    mmap = ops.get("mmap")
    # Which table goes with which ops is not followed: all of them count.
    own_export = exports and "vfio_pci_core_get_dmabuf_phys" not in exports
    hides = []
    if mmap in narrow_mmap and mmap not in own_mapping:
        hides.append("mmap")
    if ops.get("get_region_info_caps") in narrow_info:
        hides.append("region info")
    if own_export and all(ops.get(op) == CORE[op] for op in ("get_region_info_caps", "read", "write", "mmap")):
        hides.append("DMABUF export")
    if not hides:
        continue
    core = [op for op in CORE if ops.get(op) == CORE[op]]
    if checks:
        core = [op for op in core if op == "get_region_info_caps"]
    open_ = [text for op, text in (("get_region_info_caps", "region info"), ("mmap", "mmap")) if op in core]
    if "read" in core or "write" in core:
        open_.append("read and write")
    if exports and not checks and all(f == "vfio_pci_core_get_dmabuf_phys" for f in exports):
        open_.append("DMABUF export")
    if "ioctl" in core:
        open_.append("ioeventfd (VFIO_DEVICE_IOEVENTFD)")
    if open_:
        coccilib.report.print_report(where[name], "V2: %s: a part of a region is hidden in %s, but not in %s"
                                     % (name, " and ".join(hides), ", ".join(open_)))
