// SPDX-License-Identifier: GPL-2.0-only
/// A fault handler waits for memory_lock (C2).
///
/// A fault runs with mmap_lock or the VMA's lock held, and a reset holds
/// memory_lock for as long as it takes. If the fault waits for it, each mmap() of
/// the process waits for the fault, and each further fault for the mmap(). With a
/// driver that copies to user memory under memory_lock it is a deadlock.
/// vfio_pci_core_fault_lock() gives the fault's lock back first.

@initialize:python@
@@
MESSAGE = ("C2: waits for memory_lock with the fault's lock held, which stops the "
           "whole process: use vfio_pci_core_fault_lock()")

@wait@
identifier F, vmf;
expression E;
position p;
@@
F(..., struct vm_fault *vmf, ...) {
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
identifier F, vmf;
expression C, E;
statement S;
position p;
@@
F(..., struct vm_fault *vmf, ...) {
<+...
scoped_guard(C, \(&E->memory_lock@p\|&E.memory_lock@p\)) S
...+>
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
