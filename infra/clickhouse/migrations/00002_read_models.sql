-- The read models of dossiers. Every row has a key and a version (the position of
-- the event that last changed it), so that a redelivered page gives the same table.
-- No column holds personal data: persons appear as pseudonyms only.

-- +goose Up
-- +goose StatementBegin
CREATE TABLE IF NOT EXISTS dossiers {{on_cluster}} (
    code                String                  COMMENT 'dossier code, the key',
    source              LowCardinality(String)  COMMENT 'empty: handled by this ledger; else the log it was taken over from',
    procedure           LowCardinality(String),
    procedure_version   UInt16,
    field               LowCardinality(String),
    class               LowCardinality(String),
    level               UInt8,
    modern              LowCardinality(String)  COMMENT 'information-only, partial, full',
    channel             LowCardinality(String)  COMMENT 'in-person, online, post',
    applicant           String                  COMMENT 'pseudonym',
    applicant_kind      LowCardinality(String),
    support_agency      LowCardinality(String),
    receiving_agency    LowCardinality(String),
    competent_agency    LowCardinality(String),

    status              UInt8                   COMMENT 'national status code 1 to 10; 0 for a history taken over',
    phase               LowCardinality(String),
    holder_agency       LowCardinality(String),
    holder_department   LowCardinality(String),
    holder_officer      LowCardinality(String),
    holder_since        Nullable(DateTime64(6, 'UTC')),
    waits_for           LowCardinality(String),
    step                LowCardinality(String),
    step_since          Nullable(DateTime64(6, 'UTC')),

    submitted_at        Nullable(DateTime64(6, 'UTC')),
    received_at         Nullable(DateTime64(6, 'UTC')),
    first_due_at        Nullable(DateTime64(6, 'UTC')) COMMENT 'the appointment of the acceptance slip',
    due_at              Nullable(DateTime64(6, 'UTC')) COMMENT 'the appointment after all clock events',
    clock               LowCardinality(String)  COMMENT 'not-started, running, paused, stopped',
    paused_since        Nullable(DateTime64(6, 'UTC')) COMMENT 'while the clock is paused: since when; else null',
    ended_at            Nullable(DateTime64(6, 'UTC')) COMMENT 'when handling ended, by the precedence 9, 10, 8',
    delivered_at        Nullable(DateTime64(6, 'UTC')),
    ending              LowCardinality(String)  COMMENT 'empty while open; issued, rejected, refused-reception, stopped, withdrawn',
    timeliness          LowCardinality(String)  COMMENT 'of a finished dossier: early, on-time, late; else empty',
    scored_late         UInt8                   COMMENT 'late by the scoring rule, which counts a second supplement request as late',

    calendar_micros     Int64                   COMMENT 'first to last event',
    working_seconds     Int64                   COMMENT 'working time from first to last event, in the agency''s calendar',
    used_seconds        Int64                   COMMENT 'working time that the agency has used of the term, pauses taken off, up to the last event',
    paused_seconds      Int64                   COMMENT 'calendar time in which the clock stood still',

    supplements         UInt16,
    extensions          UInt16,
    returns             UInt16                  COMMENT 'steps sent back',
    reopened            UInt16,
    corrections         UInt16,
    documents           UInt16,
    documents_digital   UInt16,
    documents_reused    UInt16,
    result_electronic   UInt8,
    money_assessed      Int64                   COMMENT 'đồng',
    money_paid          Int64,
    money_paid_online   Int64,
    money_exempted      Int64,
    money_refunded      Int64,
    payment_state       LowCardinality(String),
    delivery_state      LowCardinality(String),
    sync_state          LowCardinality(String)  COMMENT 'of the exchange with the national portal: empty where there was none; queued, sent, accepted, failed',
    rating              UInt8                   COMMENT '0: not rated, 1: not satisfied, 2: satisfied',

    events              UInt32,
    first_at            DateTime64(6, 'UTC'),
    last_at             DateTime64(6, 'UTC'),
    first_activity      LowCardinality(String),
    last_activity       LowCardinality(String),
    variant             FixedString(16)         COMMENT 'hash over the activities in order of time; equal for equal paths',
    revision            UInt32,
    version             UInt64                  COMMENT 'position of the last event'
) ENGINE = {{engine "ReplacingMergeTree" "version"}}
ORDER BY code
-- +goose StatementEnd

-- +goose StatementBegin
CREATE TABLE IF NOT EXISTS events {{on_cluster}} (
    code                String,
    revision            UInt32                  COMMENT 'place in the dossier''s stream; with the code the key',
    source              LowCardinality(String),
    position            UInt64,
    event_id            UUID,
    type                LowCardinality(String),
    activity            LowCardinality(String)  COMMENT 'what was done: the short name of the event, or the activity of the log taken over',
    lifecycle           LowCardinality(String),
    resource            LowCardinality(String)  COMMENT 'who did it: officer pseudonym, "citizen", or the resource of the log',
    has_resource        UInt8,
    role                LowCardinality(String),
    agency              LowCardinality(String),
    department          LowCardinality(String),
    procedure           LowCardinality(String),
    competent_agency    LowCardinality(String),
    occurred_at         DateTime64(6, 'UTC'),
    recorded_at         DateTime64(6, 'UTC'),

    place               UInt32                  COMMENT 'place in the dossier by time, ties in the order of the log; 0 is the first',
    prev_activity       LowCardinality(String)  COMMENT 'of the event before it by time; empty at place 0',
    prev_resource       LowCardinality(String),
    prev_has_resource   UInt8,
    micros_since        Int64                   COMMENT 'calendar time since the event before it',
    working_since       Int64                   COMMENT 'working seconds since the event before it',
    occurrence          UInt32                  COMMENT '1 for the first time that the activity occurs in the dossier',
    resource_occurrence UInt32                  COMMENT '1 for the first time that the resource acts in the dossier; 0 without resource',
    version             UInt64                  COMMENT 'position of the event that last changed this row'
) ENGINE = {{engine "ReplacingMergeTree" "version"}}
ORDER BY (code, revision)
-- +goose StatementEnd

-- +goose StatementBegin
CREATE TABLE IF NOT EXISTS steps {{on_cluster}} (
    code                String,
    visit               UInt16                  COMMENT 'with the code the key: 1 for the first step visited',
    step                LowCardinality(String),
    procedure           LowCardinality(String),
    competent_agency    LowCardinality(String),
    agency              LowCardinality(String),
    department          LowCardinality(String),
    officer             LowCardinality(String),
    started_at          DateTime64(6, 'UTC'),
    ended_at            Nullable(DateTime64(6, 'UTC')),
    calendar_micros     Int64                   COMMENT 'of a finished visit, else up to the dossier''s last event',
    working_seconds     Int64                   COMMENT 'working time in the step',
    waiting_seconds     Int64                   COMMENT 'working time of it in which others had to act: citizen, other agency',
    promised_seconds    Int64                   COMMENT 'working time that the step''s share of the term allows; 0: none',
    returned            UInt8                   COMMENT 'the visit ended by sending the dossier back',
    revision            UInt32                  COMMENT 'of the event that opened the visit',
    version             UInt64
) ENGINE = {{engine "ReplacingMergeTree" "version"}}
ORDER BY (code, visit)
-- +goose StatementEnd

-- +goose StatementBegin
CREATE TABLE IF NOT EXISTS agencies {{on_cluster}} (
    id                  String,
    name_vi             String,
    name_en             String,
    tier                LowCardinality(String),
    parent              String,
    valid_from          Nullable(DateTime64(6, 'UTC')),
    valid_to            Nullable(DateTime64(6, 'UTC')),
    version             UInt64
) ENGINE = {{engine "ReplacingMergeTree" "version"}}
ORDER BY id
-- +goose StatementEnd

-- +goose StatementBegin
CREATE TABLE IF NOT EXISTS procedures {{on_cluster}} (
    code                String,
    number              UInt16,
    name_vi             String,
    name_en             String,
    field               LowCardinality(String),
    class               LowCardinality(String),
    level               UInt8,
    modern              LowCardinality(String),
    competent           LowCardinality(String),
    has_fee             UInt8,
    payable_online      UInt8,
    valid_from          Nullable(DateTime64(6, 'UTC')),
    valid_to            Nullable(DateTime64(6, 'UTC')),
    version             UInt64
) ENGINE = {{engine "ReplacingMergeTree" "version"}}
ORDER BY (code, number)
-- +goose StatementEnd

-- +goose Down
-- +goose StatementBegin
DROP TABLE IF EXISTS dossiers {{on_cluster}}
-- +goose StatementEnd
-- +goose StatementBegin
DROP TABLE IF EXISTS events {{on_cluster}}
-- +goose StatementEnd
-- +goose StatementBegin
DROP TABLE IF EXISTS steps {{on_cluster}}
-- +goose StatementEnd
-- +goose StatementBegin
DROP TABLE IF EXISTS agencies {{on_cluster}}
-- +goose StatementEnd
-- +goose StatementBegin
DROP TABLE IF EXISTS procedures {{on_cluster}}
-- +goose StatementEnd
