//go:build linux

package chdb

import (
	"context"
	"testing"
)

func TestTheEngineLeavesSignalHandlersAlone(t *testing.T) {
	before := signalHandlers()
	engine, err := Open(t.TempDir(), Options{})
	if err != nil {
		t.Fatal(err)
	}
	ctx := context.Background()
	sessions := make([]*session, 3)
	for i := range sessions {
		if sessions[i], err = engine.acquire(ctx, defaultDatabase, nil); err != nil {
			t.Fatal(err)
		}
		for _, sql := range []string{
			"SELECT sum(number) FROM numbers_mt(10000000)",
			"CREATE TABLE IF NOT EXISTS t (id UInt64) ENGINE = MergeTree ORDER BY id",
			"INSERT INTO t SELECT number FROM numbers(100000)",
			"OPTIMIZE TABLE t FINAL",
		} {
			if err := sessions[i].run(sql); err != nil {
				t.Fatal(err)
			}
		}
	}
	for _, s := range sessions {
		engine.release(s)
	}
	if err := engine.Close(ctx); err != nil {
		t.Fatal(err)
	}
	changed := 0
	for i, now := range signalHandlers() {
		if now.handler != before[i].handler || now.flags != before[i].flags {
			t.Errorf("signal %d has another handler", i+1)
			changed++
		}
	}
	if changed > 0 {
		t.Error("a nil dereference in Go may hang from now on")
	}
	var none disposition
	if before[10] == none {
		t.Error("the handler of SIGSEGV was not read; this test sees nothing")
	}
}
