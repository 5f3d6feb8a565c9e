# SPDX-License-Identifier: GPL-2.0-only
#
# The commands for people; "make help" lists them. Each is a program in
# scripts/, which runs alone as well and says what it does with --help. What
# the kernel's build reads is Kbuild.

# Settings, the same for every command: make verify BASE=7.2, or from the
# environment. A shell that is not bash leaves ~ as it is here.
BASE ?= 7.3
home = $(patsubst ~/%,$(HOME)/%,$(1))
override VARIANT := $(call home,$(VARIANT))
override KDIR := $(call home,$(KDIR))
override KSRC := $(call home,$(KSRC))
override DEST := $(call home,$(DEST))
override KIT_BUILD := $(call home,$(KIT_BUILD))
build = $(if $(KIT_BUILD),$(KIT_BUILD)/)build
export BASE VARIANT DEVICE KSRC V KIT_BUILD

.DEFAULT_GOAL := help
.PHONY: help
help: ## this list
	@echo "VFIO variant-driver kit $$(cat VERSION)"
	@echo "usage: make TARGET [SETTING=VALUE...]"
	@awk -F ':.*## ' '/^##@/ { print "\n" substr($$0, 5) } \
		/^[a-z][a-z0-9-]*:.*## / { printf "  %-17s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)
	@echo
	@echo "Settings, of each command that has a use for them"
	@echo "  BASE=7.3          the kernel: 7.3 or 7.2"
	@echo "  VARIANT=NAME      a sample of variants/, or the folder of a driver of yours"
	@echo "  DEVICE=MODEL      only this device of QEMU: igb, ivshmem-plain, nvme, ..."
	@echo "  KSRC=SOURCE       a kernel tree, tarball or checkout, not Debian's source"
	@echo "  V=1               say more"
	@echo
	@echo
	@echo "Everything is built under build/, or under KIT_BUILD/build; downloads and"
	@echo "ccache are in KIT_CACHE, by default ~/.cache/vfio-variant-kit."

##@ Run it

.PHONY: setup
setup: ## install what is needed (Debian; root or sudo for apt only)
	@scripts/setup

.PHONY: verify
verify: ## try every revocation path of every variant, in a guest
	@scripts/verify

.PHONY: verify-host
verify-host: ## the same on a real device of this machine, as root: BDF=
	@scripts/verify-host $(BDF)

.PHONY: kunit
kunit: ## run the KUnit suites: ARCH=uml, x86_64 or arm64
	@scripts/run-kunit $(if $(ARCH),--arch "$(ARCH)")

.PHONY: selftests
selftests: ## run the selftests of the real uAPI, in a guest (minutes)
	@scripts/run-selftests $(BASE)

.PHONY: bench
bench: ## measure what the series and each variant cost
	@scripts/run-bench

.PHONY: bench-contention
bench-contention: ## measure faults against revocation on 1 to 4 CPUs
	@scripts/run-bench --contention

##@ Write a driver

.PHONY: new-variant
new-variant: ## begin a driver: NAME= FROM=SAMPLE DEST= [PCI_ID=1234:5678]
	@scripts/new-variant $(foreach v,NAME FROM DEST PCI_ID MIGRATION SRIOV WC MEMORY,$(if $($(v)),$(v)="$($(v))"))

.PHONY: lint
lint: ## look for broken rules in VARIANT; without, in the kit
ifneq ($(VARIANT),)
	@scripts/lint
else
	@scripts/gates/check-files
	@scripts/lint --self-test
	@scripts/lint variants/*/
	@scripts/lint --in-tree $(build)/linux-$(BASE)
	@scripts/gates/check-series $(BASE)
endif

.PHONY: modules
modules: ## build the variants, or VARIANT, for your patched kernel KDIR
	@scripts/build-modules "$(KDIR)"

.PHONY: debs
debs: ## build the patched kernel as Debian packages
	@scripts/build-debs

##@ Test the kit

.PHONY: check
check: ## run all tests of this project
	@scripts/check

.PHONY: check-full
check-full: ## run all of them: sanitizers, architectures, each patch (1 h)
	@scripts/check --full

.PHONY: negative
negative: ## test the tests: known-bad kernels and drivers must be caught
	@scripts/run-negative

.PHONY: negative-kunit
negative-kunit: ## the part of it that the KUnit suites must catch
	@scripts/run-negative --by kunit

.PHONY: mutants
mutants: ## make single faults by machine: how many does KUnit find?
	@scripts/run-mutants

.PHONY: mutants-all
mutants-all: ## the same with every fault there is (days; can be resumed)
	@scripts/run-mutants --all

.PHONY: kunit-coverage
kunit-coverage: ## list the lines of core and variants that no KUnit case runs
	@scripts/gates/check-coverage

.PHONY: selftests-full
selftests-full: ## run all selftests with every driver, and with sanitizers
	@scripts/check --full selftests-full selftests-kasan host-guest

.PHONY: soak
soak: ## run all kinds of tests at once, under KASAN: MINUTES=60 [SEED=]
	@scripts/run-soak --minutes "$(or $(MINUTES),60)" $(if $(SEED),--seed "$(SEED)") $(BASE)

.PHONY: kernel-selftests
kernel-selftests: ## run the kernel's own VFIO selftests, unpatched and patched
	@scripts/run-kernel-selftests $(BASE)

.PHONY: check-archs
check-archs: ## build for other architectures and configurations: no warning?
	@scripts/gates/check-series --archs $(BASE)

.PHONY: host-vm
host-vm: ## debs, apt, verify-host on a Debian 13 in QEMU
	@scripts/gates/check-host-vm

.PHONY: clients
clients: ## run DPDK and QEMU on that Debian 13 in QEMU
	@scripts/gates/check-host-vm --clients

.PHONY: check-ci
check-ci: ## execute the CI files and make check in clean containers (root)
	@scripts/gates/check-ci

.PHONY: check-dkms
check-dkms: ## test samples/out-of-tree with two versions of DKMS (root)
	@scripts/gates/check-dkms

##@ Carry the series

.PHONY: source
source: ## get the kernel source and make build/linux-BASE of it
	@scripts/graft $(BASE)

.PHONY: patches
patches: ## regenerate core-patch/ from the commits in build/linux-BASE
	@scripts/refresh-series $(BASE)

.PHONY: check-series
check-series: ## check that the series is clean and builds without a warning
	@scripts/gates/check-series $(BASE)

.PHONY: parts-check
parts-check: ## the same after each part, and the KUnit cases so far
	@scripts/gates/check-series --parts $(BASE)

.PHONY: bisect-check
bisect-check: ## the same after each patch, and the KUnit cases so far
	@scripts/gates/check-series --each $(BASE)

.PHONY: carry
carry: ## try the series on a new kernel KSRC: what does not fit?
	@scripts/carry-series "$(KSRC)" $(BASE)

.PHONY: apply
apply: ## apply core-patch/ to your own kernel tree KDIR: [PARTS=A-C]
	@scripts/apply-series $(if $(PARTS),--parts "$(PARTS)") "$(KDIR)"

.PHONY: apply-tests
apply-tests: ## put the tests into KDIR as they would go upstream [COMMIT=y]
	@scripts/apply-tests $(if $(COMMIT),--commit) "$(KDIR)"

.PHONY: series-mail
series-mail: ## write the mails of a part, send nothing: DEST= [PART=A]
	@scripts/series-mail $(if $(PART)$(PARTS),--part "$(PART)$(PARTS)") "$(DEST)"

.PHONY: unapply
unapply: ## take it out of KDIR again: [PARTS=A-C]
	@scripts/apply-series --revert $(if $(PARTS),--parts "$(PARTS)") "$(KDIR)"

##@ Read it, and clean up

.PHONY: dist
dist: ## make a reproducible archive of the last commit, in build/dist
	@scripts/build-dist

.PHONY: htmldocs
htmldocs: ## build the manual, as a site in build/docs/html
	@scripts/build-docs

.PHONY: mandocs
mandocs: ## make manual pages of the API, in build/docs-man/man9
	@scripts/build-docs --man

.PHONY: docs-check
docs-check: ## check the manual's links, commands and names
	@scripts/gates/check-docs

.PHONY: docs-publish
docs-publish: ## leave the manual as a folder for any web server: DEST=
	@scripts/build-docs --publish "$(DEST)"

.PHONY: bench-docs
bench-docs: ## put the figures of the last bench into the manual
	@cp $(foreach f,bench.svg bench.csv targets.csv ivshmem.csv dmabufs.csv huge.csv contention.csv,$(build)/bench/$(f)) Documentation/cost/

.PHONY: clean
clean: ## remove results and object files, keep the kernel trees
	@scripts/clean

.PHONY: distclean
distclean: ## remove build/ (the cache folder stays)
	@scripts/clean --all
