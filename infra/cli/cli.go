// Package cli is the ledger's command line: it reads flags, environment and
// configuration file, opens what a command needs, and prints what came of it.
package cli

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/signal"
	"slices"
	"strings"
	"syscall"
	"time"

	"dossierledger/domain/fault"
	"dossierledger/infra/ledger"
	"dossierledger/infra/readmodels"
	"dossierledger/infra/telemetry"
	"github.com/alecthomas/kong"
	"golang.org/x/text/unicode/norm"
)

// The exit codes that scripts rely on.
const (
	exitDone   = 0
	exitFailed = 1
	exitUsage  = 2
	// exitDefect means that a verification ran and found something wrong.
	exitDefect = 3
)

// errDefect is returned by a command that has printed what a verification found.
var errDefect = errors.New("verification found a defect")

// options are the flags that every command has. They rank: configuration file,
// environment (LEDGER_…), flags.
type options struct {
	Data   string          `default:"./data" placeholder:"DIR" help:"Folder that holds everything the embedded engines write."`
	Config kong.ConfigFlag `placeholder:"FILE" help:"Configuration file (YAML): the names of flags as keys, those of one command under its name."`
	JSON   bool            `name:"json" help:"Print one JSON document on standard output and nothing else there."`
	Log    string          `default:"info" enum:"debug,info,warn,error" help:"Least level of log lines on standard error (debug, info, warn, error)."`

	MasterKeyFile  string        `placeholder:"FILE" help:"File with the master key of personal data (default: master.key in the data folder, made at first use)."`
	Eventstore     string        `name:"eventstore-file" placeholder:"FILE" help:"File with the connection string of an EventStoreDB or KurrentDB (default: the embedded store in the data folder)."`
	Nats           string        `name:"nats-file" placeholder:"FILE" help:"File (YAML) that says how to reach NATS, through which several ledgers share one event store: it keeps the keys of persons, and says which ledger does what; event store, ClickHouse and master key are shared too."`
	NatsReplicas   int           `name:"nats-replicas" default:"3" placeholder:"N" help:"On how many NATS servers that is kept, where it is not there yet (1, 3 or 5)."`
	LeaseTerm      time.Duration `name:"lease-term" default:"10s" placeholder:"SPAN" help:"With --nats-file: after what time of silence other ledgers take over what this one does."`
	ClickhouseDSN  string        `name:"clickhouse-dsn-file" placeholder:"FILE" help:"File with the DSN of a ClickHouse server or cluster (default: the embedded engine)."`
	ClickhouseLib  string        `name:"chdb-lib" env:"LEDGER_CHDB_LIB" placeholder:"FILE" help:"The embedded ClickHouse engine's library (default: beside the program)."`
	ClickhouseMem  uint64        `name:"clickhouse-memory" default:"4294967296" placeholder:"BYTES" help:"Most memory that the embedded ClickHouse engine may use."`
	ClickhouseName string        `name:"clickhouse-cluster" placeholder:"NAME" help:"Cluster to create tables on; with a server."`
	Replicated     bool          `name:"clickhouse-replicated" help:"Use replicated table engines; with a server."`
	Sharded        bool          `name:"clickhouse-sharded" help:"Spread the rows over the shards of the cluster; with a cluster of replicated tables."`
}

type commandLine struct {
	options

	Serve      serveCommand      `cmd:"" help:"Serve the API and pages, and keep the read models up to date."`
	Import     importCommand     `cmd:"" help:"Take over a history from an older system."`
	Simulate   simulateCommand   `cmd:"" help:"Make plausible dossiers on the sample catalogue."`
	History    historyCommand    `cmd:"" help:"Print the events of a dossier, in order."`
	Replay     replayCommand     `cmd:"" help:"Print a dossier as it was known at a time or revision."`
	Report     reportCommand     `cmd:"" help:"Print a report."`
	Policies   policiesCommand   `cmd:"" help:"Do what is due because time has passed, or tell what would be done."`
	Outbound   outboundCommand   `cmd:"" help:"Look at deliveries to receivers outside, and decide on what could not be delivered."`
	Rebuild    rebuildCommand    `cmd:"" help:"Make read models again from the events."`
	Doctor     doctorCommand     `cmd:"" help:"Say what is wrong and the way out."`
	Seed       seedCommand       `cmd:"" help:"Publish the sample catalogue: procedures, agencies, calendars."`
	Copy       copyCommand       `cmd:"" help:"Copy a ledger to another event store, and compare."`
	Keys       keysCommand       `cmd:"" help:"Move the keys of persons."`
	Backup     backupCommand     `cmd:"" help:"Add what is new to a backup of the events, or take a snapshot of the keys; the ledger may be served meanwhile."`
	Restore    restoreCommand    `cmd:"" help:"Make a ledger of backups in an empty data folder, as it was at any point."`
	Erase      eraseCommand      `cmd:"" help:"Erase a person: destroy the key of their personal data."`
	Eventstore eventstoreCommand `cmd:"" help:"Serve the embedded store alone in EventStoreDB's protocol, for reading and writing."`
	Bench      benchCommand      `cmd:"" help:"Measure what the ledger exists for, each time beside a baseline."`
	Version    versionCommand    `cmd:"" help:"Print the program's version."`
}

// world is what a command may touch.
type world struct {
	ctx            context.Context
	opts           options
	stdin          io.Reader
	stdout, stderr io.Writer
	log            *slog.Logger
	settings       []slog.Attr // of the command, to be told
	now            func() time.Time
}

// Run parses and carries out one command line and returns the exit code.
func Run(args []string, stdin io.Reader, stdout, stderr io.Writer) int {
	return RunAt(time.Now, args, stdin, stdout, stderr)
}

// RunAt is Run by another clock than the machine's, for tests of what happens
// when a clock jumps.
func RunAt(now func() time.Time, args []string, stdin io.Reader, stdout, stderr io.Writer) int {
	var line commandLine
	exit := -1
	parser, err := kong.New(&line,
		kong.Name("ledger"),
		kong.Description("An event-sourced ledger for Vietnam's online public services."),
		kong.DefaultEnvars("LEDGER"),
		kong.Configuration(configuration),
		kong.Writers(stdout, stderr),
		kong.Exit(func(code int) { exit = code }),
		kong.UsageOnError(),
	)
	if err != nil {
		fmt.Fprintln(stderr, "ledger: "+err.Error())
		return exitFailed
	}
	parsed, err := parser.Parse(args)
	if exit >= 0 { // help was asked for and printed
		return exit
	}
	if err != nil {
		fmt.Fprintln(stderr, "ledger: "+err.Error())
		return exitUsage
	}
	if err := checkSecrets(parsed); err != nil {
		return exitCode(err, stderr)
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	w := &world{ctx: ctx, opts: line.options, stdin: stdin, stdout: stdout, stderr: stderr, log: logger(line.Log, stderr), settings: settings(parsed), now: now}
	return exitCode(parsed.Run(w), stderr)
}

func exitCode(err error, stderr io.Writer) int {
	if err == nil {
		return exitDone
	}
	if errors.Is(err, errDefect) {
		return exitDefect
	}
	fmt.Fprintln(stderr, "ledger: "+oneLine(err))
	if code := fault.CodeOf(err); strings.HasPrefix(code, "usage.") || slices.Contains(usageCodes, code) {
		return exitUsage
	}
	return exitFailed
}

// usageCodes are those of refusals, made below the command line, that only what
// stands on it can cause.
var usageCodes = []string{readmodels.CodeUnknown, "simulate.dossiers", "simulate.window", "import.source", "bench.unknown", "bench.parameter"}

// given is a name from the command line in the one form that the ledger keeps
// text in: a terminal or a file system may give another.
func given(name string) string { return norm.NFC.String(strings.ToValidUTF8(name, "\ufffd")) }

// oneLine is the message of an error without its line breaks.
func oneLine(err error) string { return strings.Join(strings.Fields(err.Error()), " ") }

func usage(format string, args ...any) error {
	return fault.New(fault.Invalid, "usage.wrong", format, args...)
}

func logger(level string, to io.Writer) *slog.Logger {
	var l slog.Level
	if err := l.UnmarshalText([]byte(level)); err != nil {
		l = slog.LevelInfo
	}
	return slog.New(telemetry.Traced(slog.NewJSONHandler(to, &slog.HandlerOptions{Level: l})))
}

// open opens the ledger in the data folder.
func (w *world) open() (*ledger.Ledger, error) {
	return ledger.Open(w.ctx, w.config())
}

// read opens the ledger for a command that appends hardly anything.
func (w *world) read() (*ledger.Ledger, error) {
	config := w.config()
	config.Reading = true
	return ledger.Open(w.ctx, config)
}

// config is what the flags say of the ledger.
func (w *world) config() ledger.Config {
	return ledger.Config{
		Data: w.opts.Data, MasterKeyFile: w.opts.MasterKeyFile, Logger: w.log, Now: w.now, EventStoreFile: w.opts.Eventstore,
		NATSFile: w.opts.Nats, NATSReplicas: w.opts.NatsReplicas, LeaseTerm: w.opts.LeaseTerm,
		ClickHouseDSNFile: w.opts.ClickhouseDSN, ClickHouseLibrary: w.opts.ClickhouseLib,
		ClickHouseMemory: w.opts.ClickhouseMem, ClickHouseCluster: w.opts.ClickhouseName, ClickHouseReplicated: w.opts.Replicated, ClickHouseSharded: w.opts.Sharded,
	}
}

// print writes a result: as one JSON document where that was asked for, else as
// the text that `human` writes.
func (w *world) print(result any, human func(io.Writer) error) error {
	if !w.opts.JSON {
		return human(w.stdout)
	}
	enc := json.NewEncoder(w.stdout)
	enc.SetEscapeHTML(false)
	enc.SetIndent("", "  ")
	if err := enc.Encode(result); err != nil {
		return fmt.Errorf("print result: %w", err)
	}
	return nil
}

func (w *world) close(l *ledger.Ledger) {
	if err := l.Close(); err != nil {
		w.log.Error("closing the ledger", "error", err)
	}
}
