# sluice: each target runs alone and says what it does. `make run` and `make test` need
# nothing but Go, Node.js, Maven, Python 3 and a Debian that can install Chromium.
SHELL := bash
.SHELLFLAGS := -eu -o pipefail -c
.DEFAULT_GOAL := run
export CGO_ENABLED := 0

DATA ?= data
GO_TEST ?= go test -shuffle=on -timeout 15m

.PHONY: run build deps deps-test test unit race check e2e kafka-test kafka fuzz bench generate clean

run: deps build ## start everything on the data folder, send the demo day, print answers, stay up
	bin/sluice up --data $(DATA) --demo

build: ## build the binary
	go build -trimpath -o bin/sluice ./cmd/sluice

deps: ## install the engine and the tables below .deps
	deploy/deps/install.sh run

deps-test: ## install what the tests need as well
	deploy/deps/install.sh test

test: deps-test check unit race kafka-test e2e ## everything: what CI runs

check: ## formatting, vet, and that generated files are up to date
	@test -z "$$(gofmt -l $$(git ls-files '*.go'))" || { gofmt -l $$(git ls-files '*.go'); echo "run gofmt -w on these"; exit 1; }
	go vet ./...
	go mod verify >/dev/null
	$(MAKE) --no-print-directory generate-check

unit: ## unit and component tests, on the real engine
	SLUICE_REQUIRE_CLIENTS=1 SLUICE_REQUIRE_ENGINE=1 $(GO_TEST) $$(go list ./... | grep -v /e2e)

race: ## the concurrent packages under the race detector
	CGO_ENABLED=1 $(GO_TEST) -race -short ./collector ./enricher/... ./privacy/... ./event ./policy ./internal/seal ./internal/feed ./internal/embedded ./internal/stream ./sinks/clickhouse

e2e: build ## whole processes on the embedded default and on real Kafka
	$(GO_TEST) -v -count=1 ./e2e/...

kafka-test: ## the Kafka client against a real cluster of three nodes, one of which is killed
	@dir=$$(mktemp -d); trap 'deploy/kafka/kafka.sh stop "$$dir"; rm -rf "$$dir"' EXIT; \
	addr=$$(NODES=3 deploy/kafka/kafka.sh start "$$dir" | tail -n 1); \
	SLUICE_KAFKA=$$addr SLUICE_KAFKA_DIR=$$dir $(GO_TEST) -count=1 ./internal/stream

kafka: ## start a real Kafka on loopback (NODES=1 or 3) and print its address
	deploy/kafka/kafka.sh install
	deploy/kafka/kafka.sh start

FUZZTIME ?= 30s
fuzz: ## every fuzz target for FUZZTIME
	@for p in $$(go list ./...); do \
	  for f in $$(go test -list '^Fuzz' $$p | grep ^Fuzz || true); do \
	    echo "$$p $$f"; go test -run '^$$' -fuzz "^$$f\$$" -fuzztime $(FUZZTIME) -fuzzminimizetime 5x $$p; \
	  done; done

bench: ## the benchmarks of the packages
	go test -run '^$$' -bench . -benchmem ./...

generate: build ## documents that follow from the shipped policies
	bin/sluice policy docs --policy deploy/policies/starter.yaml --out docs
	bin/sluice policy docs --policy deploy/policies/cn-edu.yaml --out docs/cn-edu

.PHONY: generate-check
generate-check: build
	@tmp=$$(mktemp -d); trap 'rm -rf "$$tmp"' EXIT; \
	bin/sluice policy docs --policy deploy/policies/starter.yaml --out $$tmp >/dev/null; \
	bin/sluice policy docs --policy deploy/policies/cn-edu.yaml --out $$tmp/cn-edu >/dev/null; \
	(cd $$tmp && find . -type f) | while read -r f; do \
	  cmp -s $$tmp/$$f docs/$$f || { echo "docs/$$f is not what the policy says: run make generate"; exit 1; }; \
	done

clean: ## remove what was built; the data folder and .deps stay
	rm -rf bin build
