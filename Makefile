# make help lists what there is. Everything needs Go; check and lint also need a C compiler (for -race).
GO       ?= go
STATICCHECK = $(GO) run honnef.co/go/tools/cmd/staticcheck@v0.8.2
GOFUMPT     = $(GO) run mvdan.cc/gofumpt@v0.12.0
SEEDS    ?= 1000
MUTANTS  ?= *
EXPLORE  ?= 3,2,0
EXPLORED ?= plain,_handshake_and_close
# Inputs, not seconds: at the end of a time the go command may report its own deadline as a failure.
FUZZTIME ?= 20000x
# The rest has no goroutine of its own.
CONCURRENT = ./runtime/channel ./runtime/rpc/... ./runtime/session ./runtime/simnet/... ./runtime/transport \
	./runtime/internal/registry ./runtime/internal/tlsdriver ./runtime/internal/udp ./examples/... ./internal/... ./schema
CROSS    ?= linux/amd64 linux/arm64 darwin/amd64 darwin/arm64 windows/amd64 windows/arm64

.DEFAULT_GOAL := help
.PHONY: endurance help demo test check fmt lint generate generated cross race sim debug mutants explore fuzz attacks bench bench-link bench-test

help: ## list the targets
	@awk -F':.*## ' '/^[a-z-]+:.*## /{printf "  %-10s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

demo: generate ## generate, run the examples over UDP, watch the compiler refuse misuse
	$(GO) run ./examples/echo demo
	$(GO) run ./examples/bank demo
	$(GO) run ./examples/rpc demo
	@for program in examples/bank/testdata/misuse/*/; do \
		echo; head -n 1 $$program/main.go; \
		if $(GO) build -o /dev/null ./$$program; then echo "it compiled"; exit 1; fi; \
	done

test: ## the tests; needs Go alone
	$(GO) test ./...

check: lint generated bench-test race sim fuzz ## what CI runs besides test

lint: ## formatting, vet, staticcheck, go.mod
	@$(GO) run ./cmd/sessgen fmt -d ./examples/... ./internal/... ./runtime/... ./bench/... || { echo "make fmt lays them out"; exit 1; }
	@unformatted=$$($(GOFUMPT) -l $$(git ls-files '*.go' ':!bench/*/pb/*')); \
		if [ -n "$$unformatted" ]; then echo "gofumpt would change:"; echo "$$unformatted"; exit 1; fi
	$(GO) vet ./...
	$(STATICCHECK) ./...
	$(GO) mod tidy -diff

fmt: ## format the Go and the schemas
	$(GOFUMPT) -w $$(git ls-files '*.go' ':!bench/*/pb/*')
	$(GO) run ./cmd/sessgen fmt -w ./examples/... ./internal/... ./runtime/... ./bench/...

generate: ## run sessgen on every schema of the tree
	$(GO) generate ./...

generated: ## fail if a generated file is not what sessgen makes today
	$(GO) run ./cmd/sessgen gen --check $$(git ls-files 'examples/*.sess' 'internal/*.sess' 'bench/*.sess' 'runtime/*.sess' | xargs -n1 dirname | sort -u)

cross: ## build everything for the systems that it runs on
	@for on in $(CROSS); do \
		echo $$on; \
		CGO_ENABLED=0 GOOS=$${on%/*} GOARCH=$${on#*/} $(GO) build ./... || exit 1; \
	done

race: ## the tests of all that runs at the same time as something else, under the race detector
	$(GO) test -race $(CONCURRENT)

sim: ## simulate SEEDS seeds of the transport, a tenth of that with programs above it, and ten thousand exchanges
	$(GO) test ./runtime/internal/sim -run '^TestSwarm$$' -v -timeout 5h -sim.seeds=$(SEEDS)
	SIM_LONG=1 $(GO) test ./runtime/simnet -run 'TestEcho' -timeout 1h -sim.seeds=$$(($(SEEDS) / 10 + 1))

debug: ## the core's tests and simulations in a build that checks its own invariants
	$(GO) test -tags sessgen_debug ./runtime/internal/conn ./runtime/internal/sim

explore: ## walk through every interleaving of a connection's life, with EXPLORE=losses,duplicates,delays
	$(GO) test ./runtime/internal/sim -run '^TestExplore/$(EXPLORED)' -v -timeout 10h -sim.explore=$(EXPLORE)

mutants: ## plant the faults of testdata/mutants that match MUTANTS in the core, and see whether the tests catch them
	$(GO) test ./runtime/internal/sim -run '^TestMutants' -v -timeout 5h -sim.mutants='$(MUTANTS)'

fuzz: ## every fuzz target for FUZZTIME inputs (20000x), or a time (10m)
	@$(GO) test -list '^Fuzz' ./... | awk '/^Fuzz/{f[n++]=$$1} /^ok/{for(i=0;i<n;i++)print $$2, f[i]; n=0}' | \
		while read package target; do \
			echo "$$package $$target"; \
			$(GO) test $$package -run '^$$' -fuzz "^$$target\$$" -fuzztime $(FUZZTIME) -fuzzminimizetime 100x || exit 1; \
		done

endurance: ## real processes killed, stopped and flooded, misused, long transfers, thousands of connections; Linux
	ENDURANCE=1 $(GO) test -timeout 2h -v -run '^(TestProcess|TestFlow)' ./runtime/transport

attacks: ## the attacks of docs/verification.md at full size; needs a quiet machine
	ATTACKS_LONG=1 $(GO) test -timeout 2h -v -run '^TestAttack' ./runtime/internal/... ./runtime/transport

bench-link: ## goodput, round trips and fairness over an emulated link, beside TCP, quic-go and kcp-go (root, Linux)
	cd bench && $(GO) build -o bin/ ./cmd/... && bin/linkbench $(LINKBENCH)

bench-test: ## vet and test the module of the benchmarks, which has what we compare with
	cd bench && $(GO) vet ./... && $(GO) test ./...

bench: ## the benchmarks
	$(GO) test -run '^$$' -bench . -benchmem ./...
