// Package chdb runs ClickHouse inside the process: it loads libchdb, the
// ClickHouse engine as a C library, without cgo, and answers clickhouse-go
// through an http.RoundTripper, so that the code above is the same as against
// a server.
//
// # The library
//
// It is half a gigabyte, comes from an npm package, and is never in the
// repository: `make chdb` fetches it. Find says where it is looked for. Its
// SHA-256 is compared with the one in this package before anything of it runs,
// which takes half a second, or two where the processor does not help. The
// hash of Linux on amd64 is pinned; on another Linux with glibc an operator can
// vouch for a build with LEDGER_CHDB_SHA256; elsewhere Open refuses, and a
// server is to be used. The library stays loaded until the process ends.
//
// # What a statement may expect
//
//   - Settings, the database and {name:Type} parameters of a request are those
//     of its statement alone. So are SET, USE and temporary tables: each request
//     is a session of its own, as over a server's HTTP interface.
//   - Refusals carry ClickHouse's code, also in the midst of a result: errors.As
//     finds a *clickhouse.Exception.
//   - A result is fetched block by block, as it is read; one block is held. Its
//     session is taken until it is read to the end, closed, or its context ends.
//   - An insert is handed over in chunks, as its data come. It is there, for
//     every reader and after a loss of power, when it is answered. A broken
//     insert leaves what the engine had written in whole blocks before, which
//     below about a million rows is nothing.
//   - When the context ends, the statement is killed in the engine, which takes
//     some milliseconds, or up to as long as the work on one block.
//   - After a memory limit (code 241) the engine goes on.
//   - After a write to a file that failed, on a full disk or a sick one, it does not:
//     the library passes over such writes, so that anything may be missing. The
//     statement is refused with CodeLost, as is every later one; see Engine.Lost.
//     Where the process dies first, Open says CodeHollow. For temporary files of a
//     statement that reads more than fits into memory, it is not looked at.
//   - After kill -9, every acknowledged insert is there, and none is twice; one
//     that was not acknowledged may be there as well. So inserts must be
//     harmless when repeated.
//
// # Limits
//
//   - One engine in a process, on one directory; after Close, another may
//     follow. One process on a directory.
//   - Several statements in one text are refused, as a server does; so is
//     PARALLEL WITH, which counts as several.
//   - External tables are refused. There is no query_log.
//   - Columns of AggregateFunction types cannot be read raw: finish them in SQL.
//   - Parameters given by clickhouse.WithParameters are taken as they are, in
//     ClickHouse's escaped form (\t, \n, \\, \0), by every server too;
//     clickhouse.Named escapes by itself.
//   - Closing rows reads what is left of them: end the context first.
//   - QueryRow takes a session until Scan; asking only for Err keeps it.
//   - The engine's time zone is UTC, whatever TZ says. For that, TZ is set for
//     the C side of the process.
//
// # Signals
//
// Left to itself, the engine takes the handlers of SIGSEGV, SIGBUS and six more,
// and a nil dereference in Go then hangs instead of panicking. It is told not
// to before the first connection, and the handlers of all signals are compared
// and put back around loading and around every connection, since one real-time
// signal is taken even so. The engine's query profiler, which interrupts every
// thread by signals, is off.
//
// # Cost
//
// About 200 MB resident when idle, 40 MB of them its own; 60 threads, and one
// more for each statement at work. A SELECT 1 takes a millisecond: what is asked
// for one key at a time belongs in the event store.
package chdb
