# The commands that people and CI use. Everything is fetched at pinned versions.

GO       ?= go
BIN      := bin
LISTEN   ?= 127.0.0.1:8080
DATA     ?= ./data
DOSSIERS ?= 3000
CHDB     := $(CURDIR)/.cache/chdb
export LEDGER_CHDB_LIB ?= $(CHDB)/libchdb.so

.PHONY: run build test race lint bench chdb clean sample

# Starts the ledger with sample data on its embedded engines.
run: build
	@$(BIN)/ledger serve --demo --listen $(LISTEN) --data $(DATA) --demo-dossiers $(DOSSIERS)

build: chdb
	@CGO_ENABLED=0 $(GO) build -trimpath -o $(BIN)/ledger .

# The embedded ClickHouse engine: fetched once, checked by hash.
chdb:
	@sh infra/clickhouse/fetch-chdb.sh $(CHDB)
