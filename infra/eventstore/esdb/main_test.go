package esdb_test

import (
	"flag"
	"os"
	"testing"
)

// TestMain runs the promises about size on small ledgers, unless LEDGER_TEST_LONG
// asks for the large ones, which take most of a minute over a connection.
func TestMain(m *testing.M) {
	flag.Parse()
	if os.Getenv("LEDGER_TEST_LONG") == "" {
		if err := flag.Set("test.short", "true"); err != nil {
			panic(err)
		}
	}
	os.Exit(m.Run())
}
