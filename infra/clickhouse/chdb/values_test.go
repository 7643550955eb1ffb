package chdb_test

import (
	"context"
	"reflect"
	"testing"
	"time"

	"github.com/ClickHouse/clickhouse-go/v2"
	"github.com/google/uuid"
	"pgregory.net/rapid"

	"dossierledger/infra/clickhouse/chdb"
)

func TestEveryTypeComesBackAsItWent(t *testing.T) {
	_, conn := open(t, t.TempDir(), chdb.Options{})
	ctx := t.Context()
	run(t, conn, `CREATE TABLE kinds (
		id UInt64, text String, low LowCardinality(String), fixed FixedString(4), id2 UUID,
		utc DateTime64(6, 'UTC'), local DateTime64(3, 'Asia/Ho_Chi_Minh'), day Date32, plain DateTime,
		money Int64, part Float64, flag Bool, maybe Nullable(String), maybe_at Nullable(DateTime64(6, 'UTC')),
		list Array(String), nested Array(Array(UInt32)), pairs Map(String, Int64), level Enum8('low' = 1, 'high' = 2)
	) ENGINE = MergeTree ORDER BY id`)

	type row struct {
		ID      uint64           `ch:"id"`
		Text    string           `ch:"text"`
		Low     string           `ch:"low"`
		Fixed   string           `ch:"fixed"`
		ID2     uuid.UUID        `ch:"id2"`
		UTC     time.Time        `ch:"utc"`
		Local   time.Time        `ch:"local"`
		Day     time.Time        `ch:"day"`
		Plain   time.Time        `ch:"plain"`
		Money   int64            `ch:"money"`
		Part    float64          `ch:"part"`
		Flag    bool             `ch:"flag"`
		Maybe   *string          `ch:"maybe"`
		MaybeAt *time.Time       `ch:"maybe_at"`
		List    []string         `ch:"list"`
		Nested  [][]uint32       `ch:"nested"`
		Pairs   map[string]int64 `ch:"pairs"`
		Level   string           `ch:"level"`
	}
	ict := time.FixedZone("ICT", 7*3600)
	at := time.Date(2026, 11, 24, 23, 59, 59, 999999000, time.UTC)
	text := "hồ sơ"
	want := []row{
		{
			ID: 1, Text: "a\x00b\xff'\\\t\nĐặng", Low: "một cửa", Fixed: "ab\x00c", ID2: uuid.MustParse("018f4a2e-0000-7000-8000-00000000abcd"),
			UTC: at, Local: at.In(ict).Truncate(time.Millisecond), Day: time.Date(1950, 1, 2, 0, 0, 0, 0, time.UTC), Plain: at.Truncate(time.Second),
			Money: -9_007_199_254_740_993, Part: 0.1, Flag: true, Maybe: &text, MaybeAt: &at,
			List: []string{"", "x\x00"}, Nested: [][]uint32{{}, {1, 2}}, Pairs: map[string]int64{"phí": 50_000, "": -1}, Level: "high",
		},
		{
			ID: 2, Fixed: "\x00\x00\x00\x00", UTC: time.Unix(0, 0).UTC(), Local: time.Unix(0, 0).In(ict), Day: time.Date(2035, 12, 31, 0, 0, 0, 0, time.UTC), Plain: time.Unix(0, 0).UTC(),
			List: []string{}, Nested: [][]uint32{}, Pairs: map[string]int64{}, Level: "low",
		},
	}
	batch, err := conn.PrepareBatch(ctx, "INSERT INTO kinds")
	if err != nil {
		t.Fatal(err)
	}
	for i := range want {
		if err := batch.AppendStruct(&want[i]); err != nil {
			t.Fatal(err)
		}
	}
	if err := batch.Send(); err != nil {
		t.Fatal(err)
	}

	var got []row
	if err := conn.Select(ctx, &got, "SELECT * FROM kinds ORDER BY id"); err != nil {
		t.Fatal(err)
	}
	if len(got) != len(want) {
		t.Fatalf("%d rows, want %d", len(got), len(want))
	}
	for i := range got {
		g, w := reflect.ValueOf(got[i]), reflect.ValueOf(want[i])
		for f := range g.NumField() {
			if !same(g.Field(f).Interface(), w.Field(f).Interface()) {
				t.Errorf("row %d, %s: %#v, want %#v", i, g.Type().Field(f).Name, g.Field(f).Interface(), w.Field(f).Interface())
			}
		}
	}
	if zone := got[0].Local.Location().String(); zone != "Asia/Ho_Chi_Minh" {
		t.Errorf("zone of the column is %s", zone)
	}
}

// same compares values, and times as instants.
func same(a, b any) bool {
	switch a := a.(type) {
	case time.Time:
		return a.Equal(b.(time.Time))
	case *time.Time:
		other := b.(*time.Time)
		return a == other || a != nil && other != nil && a.Equal(*other)
	}
	return reflect.DeepEqual(a, b)
}

func TestAnyTextComesBackFromParameterAndInsert(t *testing.T) {
	_, conn := open(t, t.TempDir(), chdb.Options{})
	run(t, conn, "CREATE TABLE texts (text String) ENGINE = Memory")
	rapid.Check(t, func(t *rapid.T) {
		// Bytes of any kind, and the characters that some layer escapes.
		text := string(rapid.OneOf(
			rapid.SliceOf(rapid.Byte()),
			rapid.SliceOf(rapid.SampledFrom([]byte("\\'\"`\x00\t\n\r{}%&=+;N/*-"))),
		).Draw(t, "text"))
		ctx := context.Background()
		var got string
		if err := conn.QueryRow(ctx, "SELECT {x:String}", clickhouse.Named("x", text)).Scan(&got); err != nil {
			t.Fatal(err)
		}
		if got != text {
			t.Fatalf("parameter %q came back as %q", text, got)
		}
		if err := conn.Exec(context.Background(), "TRUNCATE TABLE texts"); err != nil {
			t.Fatal(err)
		}
		batch, err := conn.PrepareBatch(context.Background(), "INSERT INTO texts")
		if err != nil {
			t.Fatal(err)
		}
		if err := batch.Append(text); err != nil {
			t.Fatal(err)
		}
		if err := batch.Send(); err != nil {
			t.Fatal(err)
		}
		if err := conn.QueryRow(ctx, "SELECT text FROM texts WHERE text = {x:String}", clickhouse.Named("x", text)).Scan(&got); err != nil {
			t.Fatal(err)
		}
		if got != text {
			t.Fatalf("row %q came back as %q", text, got)
		}
	})
}

func TestParametersOfOtherTypes(t *testing.T) {
	_, conn := open(t, t.TempDir(), chdb.Options{})
	ctx := clickhouse.Context(t.Context(), clickhouse.WithParameters(clickhouse.Parameters{
		"n": "42", "list": "['a','b']", "day": "2026-11-24", "table": "numbers",
	}))
	var (
		n    uint64
		list []string
		day  time.Time
	)
	err := conn.QueryRow(ctx, "SELECT {n:UInt64} + number, {list:Array(String)}, {day:Date} FROM system.{table:Identifier} LIMIT 1").Scan(&n, &list, &day)
	if err != nil {
		t.Fatal(err)
	}
	if n != 42 || !reflect.DeepEqual(list, []string{"a", "b"}) || day.Format(time.DateOnly) != "2026-11-24" {
		t.Errorf("got %d %v %s", n, list, day)
	}
	if got := scalar[string](t, conn, "SELECT {x:String}", clickhouse.Named("x", "named")); got != "named" {
		t.Errorf("named parameter came back as %q", got)
	}
}

func TestAnEmptyResultHasColumns(t *testing.T) {
	_, conn := open(t, t.TempDir(), chdb.Options{})
	run(t, conn, "CREATE TABLE t (id UInt64, name LowCardinality(String)) ENGINE = MergeTree ORDER BY id")
	for _, sql := range []string{
		"SELECT id, name AS label FROM t",
		"SELECT id, name AS label FROM t ; \n",
		"SELECT id, name AS label FROM t WHERE name = {x:String}",
	} {
		ctx := clickhouse.Context(t.Context(), clickhouse.WithParameters(clickhouse.Parameters{"x": "y"}))
		rows, err := conn.Query(ctx, sql)
		if err != nil {
			t.Fatal(err)
		}
		if got, want := rows.Columns(), []string{"id", "label"}; !reflect.DeepEqual(got, want) {
			t.Errorf("%s: columns %v, want %v", sql, got, want)
		}
		if types := rows.ColumnTypes(); len(types) == 2 && types[1].DatabaseTypeName() != "LowCardinality(String)" {
			t.Errorf("%s: type %s", sql, types[1].DatabaseTypeName())
		}
		if rows.Next() || rows.Err() != nil {
			t.Errorf("%s: a row or an error (%v)", sql, rows.Err())
		}
		if err := rows.Close(); err != nil {
			t.Error(err)
		}
	}
}

func TestStatementsThatAreNotStreamed(t *testing.T) {
	_, conn := open(t, t.TempDir(), chdb.Options{})
	run(t, conn, "CREATE TABLE t (id UInt64) ENGINE = MergeTree ORDER BY id", "INSERT INTO t VALUES (1), (2)", "INSERT INTO t SELECT number + 3 FROM numbers(3)")
	for sql, column := range map[string]string{
		"DESCRIBE TABLE t": "name", "SHOW TABLES": "name", "EXPLAIN SELECT * FROM t": "explain", "SHOW CREATE TABLE t": "statement", "EXISTS TABLE t": "result",
	} {
		rows, err := conn.Query(t.Context(), sql)
		if err != nil {
			t.Errorf("%s: %v", sql, err)
			continue
		}
		if !rows.Next() || rows.Columns()[0] != column {
			t.Errorf("%s: no row, or columns %v", sql, rows.Columns())
		}
		if err := rows.Close(); err != nil {
			t.Error(err)
		}
	}
	if n := scalar[uint64](t, conn, "SELECT count() FROM t"); n != 5 {
		t.Errorf("%d rows, want 5", n)
	}
}
