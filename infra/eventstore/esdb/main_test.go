package esdb_test

import (
	"flag"
	"os"
	"testing"
)

// TestMain runs the promises about size on small ledgers, unless LEDGER_TEST_LONG
// asks for the large ones, which take most of a minute over a connection. More tests
// run at a time than there are processors: they wait for disks and for silence.
func TestMain(m *testing.M) {
	flag.Parse()
	if err := flag.Set("test.parallel", "4"); err != nil {
		panic(err)
	}
	if os.Getenv("LEDGER_TEST_LONG") == "" {
		if err := flag.Set("test.short", "true"); err != nil {
			panic(err)
		}
	}
	os.Exit(m.Run())
}
