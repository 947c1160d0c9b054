# SPDX-License-Identifier: GPL-2.0-or-later
BUILD ?= build

.PHONY: menu packages build check install clean
menu:
	@echo "make check    install what is missing, build, run every test"
	@echo "make build    build into $(BUILD)/"
	@echo "make install  install what was built"
	@echo "make clean    remove $(BUILD)/"

packages:
	@tools/install-packages

build: packages
	@test -f $(BUILD)/build.ninja || meson setup $(BUILD) $(if $(WERROR),-Dwerror=true)
	@ninja -C $(BUILD)

check: build
	tools/check-layers
	meson test -C $(BUILD) --print-errorlogs

install: build
	meson install -C $(BUILD)

clean:
	rm -rf $(BUILD)
