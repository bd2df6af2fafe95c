# Every task that a person does here. Needs make and bash; what else a task needs it installs or names (scripts/setup).
# `make help` prints the lines that begin with `##`.

SHELL := bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
MAKEFLAGS += --no-print-directory
# rustup's folder, for shells that were opened before Rust was installed.
export PATH := $(PATH):$(or $(CARGO_HOME),$(HOME)/.cargo)/bin

# For `make run`: what follows `todo serve`, e.g. ARGS='--roles api'.
ARGS ?=
# For `make test`: a part of a test's path, e.g. T=real_kafka.
T ?=
# For `make chaos`: some of the checks, e.g. PARTS='service relays'.
PARTS ?=
# For `make mutate`: some of the rules, by their names.
RULES ?=

TARGETS := help setup run run-release build release check test unit mutate schemas fmt lint deny audit doc openapi bench chaos \
	servers-up servers-down servers-env observe observe-down clean clean-cache
.PHONY: $(TARGETS)

##The product
## run            build and start it: SQLite and the in-process broker, nothing to configure (ARGS='…' for todo serve)
run: setup
	@[[ -d target/debug ]] || echo 'make run: the first build takes some minutes (`make run-release` runs the optimised program; building that takes longer)' >&2
	@TODO_WELCOME=1 cargo run --locked --quiet -- serve $(ARGS)

## run-release    the same with the optimised program
run-release: release
	@TODO_WELCOME=1 target/release/todo serve $(ARGS)

## build          the program, quick to build: target/debug/todo
build: setup
	@cargo build --locked

## release        the program, optimised: target/release/todo
release: setup
	@cargo build --locked --release

## openapi        print the OpenAPI document of the API
openapi: setup
	@cargo run --locked --quiet -- openapi

## schemas        write the events' JSON Schemas anew from their types (src/events/contract/), and docs/telemetry.md from its catalogue
schemas: setup
	@TODO_WRITE_SCHEMAS=1 cargo test --locked --quiet --lib -- events::contract
	@TODO_WRITE_SCHEMAS=1 cargo test --locked --quiet --test it -- catalogue::the_page
	@git status --short src/events/schemas docs

##
##Testing
## check          the fast loop: format, lints, unit tests, tests on SQLite; no servers
check: setup
	@cargo fmt --check
	@cargo clippy --locked --all-targets -- -D warnings
	@cargo test --locked --lib --test it -- --skip real_

## test           every test, on real PostgreSQL, PgBouncer, Kafka, Redis and a schema registry too, and those of dashboards and alerts (T=NAME: those whose path holds NAME, without the latter)
test:
	@scripts/test '$(T)'

## unit           only the unit tests (T=NAME: those whose path holds NAME)
unit: setup
	@cargo test --locked --lib -- $(T)

## mutate         change each rule of the alerts in every small way: a test must fail each time; an hour (RULES='TodoRestarting …': only these)
mutate:
	@PROMTOOL="$${PROMTOOL:-$$(scripts/fetch prometheus)/root/usr/bin/promtool}" alerts/mutate $(RULES)

## chaos          kill, freeze and stall everything under writes, and count what is lost (PARTS='soak …': some of docs/chaos.md)
chaos:
	@scripts/chaos $(PARTS)

## bench          speed and memory, as ratios against pgbench on the same server
bench:
	@scripts/bench

##
##To see it work
## observe        start the service with all that watches it (Prometheus, Alertmanager, Loki, Jaeger, collector) and print the links
observe:
	@scripts/setup run test
	@scripts/observe up

## observe-down   end them
observe-down:
	@scripts/observe down

##
##Care
## fmt            format the code
fmt:
	@cargo fmt

## lint           what may not be: unformatted code, clippy's warnings, shellcheck's; dashboards and alerts that are wrong
lint:
	@scripts/setup lint
	@cargo fmt --check
	@scripts/lint-shell
	@scripts/lint-telemetry
	@cargo clippy --locked --all-targets -- -D warnings

## deny           the dependencies' licences, sources and bans (deny.toml)
deny:
	@scripts/deny bans licenses sources

## audit          the dependencies' known vulnerabilities (fetches RustSec's list)
audit:
	@scripts/deny advisories

## doc            the code's own documentation: target/doc/todo/index.html
doc: setup
	@RUSTDOCFLAGS='-D warnings' cargo doc --locked --no-deps

##
##The tests' servers
## servers-up     start them and leave them running; `make test` then uses them as they are
servers-up:
	@scripts/setup test
	@scripts/servers up

## servers-down   end them and throw their data away
servers-down:
	@scripts/servers down

## servers-env    where they are, for a shell: eval "$(make servers-env)"
servers-env:
	@tests/servers/env

##
##The machine
## setup          find what this machine lacks; root: install it, otherwise: say the line to type
setup:
	@scripts/setup run

## clean          throw away what was built
clean:
	@cargo clean

## clean-cache    throw away what was fetched for tests (Kafka, empty clusters, tools)
clean-cache:
	@scripts/clean-cache

help:
	@sed -n 's/^##\( \{0,1\}\)/\1/p' Makefile
