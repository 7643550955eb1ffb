package soak

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"

	"dossierledger/infra/clickhouse"
	"dossierledger/projections"
)

// exportEmbedded writes every table of the embedded engine in a folder to
// standard output.
func exportEmbedded(args []string) error {
	return exportTables(clickhouse.Config{Dir: args[0]}, os.Stdout)
}

// exportTables writes the newest row of every key of every read model, in the
// order of the keys, one row a line.
func exportTables(config clickhouse.Config, to io.Writer) (err error) {
	ctx := context.Background()
	db, err := clickhouse.Open(ctx, config)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, db.Close()) }()
	out := bufio.NewWriter(to)
	for _, p := range projections.All(nil) {
		for _, table := range p.Tables() {
			if err := exportTable(ctx, db, table.Name, out); err != nil {
				return fmt.Errorf("export %s: %w", table.Name, err)
			}
		}
	}
	return out.Flush()
}

func exportTable(ctx context.Context, db *clickhouse.DB, table string, out io.Writer) (err error) {
	var key string
	const lookUp = "SELECT sorting_key FROM system.tables WHERE database = currentDatabase() AND name = '%s'"
	if err := db.QueryRow(ctx, fmt.Sprintf(lookUp, table)).Scan(&key); err != nil {
		return err
	}
	rows, err := db.Query(ctx, "SELECT toString(tuple(*)) FROM "+clickhouse.Quote(table)+" FINAL ORDER BY "+key)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, rows.Close()) }()
	if _, err := fmt.Fprintf(out, "-- %s by %s\n", table, key); err != nil {
		return err
	}
	for rows.Next() {
		var row string
		if err := rows.Scan(&row); err != nil {
			return err
		}
		if _, err := fmt.Fprintf(out, "%q\n", row); err != nil {
			return err
		}
	}
	return rows.Err()
}

// export gives the tables of a site whose ledger does not run.
func (s *site) export() []byte {
	s.t.Helper()
	var out, said bytes.Buffer
	if s.warehouse != nil {
		if err := exportTables(clickhouse.Config{DSN: s.dsn}, &out); err != nil {
			s.t.Fatal(err)
		}
		return out.Bytes()
	}
	exe, err := os.Executable()
	if err != nil {
		s.t.Fatal(err)
	}
	child := exec.Command(exe, s.data+"/clickhouse")
	child.Env = environment(s.t, childEnv+"=export")
	child.Stdout, child.Stderr = &out, &said
	if err := child.Run(); err != nil {
		s.t.Fatalf("export: %v: %s", err, said.Bytes())
	}
	return out.Bytes()
}

// rebuildAndCompare catches up, exports the read models, makes them again from
// the events and exports them again: the same bytes.
func (s *site) rebuildAndCompare() {
	s.t.Helper()
	if s.warehouse != nil { // it may have been killed just now
		s.eventually("ClickHouse answers", func() bool { return exportTables(clickhouse.Config{DSN: s.dsn}, io.Discard) == nil })
	}
	if _, code := s.command("report", "summary", "--json"); code != 0 {
		s.t.Fatalf("catching up ended with %d", code)
	}
	live := s.export()
	if _, code := s.command("rebuild", "--deep", "--json"); code != 0 {
		s.t.Fatalf("the rebuild ended with %d", code)
	}
	rebuilt := s.export()
	s.figures.Rebuilds++
	s.figures.ExportedBytes = len(rebuilt)
	s.figures.ExportedRows = bytes.Count(rebuilt, []byte("\n")) - bytes.Count(rebuilt, []byte("\n-- ")) - 1
	if bytes.Equal(live, rebuilt) {
		s.figures.RebuildsEqual++
		return
	}
	a, b := bytes.Split(live, []byte("\n")), bytes.Split(rebuilt, []byte("\n"))
	for i := range min(len(a), len(b)) {
		if !bytes.Equal(a[i], b[i]) {
			s.t.Errorf("the read models are not what a rebuild makes of the events, from line %d of %d and %d:\n%s\n%s", i, len(a), len(b), a[i], b[i])
			return
		}
	}
	s.t.Errorf("the read models have %d rows, rebuilt %d", len(a), len(b))
}
