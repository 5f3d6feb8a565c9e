// SPDX-License-Identifier: GPL-2.0-only
//
// Which functions does the user of a VFIO device reach through its fd?
//
// A driver can have other users: a helper with a character device of its own, a
// sysfs file, an exporter of DMABUFs. What these map is not in the device's
// address_space, so the rules about PTEs there do not hold for them. A rule
// that includes this file asks reached() before it reports.
//
// A table of VFIO's functions is where the search begins. From a function it
// goes on to whatever the function names: functions that it calls or passes on,
// and tables of functions, for example vm_operations_struct. A call through a
// pointer, as in hw->map(), leads to every function that some table, or some
// assignment, puts into a field of that name. So what is found is a little more
// than what can be reached. Without a table of struct vfio_device_ops in the
// files, nothing is known, and all functions count.

@initialize:python@
@@
mentions = {}
called_fields = {}
field_functions = {}
struct_of = {}
assigned_mmap = set()
fault_handlers = set()

# The functions of these tables belong to another file than the device's fd.
OTHER_FILES = {"file_operations", "proc_ops", "bin_attribute", "miscdevice", "cdev", "dma_buf_ops"}
VFIO_TABLES = {"vfio_device_ops", "vfio_pci_regops", "vfio_pci_device_ops"}


def closure(start, without=frozenset()):
    """All names that can be reached, not through tables of some structs."""
    done = set()
    todo = set(start)
    while todo:
        name = todo.pop()
        done.add(name)
        if struct_of.get(name) in OTHER_FILES | without:
            continue
        new = set(mentions.get(name, ()))
        for field in called_fields.get(name, ()):
            new |= {n for n, table in field_functions.get(field, ())
                    if struct_of.get(table) not in OTHER_FILES}
        todo |= new - done
    return done


def vfio_roots():
    return {name for name, struct in struct_of.items() if struct in VFIO_TABLES} | assigned_mmap


def reached(name):
    """Does the user of the VFIO device reach the function?"""
    if "vfio_device_ops" not in struct_of.values():
        return True
    return name in closure(vfio_roots())


def report_reached(findings):
    """Report those (position, text) that are in such functions."""
    for at, text in findings:
        if reached(at.current_element):
            coccilib.report.print_report(at, text)

@mention@
identifier N;
position p;
@@
N@p

@script:python@
N << mention.N;
p << mention.p;
@@
for at in p:
    mentions.setdefault(at.current_element, set()).add(str(N))

@table_field@
identifier M, N;
position p;
@@
{ .M = N@p, }

@script:python@
M << table_field.M;
N << table_field.N;
p << table_field.p;
@@
for at in p:
    field_functions.setdefault(str(M), set()).add((str(N), at.current_element))
    if str(M) in ("fault", "huge_fault"):
        fault_handlers.add(str(N))

@assigned_field@
identifier M, N;
expression E;
@@
(
E->M = N
|
E.M = N
)

@script:python@
M << assigned_field.M;
N << assigned_field.N;
@@
field_functions.setdefault(str(M), set()).add((str(N), None))
if str(M) == "mmap":
    assigned_mmap.add(str(N))

@called_field@
identifier M;
expression E;
position p;
@@
(
E->M@p(...)
|
E.M@p(...)
)

@script:python@
M << called_field.M;
p << called_field.p;
@@
for at in p:
    called_fields.setdefault(at.current_element, set()).add(str(M))

@variable@
identifier S, V;
@@
(
struct S V;
|
struct S V = ...;
|
struct S V[...] = ...;
)

@script:python@
S << variable.S;
V << variable.V;
@@
struct_of[str(V)] = str(S)

@vm_fault_function@
identifier F, vmf;
@@
F(..., struct vm_fault *vmf, ...) { ... }

@script:python@
F << vm_fault_function.F;
@@
fault_handlers.add(str(F))
