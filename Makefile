# make demo   a store in a box: proxy, storefront and admin on loopback
# make test   format, lints, all tests, docs, configuration examples, benches compile, counts
# make soak   the tests that take long, and a minute of every fuzz target
# make fuzz   every fuzz target, or FUZZ="...", for FUZZ_SECONDS each; make fuzz-corpus keeps what it found
# make bench-compare   what a request costs here and in other proxies: docs/compare.md
# make counts   instructions and system calls of a request, against their limits
# make deb    a Debian package of it, in target/debian
# make test-extended   outside tools and, with DATA=DIR, public sets against the built program
# make packaging   all that is packaged, by schema and on a Debian that is booted for it; as root

CARGO ?= cargo
DEMO  ?=
COMPARE ?=
BUILT := $(or $(CARGO_TARGET_DIR),target)/debug
DIST  := $(or $(CARGO_TARGET_DIR),target)/dist

.PHONY: demo test soak test-extended fuzz fuzz-corpus deb packaging setup setup-test fmt lint unit doc conf bench-compile counts bench bench-compare reference golden keepalive screenshots clean

demo: setup
	$(CARGO) run --quiet -- demo $(DEMO)

test: setup-test fmt lint unit doc conf bench-compile counts
	@echo "All checks passed."

setup:
	@scripts/setup build

setup-test:
	@scripts/setup test

fmt:
	$(CARGO) fmt --check
	$(CARGO) fmt --check --manifest-path fuzz/Cargo.toml

lint:
	$(CARGO) clippy --all-targets --quiet -- -D warnings

# One profile and one feature set for everything: dependencies are built once.
unit:
	$(CARGO) test --quiet

# The tests that take long, one after the other, since some compare times; and a minute of every fuzz target.
soak: setup-test
	$(CARGO) test --test it -- --ignored --test-threads=1 --nocapture
	@$(MAKE) --no-print-directory fuzz

# Names of targets; none: all of them.
FUZZ         ?=
FUZZ_SECONDS ?= 60
fuzz:
	@scripts/setup fuzz
	@FUZZ_SECONDS=$(FUZZ_SECONDS) scripts/fuzz run $(FUZZ)

# Writes fuzz/corpus anew from it and from what the runs found: the fewest files that reach as much.
fuzz-corpus:
	@scripts/setup fuzz
	@scripts/fuzz keep $(FUZZ)

# Tools that others made, and the public sets in DATA: CONTRIBUTING.md says how it lies there.
DATA ?=
test-extended:
	@scripts/setup extended
	$(CARGO) build --quiet
	@scripts/test-extended $(BUILT)/vestibule $(DATA)

deb:
	@scripts/setup package
	$(CARGO) build --locked --profile dist
	@scripts/deb $(DIST)/vestibule

# With the program as it is for tests; PROGRAM=... for another.
PROGRAM ?=
packaging:
	@scripts/setup package-test
	$(if $(PROGRAM),,$(CARGO) build --quiet)
	@scripts/try-packages $(or $(PROGRAM),$(BUILT)/vestibule)

doc:
	RUSTDOCFLAGS="-D warnings" $(CARGO) doc --no-deps --quiet

conf:
	@$(CARGO) build --quiet
	@for file in conf/demo.toml conf/vestibule.toml conf/examples/*.toml; do \
	  $(BUILT)/vestibule check --without-files --config $$file || exit 1; \
	done

bench-compile:
	$(CARGO) bench --no-run --profile dev --quiet

# Instructions and system calls of a request against benches/compare/limits.json; COUNTS=--keep-counts keeps new ones.
COUNTS ?= --counts
counts: setup-test
	@CARGO="$(CARGO)" python3 benches/compare/run.py $(COUNTS) --profile dev

bench: setup
	$(CARGO) bench

# Beside other proxies; COMPARE=--quick to try it, COMPARE=--counts for instructions and system calls.
bench-compare:
	@scripts/setup build
	@scripts/setup compare
	@CARGO="$(CARGO)" python3 benches/compare/run.py $(COMPARE)

# Writes docs/configuration.md anew from the configuration's own types.
reference: setup
	$(CARGO) run --quiet -- schema --markdown > docs/configuration.md

# Writes tests/golden/*.http anew from what the proxy does now; read the difference before you keep it.
golden: setup
	UPDATE_GOLDEN=1 $(CARGO) test --quiet --test it golden::

# Writes what browsers get of src/browser/keepalive.js.
keepalive: setup-test
	@scripts/keepalive

# Writes docs/images/storefront-*.png anew from the pages as they are; look at them before you keep them.
screenshots: setup-test
	UPDATE_SCREENSHOTS=1 $(CARGO) test --quiet --test it looks::

clean:
	$(CARGO) clean
