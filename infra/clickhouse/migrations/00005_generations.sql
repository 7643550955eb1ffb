-- A checkpoint belongs to the tables that it tells of. Each rebuild makes another
-- generation of them, whose checkpoints count alone: one of an earlier generation
-- that is still on its way changes nothing, however far it goes.

-- +goose NO TRANSACTION
-- +goose Up
ALTER TABLE checkpoints {{on_cluster}} ADD COLUMN IF NOT EXISTS generation UInt64, MODIFY ORDER BY (`projection`, generation);

-- +goose Down
-- A column of the key cannot be taken out of it; the release before does not mind it.
SELECT 1;
