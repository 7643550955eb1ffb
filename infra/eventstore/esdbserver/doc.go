// Package esdbserver speaks EventStoreDB's gRPC protocol in front of an
// eventstore.Store: to its clients it is a single node, the leader of itself.
//
// # What is offered
//
// Server features, gossip of one member, streams (append, batch append, reads
// of a stream and of $all in both directions, filters, catch-up subscriptions,
// delete, tombstone, stream metadata with $maxCount, $maxAge, $tb and $acl, links)
// and persistent subscriptions. Status codes, messages and trailers are
// EventStoreDB's, because its clients decide by them. Not offered: projections,
// users, operations, monitoring; those calls are answered with Unimplemented. With
// Options.ListUsers the logins are in the stream $users.
//
// # Where it differs from EventStoreDB
//
//   - A position on the wire is the store's position plus one, commit and
//     prepare alike: 0 is before everything, as clients take it to be.
//   - Nothing is ever scavenged. Delete, $tb, $maxCount and $maxAge decide what a
//     reader of the stream is shown through this server; $all, and whoever reads
//     the store itself, goes on to see every event. The promise of a ledger that
//     nothing disappears holds against every client.
//   - Metadata streams keep their whole history; EventStoreDB shows the last entry.
//   - An event id is unique in the whole store: an append with an id that is
//     elsewhere is refused (FailedPrecondition, exception event-id-reused), unless
//     Options.IDsPerStream lets it be in several streams.
//   - The store's limits hold: at most 4 MiB and 10,000 events in one append, 1 MiB
//     in one event, unless Options.MaxAppendBytes is lower.
//   - Content types are not stored: what is valid JSON is told to be JSON.
//   - $all may be read by every user; it shows those streams that the user may read.
//     EventStoreDB keeps it for administrators unless an $acl says otherwise.
//   - A link is resolved only for who may read what it stands for.
//   - A regular expression is RE2's, which has no back-references and no lookaround.
//
// # Clients
//
// Tests use the official clients for Go (EventStore-Client-Go 4.2.0) and for Node
// (@eventstore/db-client 6.2.1 and @kurrent/kurrentdb-client 1.3.1). The Go client's
// own test suite passes against `ledger eventstore`, for an insecure node and for one
// with TLS and user certificates, and so does that of KurrentDB-Client-Go 1.4.2; tests
// on projections, of a cluster and on a prepared data set were left out, and those of
// appends to several streams skip themselves, since the server does not offer them.
// What subscribers are told when they have caught up or fallen behind carries the time
// and place that KurrentDB's clients wait for.
//
// # Guarantees
//
// What is answered to a writer is durable as the store promises. A read sees the
// store as it was when the read began. A subscription is in order, without gap or
// duplicate. Delete and Tombstone exclude appends to the same stream that come
// through the same Server; a writer to the store beside it is not held up, and
// only one Server of a store may write.
package esdbserver
