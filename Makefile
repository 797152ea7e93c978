# make demo    set up, build, and fill a real gap in a real cut: results in target/demo
# make test    set up, build the bundle, run every test
# make bundle  target/bundle/Pickup.ofx.bundle
# make bench   figures beside their rivals: a table, and target/bench/report.json   (ONLY=name runs some)
# make fuzz    every border of Pickup against damaged input, MINUTES=10 each; what is found goes to target/fuzz
# make valgrind    the bundle's life under memcheck (apt install valgrind)
# make fmt lint clean

CARGO   ?= cargo
RELEASE := target/release
BUNDLE  := target/bundle/Pickup.ofx.bundle
ARCH    := $(BUNDLE)/Contents/Linux-x86-64
ONLY    ?=
MINUTES ?= 10

.PHONY: demo test bundle build bench fuzz valgrind setup python lint fmt clean

demo: setup bundle
	@installers/demo.sh

test: setup python bundle
	$(CARGO) test --locked --release --workspace --no-fail-fast

build:
	$(CARGO) build --locked --release -p pickup -p pickup-ofx

# A bundle appears whole or not at all: hosts may be scanning the folder.
bundle: build
	@rm -rf $(BUNDLE).new && mkdir -p $(BUNDLE).new/Contents/Linux-x86-64 $(BUNDLE).new/Contents/Resources
	@cp plugin/bundle/Info.plist $(BUNDLE).new/Contents/
	@cp plugin/bundle/*.png $(BUNDLE).new/Contents/Resources/
	@cp $(RELEASE)/libpickup_ofx.so $(BUNDLE).new/Contents/Linux-x86-64/Pickup.ofx
	@cp $(RELEASE)/pickup $(BUNDLE).new/Contents/Linux-x86-64/pickup
	@strip --strip-unneeded $(BUNDLE).new/Contents/Linux-x86-64/Pickup.ofx
	@rm -rf $(BUNDLE) && mv $(BUNDLE).new $(BUNDLE)
	@echo "built $(BUNDLE)"

bench: setup python bundle
	$(CARGO) build --locked --release -p test-host --bins
	$(CARGO) build --locked --release -p draft --example retime --example flow
	$(CARGO) build --locked --release -p ltx --example step --example decode
	$(CARGO) test --locked --release -p ltx --test parity --no-run
	$(CARGO) build --locked --release -p colour --example speed --example spaces
	@target/python/bin/python tests/bench/report.py $(if $(ONLY),--only $(ONLY))

fuzz: setup bundle
	$(CARGO) run --locked --release -p fuzz -- run --minutes $(MINUTES) --keep

valgrind: setup bundle
	tests/valgrind/run.sh

setup:
	@installers/setup.sh

python:
	@installers/python.sh
	@installers/farm/openjd.sh

lint:
	$(CARGO) fmt --all --check
	$(CARGO) clippy --locked --release --workspace --all-targets -- -D warnings

fmt:
	$(CARGO) fmt --all

clean:
	$(CARGO) clean
