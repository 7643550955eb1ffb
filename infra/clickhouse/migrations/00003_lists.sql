-- Lists are found without reading every dossier: a person's own by the applicant,
-- worklists by who holds the dossier, which goes with its code most of the time.
-- Where a dossier has older rows, ClickHouse reads those of the same codes too,
-- so that no older row is found in place of a newer one
-- (use_skip_indexes_if_final_exact_mode, the default).

-- +goose Up
-- +goose StatementBegin
ALTER TABLE dossiers {{on_cluster}} ADD INDEX IF NOT EXISTS by_applicant applicant TYPE bloom_filter(0.01) GRANULARITY 1
-- +goose StatementEnd
-- +goose StatementBegin
ALTER TABLE dossiers {{on_cluster}} ADD INDEX IF NOT EXISTS by_holder holder_agency TYPE set(32) GRANULARITY 1
-- +goose StatementEnd
-- +goose StatementBegin
ALTER TABLE dossiers {{on_cluster}} MATERIALIZE INDEX by_applicant
-- +goose StatementEnd
-- +goose StatementBegin
ALTER TABLE dossiers {{on_cluster}} MATERIALIZE INDEX by_holder
-- +goose StatementEnd

-- +goose Down
-- +goose StatementBegin
ALTER TABLE dossiers {{on_cluster}} DROP INDEX IF EXISTS by_applicant
-- +goose StatementEnd
-- +goose StatementBegin
ALTER TABLE dossiers {{on_cluster}} DROP INDEX IF EXISTS by_holder
-- +goose StatementEnd
