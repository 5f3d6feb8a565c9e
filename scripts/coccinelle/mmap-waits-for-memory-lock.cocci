// SPDX-License-Identifier: GPL-2.0-only
/// .mmap waits for memory_lock (C2).
///
/// .mmap runs with mmap_lock held for write. Somebody who holds memory_lock for
/// read and copies to or from user memory waits for mmap_lock, and a writer in
/// the queue keeps .mmap from getting memory_lock: none of the three goes on.
/// Leave it to the fault handler, and to the core's helpers.
//
// What gets a VMA is taken for a part of .mmap; fault handlers get a vm_fault.

@initialize:python@
@@
MESSAGE = ("C2: waits for memory_lock with mmap_lock held for write, which deadlocks; "
           "leave it to .fault, or to vfio_pci_core_remap_pfn_range()")

@wait@
identifier F, vma;
expression E;
position p;
@@
F(..., struct vm_area_struct *vma, ...) {
<+...
(
\(down_read\|down_read_killable\|down_read_interruptible\|down_write\|down_write_killable\)(\(&E->memory_lock@p\|&E.memory_lock@p\))
|
guard(...)(\(&E->memory_lock@p\|&E.memory_lock@p\))
)
...+>
}

@scoped@
iterator name scoped_guard;
identifier F, vma;
expression C, E;
statement S;
position p;
@@
F(..., struct vm_area_struct *vma, ...) {
... when any
scoped_guard(C, \(&E->memory_lock@p\|&E.memory_lock@p\)) S
... when any
}

@script:python@
p << scoped.p;
@@
for at in p:
    coccilib.report.print_report(at, MESSAGE)

@script:python@
p << wait.p;
@@
for at in p:
    coccilib.report.print_report(at, MESSAGE)
