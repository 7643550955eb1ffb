-- Positions rise within a dossier, so that their differences take a tenth of the
-- room; an id cannot be made smaller, and trying costs time. Columns that reports
-- read row by row stay as they are, in a form that is quicker to read. Parts that
-- are there already keep theirs until they are merged.

-- +goose Up
-- +goose StatementBegin
ALTER TABLE events {{on_cluster}}
    MODIFY COLUMN position CODEC(Delta(8), ZSTD(1)),
    MODIFY COLUMN version CODEC(Delta(8), ZSTD(1)),
    MODIFY COLUMN event_id CODEC(NONE),
    MODIFY COLUMN occurred_at CODEC(Delta(8), LZ4)
-- +goose StatementEnd
-- +goose StatementBegin
ALTER TABLE dossiers {{on_cluster}} MODIFY COLUMN version CODEC(Delta(8), ZSTD(1))
-- +goose StatementEnd
-- +goose StatementBegin
ALTER TABLE steps {{on_cluster}} MODIFY COLUMN version CODEC(Delta(8), ZSTD(1))
-- +goose StatementEnd

-- +goose Down
-- +goose StatementBegin
ALTER TABLE steps {{on_cluster}} MODIFY COLUMN version REMOVE CODEC
-- +goose StatementEnd
-- +goose StatementBegin
ALTER TABLE dossiers {{on_cluster}} MODIFY COLUMN version REMOVE CODEC
-- +goose StatementEnd
-- +goose StatementBegin
ALTER TABLE events {{on_cluster}}
    MODIFY COLUMN position REMOVE CODEC,
    MODIFY COLUMN version REMOVE CODEC,
    MODIFY COLUMN event_id REMOVE CODEC,
    MODIFY COLUMN occurred_at REMOVE CODEC
-- +goose StatementEnd
