# SPDX-License-Identifier: GPL-2.0-or-later
BUILD ?= build
SECONDS ?= 20
MINUTES ?= 60

.PHONY: menu packages packages-build build demo check check-schemes check-links check-timing check-middlebox check-sanitized interop soak fuzz bench bench-paths compare install uninstall clean
menu:
	@echo "make demo             install what is missing, build, show two links bonded, one of them failing"
	@echo "make check            install what is missing, build, run the tests that take minutes"
	@echo "make check-schemes    the end-to-end tests once more for each other way of signalling"
	@echo "make check-links      links that die, come back, cost, lose, strip or crawl, longer than make check has time for"
	@echo "make check-timing     the tests that need a machine with nothing else to do"
	@echo "make check-middlebox  every middlebox on either link or both, before, between and amid sessions"
	@echo "make check-sanitized  the same programs with AddressSanitizer and UndefinedBehaviorSanitizer"
	@echo "make interop          servers and clients of others: dante, microsocks, curl, ssh, proxychains, redsocks, dnsmasq, dhclient, udhcpc"
	@echo "make soak             connections that come and go for MINUTES=$(MINUTES), a link flapping; nothing may grow"
	@echo "make fuzz             fuzz every decoder for SECONDS=$(SECONDS) each; needs clang"
	@echo "make bench            compare with what people use today (an hour; QUICK=1: 3 minutes; ROUNDS=N runs of each)"
	@echo "make bench-paths      links bonded over a grid of rates, round trips, losses, queues (15 minutes; QUICK=1: 3; FULL=1: days; SEED=N: another sample; CELLS='EXPRESSION'; RUN_SECONDS=60: long transfers)"
	@echo "make compare          the ways of telling a converter where a connection goes, side by side (a quarter of an hour; QUICK=1: fewer cells; SCHEMES=a,b)"
	@echo "make build            build into $(BUILD)/"
	@echo "make install          install what was built"
	@echo "make uninstall        take away what make install put there"
	@echo "make clean            remove $(BUILD)/ and its like"

# What a machine needs that Braid is to run on, and no more: no servers, as tests have them.
packages-build:
	@tools/install-packages tools/packages-build

packages: packages-build
	@tools/install-packages

build: packages-build
	@test -f $(BUILD)/build.ninja || meson setup $(BUILD) $(if $(WERROR),-Dwerror=true)
	@ninja -C $(BUILD)

demo: packages build
	@lab/braid-lab --build $(BUILD) run demo

# Most tests in namespaces wait: two more at a time than there are cores.
check: packages build
	tools/check-layers
	tools/check-sizes
	tools/check-paths
	meson test -C $(BUILD) --num-processes $$(($$(nproc) + 2)) --print-errorlogs --suite unit --suite golden --suite fuzz --suite assume --suite lab --suite net

check-schemes: packages build
	meson test -C $(BUILD) --print-errorlogs --suite schemes

check-links: packages build
	meson test -C $(BUILD) --print-errorlogs --suite links

check-timing: packages build
	meson test -C $(BUILD) --print-errorlogs --suite timing

interop: packages build
	@tools/install-packages tools/packages-interop
	meson test -C $(BUILD) --print-errorlogs --suite interop

check-middlebox: packages build
	meson test -C $(BUILD) --verbose --suite compare

soak: packages build
	BRAID_SOAK_S=$$(($(MINUTES) * 60)) meson test -C $(BUILD) --verbose --suite soak

check-sanitized: packages
	@test -f $(BUILD)-sanitized/build.ninja || meson setup $(BUILD)-sanitized -Db_sanitize=address,undefined -Db_lundef=false
	@ninja -C $(BUILD)-sanitized
	meson test -C $(BUILD)-sanitized --print-errorlogs --timeout-multiplier 3 --suite unit --suite fuzz --suite net

fuzz: packages
	@tools/install-packages tools/packages-fuzz
	@test -f $(BUILD)-fuzz/build.ninja || CC=clang meson setup $(BUILD)-fuzz -Dfuzz=true
	@ninja -C $(BUILD)-fuzz fuzz-targets
	tools/fuzz $(BUILD)-fuzz $(SECONDS)

bench: packages build
	@tools/install-packages tools/packages-bench
	@bench/braid-bench --build $(BUILD) $(if $(QUICK),--quick) $(if $(ROUNDS),--rounds $(ROUNDS))

bench-paths: packages build
	@tools/install-packages tools/packages-paths
	@bench/braid-paths --build $(BUILD) $(if $(QUICK),--quick) $(if $(FULL),--full) $(if $(SEED),--seed $(SEED)) $(if $(CELLS),--cells '$(CELLS)') $(if $(ROUNDS),--rounds $(ROUNDS)) $(if $(RUN_SECONDS),--seconds $(RUN_SECONDS))

compare: packages build
	@tools/install-packages tools/packages-bench
	@bench/compare --build $(BUILD) $(if $(QUICK),--quick) $(if $(SCHEMES),--schemes $(SCHEMES))

install: build
	meson install -C $(BUILD)

# What it was installed from, and with which DESTDIR, is in the build folder.
uninstall:
	ninja -C $(BUILD) uninstall

clean:
	rm -rf $(BUILD) $(BUILD)-sanitized $(BUILD)-fuzz
