# Every command of the project. Nothing has to be installed first but Rust (https://rustup.rs) and
# make itself: `make demo` and `make test` install the Debian or Ubuntu packages that they need.
#
#   make demo PORT=9090 ADMIN_PORT=9091   other ports
#   make demo PROFILE=release             optimized: slower to build, as fast as in production
#   make test TESTS=r14                   only the tests whose names contain "r14"
#   NO_INSTALL=1 make test                never call apt-get; say what is missing and stop

SHELL := bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
.DELETE_ON_ERROR:

# rustup's folder is not on the PATH of every non-login shell.
export PATH := $(HOME)/.cargo/bin:$(PATH)

PROFILE ?= dev
PORT ?= 8080
ADMIN_PORT ?= 8081
TESTS ?=
CONFIG ?= config/portcullis.toml

.PHONY: help
help: ## List the targets
	@awk 'BEGIN { FS = ":.*## "; print "Targets:" } \
	  /^[a-z-]+:.*## / { printf "  %-12s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

.PHONY: setup setup-build setup-test setup-real setup-proxies setup-bench
setup: ## Install every package that building and testing need
	@scripts/setup.sh build test real proxies

setup-build: ## Install what a build needs
	@scripts/setup.sh build

setup-test: ## Install what the tests need
	@scripts/setup.sh build test

setup-real: ## Install the browser and the portals that `make real` runs
	@scripts/setup.sh build real

setup-proxies: ## Install the proxies that `make forward-auth` and `make real` run
	@scripts/setup.sh build proxies

setup-bench: ## Install the gateways and the load generator of the benchmarks
	@scripts/setup.sh build bench

.PHONY: build
build: setup-build ## Build the program for production: target/release/portcullis
	@cargo build --locked --release --bin portcullis

.PHONY: dist check-deb
dist: build ## Build the packages of a release: target/dist (tar, Debian package, components, SHA-256)
	@scripts/dist.sh

check-deb: ## Install the Debian package in a fresh Debian and remove it again; as root (SUITE=)
	@scripts/check-deb.sh $(SUITE)

.PHONY: demo
demo: setup-build ## Build and run the gateway before a sample portal, with sample people
	@echo "==> building portcullis (profile $(PROFILE); the first build takes some minutes)"
	@cargo build --locked --profile $(PROFILE) --bin portcullis
	@echo "==> starting the demo on http://localhost:$(PORT) (administration on port $(ADMIN_PORT)); Ctrl-C ends it"
	@exec target/$(if $(filter dev,$(PROFILE)),debug,$(PROFILE))/portcullis demo --port $(PORT) --admin-port $(ADMIN_PORT)

.PHONY: test real forward-auth ci
test: setup-test toolchain check-fmt spelling dockerfile deny unused clippy doc unit check ## Everything that must be green, but for `make real`
	@echo "==> all green"

real: setup-real setup-proxies ## Tests with Chromium, real portals and other proxies
	@echo "==> tests with real programs"
	@cargo test --locked --test real --test forward_auth $(TESTS)

forward-auth: setup-proxies ## Every case of forward authentication on each proxy, as tables (TARGET=, TESTS=)
	@FORWARD_AUTH_TARGET=$(TARGET) cargo test --locked --quiet --test forward_auth $(TESTS) -- --nocapture --test-threads 1

ci: test real ## What the pipeline runs

.PHONY: toolchain spelling dockerfile deny advisories unused
toolchain: ## Fail when the compiler is older than rust-version in Cargo.toml
	@wanted=$$(sed -n 's/^rust-version = "\(.*\)"/\1/p' Cargo.toml); \
	found=$$(rustc --version | cut -d ' ' -f 2); \
	echo "==> rustc $$found (the oldest supported, and the one of the pipeline, is $$wanted)"; \
	[[ $$(printf '%s\n' "$$wanted" "$$found" | sort -V | head -1) == "$$wanted" ]] || \
	  { echo "rustc $$wanted or later is needed: rustup update" >&2; exit 1; }

spelling: ## Spelling of code and documents
	@echo "==> spelling"
	@scripts/tools.sh typos
	@target/tools/bin/typos

dockerfile: ## Lints of the Dockerfile
	@echo "==> Dockerfile"
	@scripts/tools.sh hadolint
	@target/tools/bin/hadolint Dockerfile

deny: ## Dependencies: bans, duplicates, licences, sources (deny.toml)
	@echo "==> dependencies"
	@scripts/tools.sh deny
	@target/tools/bin/cargo-deny --locked --log-level error check bans licenses sources

unused: ## Dependencies that no code names
	@echo "==> unused dependencies"
	@scripts/tools.sh machete
	@target/tools/bin/cargo-machete --skip-target-dir . &> target/machete.log || { cat target/machete.log; exit 1; }

advisories: ## Known faults in dependencies; reads the RustSec database from GitHub
	@scripts/tools.sh deny
	@target/tools/bin/cargo-deny --locked check advisories 2>&1 | tee target/advisories.log || \
	  { ! grep -q 'failed to fetch advisory database' target/advisories.log || \
	    echo "advisories: not checked, because https://github.com/RustSec/advisory-db cannot be reached" >&2; \
	  exit 1; }

.PHONY: fmt map check-fmt clippy doc unit check
fmt: ## Format the sources
	@cargo fmt --all

map: ## Write the table of modules in docs/architecture.md from the imports
	@WRITE_MAP=1 cargo test --locked --quiet --test structure the_map_in

check-fmt: ## Fail when a source file is not formatted
	@echo "==> format"
	@cargo fmt --all --check

clippy: ## Lints, warnings as errors
	@echo "==> lints"
	@cargo clippy --locked --workspace --all-targets -- -D warnings
	@cargo clippy --locked --test real --test forward_auth -- -D warnings

doc: ## Documentation of every item, private ones too, warnings as errors
	@echo "==> documentation"
	@RUSTDOCFLAGS="-D warnings" cargo doc --locked --workspace --no-deps --document-private-items

unit: ## All tests, without the checks around them
	@echo "==> tests"
	@cargo test --locked --workspace $(TESTS)

check: ## Check the shipped settings and policy with the program itself
	@echo "==> shipped configuration"
	@cargo run --locked --quiet -- check --config $(CONFIG)

.PHONY: soak
soak: setup-build ## Restart the gateway ten times under load, and print the longest wait
	@cargo test --locked --test it soak_ -- --ignored --nocapture

.PHONY: fuzz
fuzz: setup-build ## Run each fuzz target for a while (SECONDS=, 60 by default; TARGETS=)
	@scripts/fuzz.sh $(or $(SECONDS),60) $(TARGETS)

.PHONY: bench
bench: setup-bench ## Measure this gateway and the usual ones in turn (ROUNDS=, SECONDS=, PARTS=, USERS=)
	@cargo build --locked --release --bin portcullis
	@python3 scripts/bench $(if $(ROUNDS),--rounds $(ROUNDS)) $(if $(SECONDS),--seconds $(SECONDS)) \
	  $(if $(PARTS),--parts $(PARTS)) $(if $(USERS),--users $(USERS))
