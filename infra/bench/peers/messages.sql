-- A table of messages and a function that writes one, with what message-db
-- documents of its own: a category is a stream's name up to the first dash;
-- writers of one category wait for each other; a version that is expected and is
-- not there is an error; one message is one transaction.

CREATE TABLE messages (
    global_position bigserial PRIMARY KEY,
    position        bigint    NOT NULL,
    time            timestamp NOT NULL DEFAULT (now() AT TIME ZONE 'utc'),
    stream_name     text      NOT NULL,
    type            text      NOT NULL,
    data            jsonb,
    metadata        jsonb,
    id              uuid      NOT NULL
);

CREATE FUNCTION category(stream_name text) RETURNS text LANGUAGE sql IMMUTABLE
AS $$ SELECT split_part(stream_name, '-', 1) $$;

CREATE UNIQUE INDEX messages_id ON messages (id);
CREATE UNIQUE INDEX messages_stream ON messages (stream_name, position);
CREATE INDEX messages_category ON messages (category(stream_name), global_position);

CREATE FUNCTION write_message(id uuid, stream_name text, type text, data jsonb, metadata jsonb, expected_version bigint)
RETURNS bigint LANGUAGE plpgsql
AS $$
DECLARE
    version bigint;
BEGIN
    PERFORM pg_advisory_xact_lock(hashtextextended(category(write_message.stream_name), 0));
    SELECT coalesce(max(m.position), -1) INTO version FROM messages m WHERE m.stream_name = write_message.stream_name;
    IF write_message.expected_version IS NOT NULL AND write_message.expected_version <> version THEN
        RAISE EXCEPTION 'Wrong expected version: % (Stream: %, Stream Version: %)',
            write_message.expected_version, write_message.stream_name, version;
    END IF;
    INSERT INTO messages (id, stream_name, position, type, data, metadata)
    VALUES (write_message.id, write_message.stream_name, version + 1, write_message.type, write_message.data, write_message.metadata);
    RETURN version + 1;
END
$$;
