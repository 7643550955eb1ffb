// Package soak runs the real program under load and does to it what machines,
// disks and networks do: kills it, stops it for a while, tears its last write,
// fills and slows its disk, cuts and delays its connections, moves its clock and
// damages its files. What it promised must then still hold.
//
// The program runs as its own process, spoken to over its own interfaces only:
// people act through the HTTP API and note what they were told (the diary), and
// subscribers follow the events from their checkpoints (the chronicle). At every
// checkpoint the two are held against each other: each acknowledged command is
// there exactly once with its code, revision and ids, nothing refused is there,
// nothing at all is there twice, and the order holds. At the end the read models
// are exported, rebuilt and exported again: byte for byte the same.
//
// There are five arrangements: the embedded engines on the machine's disk;
// the embedded engines on a disk of the test's own (a file system in user space
// over a small tmpfs), which can be full, slow or sick and can lose power;
// the event store and ClickHouse in processes of their own, behind connections
// that can be cut; the embedded engines with a receiver of webhooks to which
// events are delivered, which is killed too; and three ledgers that share an event
// store, a ClickHouse and a NATS.
//
// `go test` runs a short form. `make soak` runs the long one; see
// docs/faults.md for its settings, and for what is promised and what was found.
package soak
