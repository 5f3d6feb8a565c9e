# SPDX-License-Identifier: GPL-2.0-only
#
# The commands for people; "make help" lists them. Each is a program in
# scripts/, which runs alone as well and says what it does with --help. What
# the kernel's build reads is Kbuild.

# Settings: make verify BASE=7.2, or from the environment.
export BASE ?= 7.3
export VARIANT KDIR KSRC KIT_CACHE KIT_JOBS

.DEFAULT_GOAL := help
.PHONY: help
help: ## this list
	@echo "usage: make TARGET [BASE=7.3|7.2] [VARIANT=name or folder] [KDIR=kernel tree] [KSRC=source]"
	@echo
	@awk -F ':.*## ' '/^[a-z][a-z0-9-]*:.*## / { printf "  %-16s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)
	@echo
	@echo "Everything is built under build/; downloads and ccache are in the cache folder (KIT_CACHE)."

.PHONY: verify
verify: ## the main job: every revocation path, for every variant, in a guest
	@scripts/verify

.PHONY: check
check: ## all tests of this project
	@scripts/check

.PHONY: check-series
check-series: ## the patch series applies, builds and is clean
	@scripts/check-series $(BASE)

.PHONY: lint
lint: ## scripts and files of this project are clean
	@scripts/check-scripts

.PHONY: source
source: ## get the kernel source and make the grafted tree build/linux-BASE
	@scripts/graft $(BASE)

.PHONY: patches
patches: ## regenerate core-patch/ from the commits in build/linux-BASE
	@scripts/refresh-patches $(BASE)

.PHONY: apply
apply: ## apply core-patch/ to your own kernel tree KDIR
	@scripts/apply-series "$(KDIR)"

.PHONY: unapply
unapply: ## take it out of KDIR again
	@scripts/unapply-series "$(KDIR)"

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
	@scripts/bench

bench-contention: ## the same kernels, 1 to 4 CPUs: faults against revocation, as ratios
	@scripts/bench --contention
