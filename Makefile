# The verbs of this repository; `make` alone tells them.
.DEFAULT_GOAL := help
.PHONY: help dev build release test race holes interop docs bench fuzz lint

FUZZTIME ?= 20s
PLATFORMS ?= linux/amd64 linux/arm64 darwin/arm64 windows/amd64

# One way to build, here and in the Dockerfile. What is released is built by the very Go that go.mod names, so that anybody gets the same bytes.
BUILD := -tags nomsgpack -trimpath -ldflags '-s -w'
TOOLCHAIN := $(shell sed -n 's/^toolchain //p' go.mod)
SBOM := github.com/CycloneDX/cyclonedx-gomod/cmd/cyclonedx-gomod@v1.10.0

help: ## what can be done here
	@awk -F ':.*## ' '/^[a-z]+:.*## / {printf "  make %-8s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

dev: ## run everything on this machine: broker, three pretend upstreams, a sample app and API
	go run ./cmd/handstamp dev

build: ## a static binary, ./bin/handstamp
	CGO_ENABLED=0 go build $(BUILD) -o bin/handstamp ./cmd/handstamp

release: ## static binaries of this commit in ./dist, each with its SBOM, and their checksums
	@rm -rf dist && mkdir dist
	@set -e; for platform in $(PLATFORMS); do \
		os=$${platform%/*}; arch=$${platform#*/}; out=dist/handstamp-$$os-$$arch; \
		if [ $$os = windows ]; then out=$$out.exe; fi; \
		CGO_ENABLED=0 GOFLAGS= GOTOOLCHAIN=$(TOOLCHAIN) GOOS=$$os GOARCH=$$arch go build $(BUILD) -buildvcs=true -o $$out ./cmd/handstamp; \
		GOFLAGS=-trimpath GOTOOLCHAIN=$(TOOLCHAIN) go run $(SBOM) bin -json -std -noserial -notimestamp -output $$out.cdx.json $$out 2>/dev/null; \
	done; cd dist && sha256sum * >SHA256SUMS && cat SHA256SUMS

test: ## everything that must hold before a change lands; installs what it needs on Debian
	@if [ -n "$$HANDSTAMP_DOCS" ]; then echo "make test is what runs this page; it is not begun twice"; \
	else cd interop && go run ./cmd/testall; fi

race: ## the rooms where requests meet, under the race detector
	@cd interop && go run ./cmd/testall race

holes: ## govulncheck, with the newest database: nothing that is known to be open and that our code reaches
	@cd interop && go run ./cmd/testall holes

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
