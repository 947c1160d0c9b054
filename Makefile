# SPDX-License-Identifier: GPL-2.0-or-later
BUILD ?= build
SECONDS ?= 20

.PHONY: menu packages build check fuzz install clean
menu:
	@echo "make check    install what is missing, build, run every test"
	@echo "make build    build into $(BUILD)/"
	@echo "make fuzz     fuzz every decoder for SECONDS=$(SECONDS) each; needs clang"
	@echo "make install  install what was built"
	@echo "make clean    remove $(BUILD)/ and $(BUILD)-fuzz/"

packages:
	@tools/install-packages

build: packages
	@test -f $(BUILD)/build.ninja || meson setup $(BUILD) $(if $(WERROR),-Dwerror=true)
	@ninja -C $(BUILD)

check: build
	tools/check-layers
	meson test -C $(BUILD) --print-errorlogs

fuzz: packages
	@tools/install-packages tools/packages-fuzz
	@test -f $(BUILD)-fuzz/build.ninja || CC=clang meson setup $(BUILD)-fuzz -Dfuzz=true
	@ninja -C $(BUILD)-fuzz fuzz-targets
	tools/fuzz $(BUILD)-fuzz $(SECONDS)

install: build
	meson install -C $(BUILD)

clean:
	rm -rf $(BUILD) $(BUILD)-fuzz
