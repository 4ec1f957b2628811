# The verbs of this repository; `make` alone tells them.
.DEFAULT_GOAL := help
.PHONY: help dev build test race interop docs bench fuzz lint

FUZZTIME ?= 20s

help: ## what can be done here
	@awk -F ':.*## ' '/^[a-z]+:.*## / {printf "  make %-8s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

dev: ## run everything on this machine: broker, three pretend upstreams, a sample app and API
	go run ./cmd/handstamp dev

build: ## a static binary, ./bin/handstamp
	CGO_ENABLED=0 go build -tags nomsgpack -trimpath -ldflags '-s -w' -o bin/handstamp ./cmd/handstamp

test: ## everything that must hold before a change lands; installs what it needs on Debian
	@if [ -n "$$HANDSTAMP_DOCS" ]; then echo "make test is what runs this page; it is not begun twice"; \
	else cd interop && go run ./cmd/testall; fi

race: ## the rooms where requests meet, under the race detector
	@cd interop && go run ./cmd/testall race

interop: ## other people's providers, apps, APIs and a browser against the real binary
	@cd interop && go run ./cmd/testall interop

docs: ## every command block of README.md and docs/, in a clean copy of the tree
	@cd interop && go run ./cmd/testall docs

bench: ## benchmarks of the hot paths, five times each
	go test -run '^$$' -bench . -benchmem -count 5 ./tokens/... ./guard/... ./storage/... ./broker/...

fuzz: ## every fuzz target for FUZZTIME (20s) each
	@set -e; for pkg in $$(go list ./...); do \
		for target in $$(go test -list '^Fuzz' $$pkg | grep '^Fuzz' || true); do \
			echo "== $$pkg $$target"; \
			go test -run '^$$' -fuzz "^$$target\$$" -fuzztime $(FUZZTIME) $$pkg; \
		done; \
	done

lint: ## gofmt, vet, and golangci-lint where it is installed
	@cd interop && go run ./cmd/testall gofmt vet
	@if command -v golangci-lint >/dev/null; then golangci-lint run ./... && cd interop && golangci-lint run -c ../.golangci.yml ./...; \
	else echo "golangci-lint is not installed: https://golangci-lint.run/welcome/install/"; exit 1; fi
