package bench

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"

	"dossierledger/infra/clickhouse"
	"dossierledger/infra/eventstore"
	"dossierledger/infra/eventstore/embedded"
)

var loading = Benchmark{
	Name: "load",
	About: "A log loaded in one go: `ledger import` and then `ledger rebuild` of the read models, and what it takes on disk: " +
		"in the store against the bytes of data and metadata of the events, and in ClickHouse.",
	Defaults: Parameters{Events: 10_000_000, Repetitions: 1},
	TakesLog: true,
	Run: func(ctx context.Context, r *Run) (err error) {
		log, err := r.openEventLog()
		if err != nil {
			return err
		}
		path := r.File("log.xes")
		events, err := log.writeFile(path, log.times(r.Events))
		if err != nil {
			return err
		}
		var dir string
		for _, c := range []struct {
			name string
			args []string
			goal float64 // of the most memory; 0 is none
		}{
			{"import", []string{"import", path}, 1e9},
			{"read models", []string{"rebuild"}, 0},
		} {
			var goals []Goal
			if runtime.GOOS == "linux" && c.goal > 0 {
				goals = append(goals, FigureAtMost(peakMemory, c.goal))
			}
			err := r.Compare(ctx, Pair{
				Name: fmt.Sprintf("%s, %s events", c.name, thousands(int64(events))), Unit: "s", Goals: goals,
				Subject: Side{"ledger " + c.args[0], func(ctx context.Context) (s Sample, err error) {
					if c.args[0] == "import" { // each time into a new ledger
						if err := os.RemoveAll(dir); err != nil {
							return s, err
						}
						if dir, err = r.Folder("loaded"); err != nil {
							return s, err
						}
					}
					return r.ran(ctx, append(c.args, "--data", dir)...)
				}},
			})
			if err != nil {
				return err
			}
		}
		if err := os.Remove(path); err != nil {
			return err
		}
		return r.sizes(ctx, dir)
	},
}

// sizes notes what an event takes on disk.
func (r *Run) sizes(ctx context.Context, dir string) error {
	stored, payload, err := storedBytes(ctx, filepath.Join(dir, "events"))
	if err != nil {
		return err
	}
	rows, err := rowBytes(ctx, filepath.Join(dir, "clickhouse"), stored.events)
	if err != nil {
		return err
	}
	given := func(v float64) func(context.Context) (Sample, error) {
		return func(context.Context) (Sample, error) { return Sample{Value: v}, nil }
	}
	return errors.Join(
		r.Compare(ctx, Pair{
			Name: "store", Unit: "bytes an event", Goals: []Goal{RatioAtMost(1.4)},
			Subject: Side{"on disk", given(stored.bytes / stored.events)}, Baseline: Side{"data and metadata", given(payload / stored.events)},
		}),
		r.Compare(ctx, Pair{
			Name: "ClickHouse", Unit: "bytes an event", Goals: []Goal{AtMost(40)}, Subject: Side{"on disk", given(rows)},
		}),
	)
}

// onDisk is how many events there are and what they take.
type onDisk struct{ events, bytes float64 }

// storedBytes adds up the files of a store and the payload of its events.
func storedBytes(ctx context.Context, dir string) (stored onDisk, payload float64, err error) {
	store, err := embedded.Open(ctx, embedded.Options{Dir: dir})
	if err != nil {
		return stored, 0, err
	}
	for e, err := range store.ReadAll(ctx, eventstore.AllRead{}) {
		if err != nil {
			return stored, 0, errors.Join(err, store.Close())
		}
		stored.events++
		payload += float64(len(e.Data) + len(e.Metadata))
	}
	if err := store.Close(); err != nil {
		return stored, 0, err
	}
	size, err := folderBytes(dir)
	stored.bytes = float64(size)
	return stored, payload, err
}

// rowBytes is what the rows of all tables take on disk, for each event of the log.
func rowBytes(ctx context.Context, dir string, events float64) (each float64, err error) {
	db, err := clickhouse.Open(ctx, clickhouse.Config{Dir: dir})
	if err != nil {
		return 0, err
	}
	defer func() { err = errors.Join(err, db.Close()) }()
	var bytes uint64
	if err := db.QueryRow(ctx, "SELECT sum(bytes_on_disk) FROM system.parts WHERE active AND database = currentDatabase()").Scan(&bytes); err != nil {
		return 0, fmt.Errorf("the size of the tables: %w", err)
	}
	return float64(bytes) / events, nil
}
