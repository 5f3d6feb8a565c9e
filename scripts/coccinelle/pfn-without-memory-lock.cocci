// SPDX-License-Identifier: GPL-2.0-only
/// PFNs are installed without memory_lock, or without a look at the device (V3).
///
/// A revocation holds memory_lock for write. A fault handler that does not hold
/// it for read installs PTEs behind its back, which survive into the reset.
/// vfio_pci_core_fault_lock() takes it.
/// And it has to look whether memory is enabled and not runtime-suspended,
/// which vfio_pci_vmf_insert_pfn() does.
//
// A helper that is called with the lock held says so by lockdep_assert_held().

#include "include/reachable.cocci"

@initialize:python@
@@
findings = []

@scoped exists@
iterator name scoped_guard, scoped_cond_guard;
identifier insert =~ "^(vfio_pci_)?vmf?_insert_(pfn|mixed)[a-z_]*$";
expression C, D, E;
position p;
@@
(
scoped_guard(C, \(&E->memory_lock\|&E.memory_lock\)) {
<+... insert@p(...) ...+>
}
|
scoped_cond_guard(C, D, \(&E->memory_lock\|&E.memory_lock\)) {
<+... insert@p(...) ...+>
}
)

@unlocked exists@
identifier F;
identifier insert =~ "^(vfio_pci_)?vmf?_insert_(pfn|mixed)[a-z_]*$";
expression E;
position p != scoped.p;
@@
F(...) {
... when != vfio_pci_core_fault_lock(...)
    when != \(down_read\|down_read_killable\|down_read_trylock\|down_write\)(&E->memory_lock)
    when != guard(...)(&E->memory_lock)
    when != \(lockdep_assert_held\|lockdep_assert_held_read\|lockdep_assert_held_write\)(&E->memory_lock)
    when != \(down_read\|down_read_killable\|down_read_trylock\|down_write\)(&E.memory_lock)
    when != guard(...)(&E.memory_lock)
    when != \(lockdep_assert_held\|lockdep_assert_held_read\|lockdep_assert_held_write\)(&E.memory_lock)
insert@p(...)
... when any
}

@script:python@
p << unlocked.p;
insert << unlocked.insert;
@@
findings.extend((at, "V3: %s() without memory_lock: take it by "
                     "vfio_pci_core_fault_lock()" % insert) for at in p)

@given_up exists@
identifier insert =~ "^(vfio_pci_)?vmf?_insert_(pfn|mixed)[a-z_]*$";
expression E;
position p != {scoped.p, unlocked.p};
@@
(
\(up_read\|up_write\)(&E->memory_lock)
|
\(up_read\|up_write\)(&E.memory_lock)
|
vfio_pci_core_fault_unlock(E)
)
... when != vfio_pci_core_fault_lock(...)
    when != \(down_read\|down_read_killable\|down_read_trylock\|down_write\)(&E->memory_lock)
    when != guard(...)(&E->memory_lock)
    when != \(down_read\|down_read_killable\|down_read_trylock\|down_write\)(&E.memory_lock)
    when != guard(...)(&E.memory_lock)
insert@p(...)

@script:python@
p << given_up.p;
insert << given_up.insert;
@@
findings.extend((at, "V3: %s() after memory_lock has been released: "
                     "hold it for read meanwhile" % insert) for at in p)

@blind exists@
identifier F;
identifier insert =~ "^vmf?_insert_(pfn|mixed)[a-z_]*$";
position p;
@@
F(...) {
... when != __vfio_pci_memory_enabled(...)
insert@p(...)
... when any
}

@script:python@
p << blind.p;
insert << blind.insert;
@@
findings.extend((at, "V3: %s() does not look whether memory is enabled and not "
                     "suspended: use vfio_pci_vmf_insert_pfn()" % insert) for at in p)

@finalize:python@
@@
report_reached(findings)
