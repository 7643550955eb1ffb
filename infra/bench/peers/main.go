// The peers command measures the ledger's event store beside others that run on
// the same machine: NATS JetStream, and PostgreSQL with the semantics of
// message-db. `make bench-peers` runs it. It prints the result as the ledger's
// own benchmarks do, and is no part of the ledger's program.
package main

import (
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"syscall"

	"dossierledger/infra/bench"
)

func main() {
	events := flag.Int("events", 0, "how many events to measure on (default: the benchmark's own)")
	repetitions := flag.Int("repetitions", 0, "how often each is measured (default: the benchmark's own)")
	dir := flag.String("dir", "", "folder on the disk to measure (default: the system's for temporary files)")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	result, err := bench.Measure(ctx, peers, bench.Options{
		Parameters: bench.Parameters{Events: *events, Repetitions: *repetitions}, Dir: *dir, Progress: os.Stderr,
	})
	if err == nil {
		out := json.NewEncoder(os.Stdout)
		out.SetIndent("", "  ")
		err = out.Encode(result)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "peers:", err)
		stop()
		os.Exit(1)
	}
}
