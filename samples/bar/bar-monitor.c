// SPDX-License-Identifier: GPL-2.0-only
/*
 * What a virtual machine monitor owes a guest whose device is revoked.
 *
 * Copyright (C) 2026 The VFIO variant-driver kit authors
 *
 * The program runs a guest of one vCPU that does nothing but read a word of a BAR,
 * which it has in its address space. It shows what a monitor has to know:
 *
 * - A vCPU that reads while the device is reset waits in KVM_RUN, and goes on.
 * - A vCPU that reads while memory is disabled, or the device sleeps, makes KVM_RUN
 *   fail with EFAULT. Nothing is wrong with the guest: a monitor that aborts on
 *   EFAULT lets each guest kill itself by a write to PCI_COMMAND.
 * - So take the BAR out of the guest's address space *before* the write that
 *   disables it goes to the device. The guest's accesses then come to the monitor,
 *   as KVM_EXIT_MMIO: answer reads with all ones and drop writes, as hardware does.
 * - Resets by others and errors come without a write by the guest. A vCPU may be too
 *   late for those, so KVM_RUN's EFAULT has to be survived all the same: look whether
 *   the BAR can be read, take it out of the address space if not, and run again.
 * - The monitor's own accesses get SIGBUS. Guard them, as try_read() does.
 */
#include <err.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/kvm.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>

#include "bar.h"

#define CODE_ADDRESS	0x1000
#define BAR_ADDRESS	0x10000
#define PORT		0x10

enum { SLOT_CODE, SLOT_BAR };

static const char usage[] =
	"usage: bar-monitor [-b BAR] [-o OFFSET] DEVICE\n"
	"\n"
	"Gives a guest a page of a BAR of a PCI device, and shows what the guest and\n"
	"the monitor see while it is revoked. DEVICE is a PCI address like\n"
	"0000:01:00.0; it must be bound to vfio-pci or a variant driver.\n"
	"\n"
	"  -b BAR      the region (default 0)\n"
	"  -o OFFSET   where in it, a multiple of the page size (default 0)\n"
	"\n"
	"Exit status: 0 if all was as this program says; 1 if not; 4 without KVM.\n";

/* In 16 bits: mov ax, [0]; out PORT, ax; jmp back. DS begins at BAR_ADDRESS. */
static const unsigned char code[] = { 0xa1, 0x00, 0x00, 0xe7, PORT, 0xeb, 0xf9 };

static int device, vm, vcpu;
static struct kvm_run *run;
static char *bar;		/* the monitor's own mapping of the page */
static size_t page;

/* What the guest's read came to. */
enum guest_read {
	READ_VALUE,		/* from the BAR, by the guest itself */
	READ_TRAPPED,		/* the monitor has answered it */
	READ_TOO_LATE,		/* KVM_RUN has failed with EFAULT */
};

static void set_slot(unsigned int slot, __u64 address, void *memory, size_t size)
{
	struct kvm_userspace_memory_region region = {
		.slot = slot,
		.guest_phys_addr = address,
		.memory_size = size,	/* 0 removes the slot */
		.userspace_addr = (__u64)memory,
	};

	if (ioctl(vm, KVM_SET_USER_MEMORY_REGION, &region))
		err(1, "KVM_SET_USER_MEMORY_REGION");
}

static void show_bar(void)
{
	set_slot(SLOT_BAR, BAR_ADDRESS, bar, page);
}

static void hide_bar(void)
{
	set_slot(SLOT_BAR, BAR_ADDRESS, bar, 0);
}

static bool open_kvm(void)
{
	struct kvm_regs regs = { .rip = CODE_ADDRESS, .rflags = 2 };
	struct kvm_sregs sregs;
	char *memory;
	int kvm, size;

	kvm = open("/dev/kvm", O_RDWR | O_CLOEXEC);
	if (kvm < 0)
		return false;
	vm = ioctl(kvm, KVM_CREATE_VM, 0);
	if (vm < 0)
		err(1, "KVM_CREATE_VM");

	memory = mmap(NULL, page, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (memory == MAP_FAILED)
		err(1, "mmap");
	memcpy(memory, code, sizeof(code));
	set_slot(SLOT_CODE, CODE_ADDRESS, memory, page);

	vcpu = ioctl(vm, KVM_CREATE_VCPU, 0);
	size = ioctl(kvm, KVM_GET_VCPU_MMAP_SIZE, 0);
	if (vcpu < 0 || size < 0)
		err(1, "KVM_CREATE_VCPU");
	run = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, vcpu, 0);
	if (run == MAP_FAILED || ioctl(vcpu, KVM_GET_SREGS, &sregs))
		err(1, "the vCPU");
	sregs.cs.base = 0;
	sregs.cs.selector = 0;
	sregs.ds.base = BAR_ADDRESS;
	sregs.ds.selector = BAR_ADDRESS >> 4;
	if (ioctl(vcpu, KVM_SET_SREGS, &sregs) || ioctl(vcpu, KVM_SET_REGS, &regs))
		err(1, "the registers of the vCPU");
	return true;
}

/* Let the guest read once. A real monitor's loop has these cases, and more. */
static enum guest_read guest_read(__u16 *value)
{
	enum guest_read how = READ_VALUE;

	for (;;) {
		if (ioctl(vcpu, KVM_RUN, 0)) {
			if (errno == EINTR)
				continue;
			if (errno == EFAULT)
				return READ_TOO_LATE;
			err(1, "KVM_RUN");
		}
		switch (run->exit_reason) {
		case KVM_EXIT_MMIO:
			/* No memory there for now: what hardware returns is all ones. */
			if (!run->mmio.is_write)
				memset(run->mmio.data, 0xff, sizeof(run->mmio.data));
			how = READ_TRAPPED;
			break;
		case KVM_EXIT_IO:
			memcpy(value, (char *)run + run->io.data_offset, sizeof(*value));
			return how;
		default:
			errx(1, "KVM_RUN: exit reason %u", run->exit_reason);
		}
	}
}

static void expect(bool right, const char *what)
{
	tell("%s: %s", right ? "ok" : "WRONG", what);
	if (!right)
		exit(1);
}

/* The guest writes PCI_COMMAND, and the monitor has to hand that on. */
static void guest_sets_memory(bool on)
{
	if (!on)
		hide_bar();
	set_memory(device, on);
	if (on)
		show_bar();
}

/* A vCPU that was too late: is it the BAR, and is it gone? Then hide it. */
static bool survive_too_late(void)
{
	__u32 word;

	if (try_read(bar, page, 0, &word))
		return true;	/* back already: just run again */
	hide_bar();
	return false;
}

static void *reset(void *arg)
{
	int *result = arg;

	*result = ioctl(device, VFIO_DEVICE_RESET);
	return NULL;
}

static void show_guest(__u32 word)
{
	int reset_result = -1;
	pthread_t resetter;
	__u16 value;

	show_bar();
	expect(guest_read(&value) == READ_VALUE && value == (__u16)word,
	       "the guest reads the BAR by itself");

	guest_sets_memory(false);
	expect(guest_read(&value) == READ_TRAPPED && value == 0xffff,
	       "memory disabled, the BAR hidden before: the monitor answers all ones");
	guest_sets_memory(true);
	expect(guest_read(&value) == READ_VALUE && value == (__u16)word,
	       "memory enabled: the guest reads the BAR by itself again");

	set_memory(device, false);
	expect(guest_read(&value) == READ_TOO_LATE,
	       "memory disabled, the BAR not hidden: KVM_RUN fails with EFAULT");
	expect(!survive_too_late() && guest_read(&value) == READ_TRAPPED,
	       "the BAR hidden afterwards: the vCPU goes on, the monitor answers");
	guest_sets_memory(true);

	if (pthread_create(&resetter, NULL, reset, &reset_result))
		errx(1, "pthread_create");
	do {
		value = 0;
	} while (guest_read(&value) == READ_TOO_LATE && survive_too_late());
	pthread_join(resetter, NULL);
	show_bar();
	if (reset_result)
		tell("the device cannot be reset");
	else
		expect(guest_read(&value) == READ_VALUE,
		       "a reset: the vCPU has waited, and goes on");
}

int main(int argc, char *argv[])
{
	unsigned long region = 0, offset = 0;
	struct vfio_region_info info;
	__u32 word;
	bool kvm;
	int opt;

	while ((opt = getopt(argc, argv, "b:o:h")) != -1) {
		if (opt == 'b') {
			region = parse_number(optarg, "BAR");
		} else if (opt == 'o') {
			offset = parse_number(optarg, "OFFSET");
		} else {
			fputs(usage, opt == 'h' ? stdout : stderr);
			return opt == 'h' ? 0 : 1;
		}
	}
	if (optind != argc - 1) {
		fputs(usage, stderr);
		return 1;
	}

	page = sysconf(_SC_PAGESIZE);
	device = open_device(argv[optind]);
	info = get_region(device, region, offset, page);
	bar = mmap(NULL, page, PROT_READ | PROT_WRITE, MAP_SHARED, device, info.offset + offset);
	if (bar == MAP_FAILED)
		err(1, "cannot map region %lu", region);
	catch_sigbus();

	set_memory(device, true);
	expect(try_read(bar, page, 0, &word), "the monitor reads the BAR");
	set_memory(device, false);
	expect(!try_read(bar, page, 0, &word), "memory disabled: the monitor's access gets SIGBUS");
	set_memory(device, true);
	expect(try_read(bar, page, 0, &word), "memory enabled: the same access works");

	kvm = open_kvm();
	if (!kvm) {
		tell("no /dev/kvm: no guest is run");
		return 4;
	}
	show_guest(word);
	return 0;
}
