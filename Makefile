# SPDX-License-Identifier: GPL-2.0-only
#
# The commands for people; "make help" lists them. Each is a program in
# scripts/, which runs alone as well and says what it does with --help. What
# the kernel's build reads is Kbuild.

# Settings: make verify BASE=7.2, or from the environment.
BASE ?= 7.3
# A shell that is not bash leaves ~ as it is here.
override VARIANT := $(patsubst ~/%,$(HOME)/%,$(VARIANT))
override KDIR := $(patsubst ~/%,$(HOME)/%,$(KDIR))
override KSRC := $(patsubst ~/%,$(HOME)/%,$(KSRC))
override DEST := $(patsubst ~/%,$(HOME)/%,$(DEST))
export BASE VARIANT DEVICE KDIR KSRC
export KIT_BASE = $(BASE)

.DEFAULT_GOAL := help
.PHONY: help
help: ## this list
	@echo "usage: make TARGET [BASE=7.3|7.2] [VARIANT=name or folder] [KSRC=kernel source]"
	@echo
	@awk -F ':.*## ' '/^[a-z][a-z0-9-]*:.*## / { printf "  %-16s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)
	@echo
	@echo "Everything is built under build/; downloads and ccache are in the cache folder (KIT_CACHE)."

.PHONY: verify
verify: ## the main job: every revocation path, for every variant, in a guest
	@scripts/verify

.PHONY: verify-host
verify-host: ## the same on this machine, on a real device: BDF=0000:03:00.0 (as root)
	@scripts/verify-host $(BDF)

.PHONY: check
check: ## all tests of this project
	@scripts/check

.PHONY: check-full
check-full: ## all of it: the full selftests too, the sanitizers, the kernel's own
	@scripts/check --full

.PHONY: negative
negative: ## kernels and drivers that are wrong on purpose: the guest's tests have to find each
	@scripts/run-negative

.PHONY: kunit
kunit: ## KUnit suites of the core and the variants; ARCH=uml, x86_64 or arm64
	@scripts/run-kunit $(if $(ARCH),--arch "$(ARCH)") $(if $(VARIANT),--variant "$(call folder,$(VARIANT))")

.PHONY: kunit-coverage
kunit-coverage: ## lines and branches of the variants that the suites run
	@scripts/gates/check-coverage

.PHONY: mutants
mutants: ## break each rule in turn, and see which KUnit test finds it
	@scripts/run-mutants

.PHONY: selftests
selftests: ## the real uAPI in a guest: mappings, importers, hot reset, fuzzer (minutes)
	@scripts/run-selftests $(BASE)

.PHONY: selftests-full
selftests-full: ## all of it with every driver, then again with KASAN and kmemleak
	@scripts/check --full selftests-full selftests-kasan host-guest

.PHONY: kernel-selftests
kernel-selftests: ## the kernel's own VFIO selftests, unpatched and patched
	@scripts/run-kernel-selftests $(BASE)

.PHONY: check-series
check-series: ## each patch is clean, and the series builds without a new warning
	@scripts/gates/check-series $(BASE)

.PHONY: bisect-check
bisect-check: ## after each patch: drivers/vfio without a new warning, the KUnit suites that hold by then
	@scripts/gates/check-series --each $(BASE)

.PHONY: check-archs
check-archs: ## drivers/vfio on arm64, i386 and without P2PDMA, without a new warning
	@scripts/gates/check-archs

# A variant by its name, or the folder of a driver.
folder = $(if $(wildcard variants/$(1)/main.c),variants/$(1),$(1))

.PHONY: lint
lint: ## static checks of this project and the series, or of the driver VARIANT
ifneq ($(VARIANT),)
	@scripts/lint "$(call folder,$(VARIANT))"
else
	@scripts/gates/check-files
	@scripts/lint --self-test
	@scripts/lint variants/*/
	@scripts/lint --in-tree build/linux-$(BASE)
	@scripts/gates/check-series $(BASE)
endif

.PHONY: new-variant
new-variant: ## begin a driver: NAME= FROM=wrapper|remap|dmabuf DEST=folder
	@scripts/new-variant $(foreach v,NAME FROM DEST VENDOR DEVICE,$(if $($(v)),$(v)="$($(v))"))

.PHONY: htmldocs
htmldocs: ## the manual, as a site in build/docs/html
	@scripts/build-docs

.PHONY: docs-check
docs-check: ## the manual's links, commands, names and spelling
	@scripts/gates/check-docs

.PHONY: docs-publish
docs-publish: ## the manual as a folder for any web server: DEST=folder
	@scripts/docs-publish "$(DEST)"

.PHONY: source
source: ## get the kernel source and make the grafted tree build/linux-BASE
	@scripts/graft $(BASE)

.PHONY: patches
patches: ## regenerate core-patch/ from the commits in build/linux-BASE
	@scripts/refresh-series $(BASE)

.PHONY: carry
carry: ## does the series fit a new kernel KSRC, and which patch does not, and where
	@scripts/carry-series "$(KSRC)" $(BASE)

.PHONY: apply
apply: ## apply core-patch/ to your own kernel tree KDIR
	@scripts/apply-series "$(KDIR)"

.PHONY: unapply
unapply: ## take it out of KDIR again
	@scripts/unapply-series "$(KDIR)"

.PHONY: debs
debs: ## the patched kernel as Debian packages, configured like the running one
	@scripts/build-debs

.PHONY: modules
modules: ## build the variants out of tree against the patched tree KDIR
	@scripts/build-modules "$(KDIR)" $(VARIANT)

.PHONY: setup
setup: ## install what is needed (Debian; root or sudo for apt only)
	@scripts/setup

.PHONY: clean
clean: ## remove results and object files, keep the kernel trees
	@scripts/clean

.PHONY: distclean
distclean: ## remove build/ (the cache folder stays)
	@scripts/clean --all

.PHONY: bench bench-contention
bench: ## what the patch and each variant cost, in instructions, against the unpatched kernel
	@scripts/run-bench

bench-contention: ## the same kernels, 1 to 4 CPUs: faults against revocation, as ratios
	@scripts/run-bench --contention

.PHONY: bench-docs
bench-docs: ## put tables and picture of the last make bench and bench-contention into the manual
	@cd build/bench && cp bench.svg bench.csv tables.rst contention.rst ../../Documentation/cost/
