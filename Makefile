# The commands that people and CI use. Everything is fetched at pinned versions.

GO       ?= go
LISTEN   ?= 127.0.0.1:8080
DATA     ?= ./data
DOSSIERS ?= 3000
CHDB     := $(CURDIR)/.cache/chdb
BENCH    ?= $$(bin/ledger bench | cut -d' ' -f1)
KILLS    ?= 200
MEASURED := .cache/bench

.DEFAULT_GOAL := build
.PHONY: run build chdb test test-race lint fmt bench bench-peers bench-docs soak clean

# Starts the ledger on its embedded engines with sample data. Again is quick and
# keeps the data.
run: build
	@bin/ledger serve --demo --listen $(LISTEN) --data $(DATA) --demo-dossiers $(DOSSIERS)

build: chdb
	@CGO_ENABLED=0 $(GO) build -trimpath -o bin/ledger .

# The embedded ClickHouse engine: fetched once, checked by its hash.
chdb:
	@sh infra/clickhouse/fetch-chdb.sh $(CHDB)

# All tests, those in a real browser included. The race detector needs a C
# compiler; without one the tests run without it.
test: chdb
	@sh infra/browser.sh
	@if $(GO) env CC | xargs -I{} sh -c 'command -v {}' >/dev/null 2>&1; \
		then CGO_ENABLED=1 $(GO) test -race -timeout 30m ./...; \
		else echo "no C compiler: testing without the race detector"; CGO_ENABLED=0 $(GO) test -timeout 30m ./...; fi

# Formatting, vet, staticcheck, known vulnerabilities where their list can be
# reached; the direction of imports and the truth of the docs are tests.
lint: chdb
	@unformatted=$$(gofmt -l $$(git ls-files '*.go')); if [ -n "$$unformatted" ]; then echo "gofmt would change:"; echo "$$unformatted"; exit 1; fi
	@$(GO) mod verify >/dev/null
	@$(GO) mod tidy -diff
	@$(GO) vet ./...
	@$(GO) tool staticcheck ./...
	@sh infra/vulnerabilities.sh
	@$(GO) test -count=1 -run 'TestImportsPointOneWay|TestDocs' .

fmt:
	@gofmt -w $$(git ls-files '*.go')

# Measures everything, or what BENCH="append read" names, and keeps each result.
bench: build
	@mkdir -p $(MEASURED)
	@for name in $(BENCH); do bin/ledger bench $$name --json >$(MEASURED)/$$name.part && mv $(MEASURED)/$$name.part $(MEASURED)/$$name.json || exit 1; done

# Measures the event store beside others: NATS JetStream, and PostgreSQL, which
# is installed first where apt-get can do it, and left out where it cannot.
bench-peers:
	@mkdir -p $(MEASURED)
	@command -v pg_ctlcluster >/dev/null || DEBIAN_FRONTEND=noninteractive apt-get install -qq -y postgresql >/dev/null 2>&1 || echo "PostgreSQL cannot be installed here and is left out"
	@CGO_ENABLED=0 $(GO) run -trimpath ./infra/bench/peers >$(MEASURED)/peers.part && mv $(MEASURED)/peers.part $(MEASURED)/peers.json

# Takes the kept results into the docs and writes their tables.
bench-docs:
	@cp $(MEASURED)/*.json docs/measurements/
	@$(GO) test -count=1 -run TestDocs/sections -update .

# The program under load, killed and worse: KILLS=200 kills in each arrangement,
# or FOR=30m each; ARRANGEMENT=Embedded, Disk, Apart, Deliveries or Nodes for one alone; FAULT=text
# for faults of that name alone; SEED=n for the same schedule again. Figures, one
# JSON object a run, are added to .cache/soak.json. See docs/faults.md.
soak: chdb
	@LEDGER_SOAK_KILLS='$(if $(FOR),,$(KILLS))' LEDGER_SOAK_FOR='$(FOR)' LEDGER_SOAK_SEED='$(SEED)' LEDGER_SOAK_ONLY='$(FAULT)' \
		LEDGER_SOAK_RESULTS='$(CURDIR)/.cache/soak.json' $(GO) test ./infra/soak -run 'Test$(or $(ARRANGEMENT),(Embedded|Disk|Apart|Deliveries|Nodes))$$' -count 1 -parallel 1 -timeout 0 -v

clean:
	@rm -rf bin
