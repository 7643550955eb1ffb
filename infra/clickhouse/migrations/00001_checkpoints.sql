-- How far each projection has come in the log. The row with the highest version counts.
-- +goose NO TRANSACTION
-- +goose Up
CREATE TABLE IF NOT EXISTS checkpoints {{on_cluster}}
(
    `projection` LowCardinality(String),
    position     UInt64,
    version      UInt64,
    updated_at   DateTime64(6, 'UTC')
)
ENGINE = {{engine "ReplacingMergeTree" "version"}}
ORDER BY `projection`;

-- +goose Down
DROP TABLE IF EXISTS checkpoints {{on_cluster}};
