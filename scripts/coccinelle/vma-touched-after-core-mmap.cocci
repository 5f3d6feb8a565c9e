// SPDX-License-Identifier: GPL-2.0-only
/// .mmap changes a VMA after the core has set it up (V8).
///
/// After vfio_pci_core_mmap() or vfio_pci_core_mmap_ranges() has succeeded, the
/// VMA's vm_ops, vm_private_data, vm_file and vm_pgoff are the core's. With other
/// vm_ops nobody drops the reference to the device's file, and the device never
/// closes; with another vm_pgoff other pages are mapped than were checked.

@initialize:python@
@@
touched = set()

@touch exists@
identifier F, vma;
identifier helper =~ "^vfio_pci_core_mmap(_ranges)?$";
expression V, L;
position p;
@@
F(..., struct vm_area_struct *vma, ...) {
...
helper(..., vma, ...)
... when any
(
vma->vm_ops@p = V
|
vma->vm_private_data@p = V
|
vma->vm_file@p = V
|
vma->vm_pgoff@p = V
|
vma->vm_pgoff@p += V
|
vma->vm_pgoff@p -= V
|
vma->vm_pgoff@p |= V
|
vma->vm_pgoff@p &= V
|
vma_set_file@p(vma, L)
)
... when any
}

@script:python@
p << touch.p;
helper << touch.helper;
@@
for at in p:
    if (at.file, at.line) not in touched:
        touched.add((at.file, at.line))
        coccilib.report.print_report(at, "V8: changes the VMA after %s(), whose it is: "
                                     "check and set up what is needed before" % helper)
