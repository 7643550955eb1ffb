// Package esdb is the event store on an EventStoreDB (or KurrentDB) node or
// cluster: an eventstore.Store over the official client.
//
// # What it adds to the client
//
//   - The port's idempotency. EventStoreDB recognises a repeated append only where
//     its expectation says, and for "any" only from memory. Here the ids of a
//     stream's last Options.IDWindow events are looked at before an append: a
//     repeated batch is answered with Repeated whatever it expects, a batch of
//     which a part is there is refused. Ids that are further back, or in other
//     streams, are not found; EventStoreDB does not look for them either.
//   - Typed refusals, with the actual revision where one was expected.
//   - Reconnecting: a call that fails because the node is away, not the leader or
//     restarting is made again, with growing pauses, until its time is up; appends
//     too, since their ids make that safe. A subscription goes on behind the last
//     event that it delivered, without loss or duplicate.
//   - Groups of competing consumers (eventstore.Groups), as persistent subscriptions.
//     What a group has parked is looked at and replayed with EventStoreDB's own tools.
//
// # When a server is silent
//
// A server that hangs, or a network that loses everything, closes no connection.
// Options.Timeout (10 s) says how long an answer may take:
//
//   - A call whose context has no deadline ends with ErrTimeout after Timeout; one
//     that has a deadline tries until then.
//   - A read ends with ErrTimeout when nothing came for twice as long as Timeout,
//     whatever the context's deadline.
//   - A subscription or membership cannot tell a dead connection from a quiet ledger.
//     Where nothing has come for Timeout, the adapter asks the server for its end; if
//     that is not answered either, the connection is given up within three times
//     Timeout. Subscriptions then go on over another connection behind what they have
//     delivered; a membership ends with an error, and its consumer joins again. gRPC's
//     own keepalive (keepAliveInterval and keepAliveTimeout in the connection string,
//     10 s each by default) does the same for a connection that is dead, not for a
//     server that hangs.
//
// ErrTimeout and ErrUnavailable can be tried again: an append has its ids, and a read
// its place.
//
// # How it knows that an append is a repetition
//
// EventStoreDB answers a repeated append as it answered the first. So what is new at
// the stream's end is read before an append, and appends of one Store to one stream
// take turns. It is not read where the append expects the end that was seen last and
// its ids were drawn: the server refuses it where there is more. A batch that is found
// there is not sent again; one that this very call had sent before its connection was
// lost is not called repeated.
//
// Two processes may send the same ids at the same moment, one between the other's
// look and append, and both are then answered as the first. So ids that follow from
// something, which are all that two can have, are read back behind the append: where
// the content is another, this one is a repetition, and Repeated says so. Where the
// content is the same, byte for byte, both are told that it was theirs.
//
// # What the server must be
//
// EventStoreDB 23.10 or later (it tells subscribers that they have caught up) or
// KurrentDB, whose protocol is the same; MaxAppendSize at least 4 MiB plus what
// type names take (its default of 1 MiB refuses batches that the port allows).
// Connect to the leader (nodePreference=leader, the client's default): followers
// may show less than was acknowledged. The client's connection string carries TLS,
// credentials, user certificates and discovery.
//
// Positions are EventStoreDB's commit positions. RecordedAt is the server's clock,
// unless the event was copied from another ledger, see Import. Metadata
// streams show their last entry only, EventStoreDB keeps no more of them.
// Server-side filters are prefixes on streams or on types, in subscriptions and in
// reads forwards; what else a filter asks is decided here, on events that come over
// the wire.
package esdb
