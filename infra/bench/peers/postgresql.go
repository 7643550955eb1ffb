package main

import (
	"bytes"
	"context"
	_ "embed"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"slices"
	"strconv"
	"syscall"
	"time"

	"dossierledger/infra/eventstore"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
)

// postgreSQL is a server of its own with a table of messages and a function that
// writes one, as message-db documents them. It is asked over a Unix socket. Its
// settings are those of a new cluster, so that a commit is durable.
type postgreSQL struct {
	programs string // folder of initdb and postgres
	// user runs the server where this process is root, which it must not be.
	user *syscall.Credential
}

//go:embed messages.sql
var messagesSQL string

// findPostgreSQL looks for Debian's PostgreSQL, the newest.
func findPostgreSQL() (*postgreSQL, error) {
	found, err := filepath.Glob("/usr/lib/postgresql/*/bin/initdb")
	if err != nil || len(found) == 0 {
		return nil, errors.New("it is not installed (apt-get install postgresql)")
	}
	slices.Sort(found)
	p := &postgreSQL{programs: filepath.Dir(found[len(found)-1])}
	if os.Getuid() != 0 {
		return p, nil
	}
	owner, err := user.Lookup("postgres")
	if err != nil {
		return nil, err
	}
	uid, err := strconv.ParseUint(owner.Uid, 10, 32)
	if err != nil {
		return nil, err
	}
	gid, err := strconv.ParseUint(owner.Gid, 10, 32)
	if err != nil {
		return nil, err
	}
	p.user = &syscall.Credential{Uid: uint32(uid), Gid: uint32(gid)}
	return p, nil
}

func (p *postgreSQL) name() string { return "PostgreSQL, as message-db" }

// command is one of PostgreSQL's programs, as the user that may run them.
func (p *postgreSQL) command(ctx context.Context, dir, name string, args ...string) (*exec.Cmd, *bytes.Buffer) {
	c := exec.CommandContext(ctx, filepath.Join(p.programs, name), args...)
	said := &bytes.Buffer{}
	c.Stdout, c.Stderr, c.Dir = said, said, dir
	if p.user != nil {
		c.SysProcAttr = &syscall.SysProcAttr{Credential: p.user}
	}
	return c, said
}

func (p *postgreSQL) open(ctx context.Context, dir string, writers int) (_ running, err error) {
	if p.user != nil {
		// The folder is the server's, and it must find its way there.
		if err := errors.Join(os.Chmod(filepath.Dir(dir), 0o711), os.Chown(dir, int(p.user.Uid), int(p.user.Gid))); err != nil {
			return nil, err
		}
	}
	data := filepath.Join(dir, "data")
	made, said := p.command(ctx, dir, "initdb", "--pgdata", data, "--auth", "trust", "--username", "bench", "--encoding", "UTF8", "--locale", "C")
	if err := made.Run(); err != nil {
		return nil, fmt.Errorf("initdb: %w: %s", err, said)
	}
	serving, said := p.command(ctx, dir, "postgres", "-D", data, "-k", dir, "-c", "listen_addresses=", "-c", "max_connections=100")
	if err := serving.Start(); err != nil {
		return nil, fmt.Errorf("postgres: %w", err)
	}
	r := &postgreSQLRunning{serving: serving}
	defer func() {
		if err != nil {
			err = errors.Join(err, r.close(), errors.New(said.String()))
		}
	}()
	config, err := pgxpool.ParseConfig(fmt.Sprintf("host=%s user=bench dbname=postgres pool_max_conns=%d", dir, writers))
	if err != nil {
		return nil, err
	}
	if r.pool, err = pgxpool.NewWithConfig(ctx, config); err != nil {
		return nil, err
	}
	for until := time.Now().Add(readyWithin); ; time.Sleep(50 * time.Millisecond) {
		if err = r.pool.Ping(ctx); err == nil {
			break
		}
		if time.Now().After(until) {
			return nil, fmt.Errorf("postgres is not ready: %w", err)
		}
	}
	if _, err = r.pool.Exec(ctx, messagesSQL); err != nil {
		return nil, fmt.Errorf("the table of messages: %w", err)
	}
	return r, nil
}

type postgreSQLRunning struct {
	serving *exec.Cmd
	pool    *pgxpool.Pool
}

func (r *postgreSQLRunning) append(ctx context.Context, _ int, stream string, after int, e eventstore.Proposed) error {
	_, err := r.pool.Exec(ctx, "SELECT write_message($1::uuid, $2, $3, $4::jsonb, $5::jsonb, $6)",
		e.ID.String(), stream, e.Type, string(e.Data), string(e.Metadata), int64(after-1))
	return err
}

func (r *postgreSQLRunning) scan(ctx context.Context) (n int, err error) {
	rows, err := r.pool.Query(ctx, "SELECT id::text, stream_name, type, position, global_position, data::text, metadata::text, time FROM messages ORDER BY global_position")
	if err != nil {
		return 0, err
	}
	var id, stream, kind, data, metadata string
	var position, global int64
	var at time.Time
	_, err = pgx.ForEachRow(rows, []any{&id, &stream, &kind, &position, &global, &data, &metadata, &at}, func() error {
		n++
		return nil
	})
	return n, err
}

// close stops the server at once, after the connections.
func (r *postgreSQLRunning) close() error {
	if r.pool != nil {
		r.pool.Close()
	}
	if err := r.serving.Process.Signal(os.Interrupt); err != nil { // "fast shutdown"
		return fmt.Errorf("postgres: %w", err)
	}
	if err := r.serving.Wait(); err != nil {
		return fmt.Errorf("postgres: %w", err)
	}
	return nil
}
