package bench_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"dossierledger/domain/fault"
	"dossierledger/infra/bench"
)

// program is the ledger's binary, built once for the benchmarks that run it.
func program(t *testing.T) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "ledger")
	if out, err := exec.Command("go", "build", "-o", path, "dossierledger").CombinedOutput(); err != nil {
		t.Fatalf("build the ledger: %v: %s", err, out)
	}
	return path
}

// small is how little of each benchmark is enough to see that it works.
const small = 400

func TestEveryBenchmarkRunsInSmall(t *testing.T) {
	if testing.Short() {
		t.Skip("-short: nothing is measured")
	}
	path := program(t)
	for _, b := range bench.All() {
		t.Run(b.Name, func(t *testing.T) {
			// Given a folder of its own.
			dir := t.TempDir()
			opts := bench.Options{Dir: dir, Program: path}
			if b.Defaults.Repetitions > 0 {
				opts.Repetitions = 1
			}
			if b.Defaults.Events > 0 {
				opts.Events = small
			}

			// When it is run once on little.
			result, err := bench.Measure(t.Context(), b, opts)
			if err != nil {
				t.Fatal(err)
			}

			// Then it has measured something, with the goals that are set, says so
			// in all forms, and leaves nothing behind.
			if len(result.Pairs)+len(result.Growths) == 0 {
				t.Error("nothing was measured")
			}
			for _, p := range result.Pairs {
				if p.Subject.Value.Median <= 0 || p.Baseline != nil && (p.Baseline.Value.Median <= 0 || p.Ratio.Median <= 0) {
					t.Errorf("%s: measured %+v against %+v", p.Name, p.Subject, p.Baseline)
				}
			}
			for _, g := range result.Growths {
				if len(g.Points) < 2 || g.Goal == nil {
					t.Errorf("%s: %d points, goal %v", g.Name, len(g.Points), g.Goal)
				}
			}
			var text, page bytes.Buffer
			if err := errors.Join(result.Print(&text), result.Markdown(&page)); err != nil {
				t.Fatal(err)
			}
			if !strings.Contains(page.String(), b.About) || !strings.Contains(text.String(), b.About) {
				t.Errorf("the texts do not say what was measured:\n%s\n%s", &text, &page)
			}
			if left, err := os.ReadDir(dir); err != nil || len(left) > 0 {
				t.Errorf("left behind: %v (%v)", left, err)
			}
		})
	}
}

func TestNamesAreDistinctAndSorted(t *testing.T) {
	var names []string
	for _, b := range bench.All() {
		names = append(names, b.Name)
	}
	if !slices.IsSorted(names) || len(slices.Compact(slices.Clone(names))) != len(names) {
		t.Errorf("the catalogue is not in order: %v", names)
	}
}

// turns is a benchmark whose sides note the order in which they are measured.
func turns(order *[]string, subject, baseline []float64, goals ...bench.Goal) bench.Benchmark {
	side := func(name string, values []float64) bench.Side {
		n := 0
		return bench.Side{Name: name, Measure: func(context.Context) (bench.Sample, error) {
			*order = append(*order, name)
			n++
			return bench.Sample{Value: values[n-1]}.With("peak_memory_bytes", 1e6*values[n-1]), nil
		}}
	}
	return bench.Benchmark{
		Name: "turns", About: "Takes turns.", Defaults: bench.Parameters{Repetitions: len(subject)},
		Run: func(ctx context.Context, r *bench.Run) error {
			return r.Compare(ctx, bench.Pair{
				Name: "pair", Unit: "s", Subject: side("subject", subject), Baseline: side("baseline", baseline), Goals: goals,
			})
		},
	}
}

func TestAPairIsMeasuredInTurnsAndComparedWithItsNeighbour(t *testing.T) {
	// Given a machine that becomes slower between the repetitions, while the
	// subject stays at half of the baseline.
	var order []string
	b := turns(&order, []float64{5, 20, 50}, []float64{10, 40, 100},
		bench.RatioAtLeast(0.5), bench.RatioAtMost(0.4), bench.AtLeast(21), bench.AtMost(20), bench.FigureAtMost("peak_memory_bytes", 2e7))

	// When it is measured.
	result, err := bench.Measure(t.Context(), b, bench.Options{Dir: t.TempDir()})
	if err != nil {
		t.Fatal(err)
	}

	// Then who is first changes, the ratio is that of neighbours, and each goal is
	// held against its own median.
	if got, want := strings.Join(order, " "), "subject baseline baseline subject subject baseline"; got != want {
		t.Errorf("measured in the order %s, want %s", got, want)
	}
	pair := result.Pairs[0]
	if r := pair.Ratio; r.Least != 0.5 || r.Median != 0.5 || r.Most != 0.5 {
		t.Errorf("ratio %+v, want 0.5 throughout", r)
	}
	if v := pair.Subject.Value; v.Least != 5 || v.Median != 20 || v.Most != 50 {
		t.Errorf("subject %+v", v)
	}
	var met []bool
	for _, g := range pair.Goals {
		met = append(met, g.Met)
	}
	if want := []bool{true, false, false, true, true}; !slices.Equal(met, want) {
		t.Errorf("goals met: %v, want %v", met, want)
	}
	var text bytes.Buffer
	if err := result.Print(&text); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"20.0 (5.00–50.0) s; peak memory 20.0 MB", "ratio ≥ 0.5; ratio ≤ 0.4; ≥ 21.0; ≤ 20.0; peak memory ≤ 20.0 MB", "yes; no; no; yes; yes"} {
		if !strings.Contains(text.String(), want) {
			t.Errorf("the text does not say %q:\n%s", want, &text)
		}
	}
}

func TestGrowthIsFittedAsAPower(t *testing.T) {
	// Given costs that stay, that grow with the size and that grow with its square.
	b := bench.Benchmark{Name: "growing", Run: func(_ context.Context, r *bench.Run) error {
		for _, size := range []int{10, 100, 1000} {
			x := float64(size)
			r.Point("flat", "µs", bench.ExponentAtMost(0.1), size, 7)
			r.Point("linear", "s", bench.ExponentAtMost(1.1), size, 3*x)
			r.Point("square", "s", bench.ExponentAtMost(1.1), size, x*x)
		}
		return nil
	}}
	result, err := bench.Measure(t.Context(), b, bench.Options{Dir: t.TempDir()})
	if err != nil {
		t.Fatal(err)
	}

	// Then each exponent is found, and only the last misses its goal.
	for i, want := range []struct {
		exponent float64
		met      bool
	}{{0, true}, {1, true}, {2, false}} {
		g := result.Growths[i]
		if d := g.Exponent - want.exponent; d > 0.001 || d < -0.001 || g.Goal.Met != want.met {
			t.Errorf("%s: exponent %v, met %v, want %v", g.Name, g.Exponent, g.Goal.Met, want)
		}
	}
}

func TestParametersThatABenchmarkDoesNotHaveAreRefused(t *testing.T) {
	b := bench.Benchmark{Name: "still", Defaults: bench.Parameters{Events: 10}, Run: func(_ context.Context, r *bench.Run) error {
		r.Point("seen", "", bench.ExponentAtMost(1), r.Events, 1)
		return nil
	}}
	for _, c := range []struct {
		set  bench.Parameters
		seen int
		code string
	}{
		{bench.Parameters{}, 10, ""},
		{bench.Parameters{Events: 3}, 3, ""},
		{bench.Parameters{Events: -1}, 0, "bench.parameter"},
		{bench.Parameters{Clients: 3}, 0, "bench.parameter"},
	} {
		result, err := bench.Measure(t.Context(), b, bench.Options{Dir: t.TempDir(), Parameters: c.set})
		if fault.CodeOf(err) != c.code {
			t.Errorf("%+v: %v, want the code %q", c.set, err, c.code)
		} else if err == nil && result.Growths[0].Points[0].Size != c.seen {
			t.Errorf("%+v: ran with %d", c.set, result.Growths[0].Points[0].Size)
		}
	}
	if _, err := bench.Measure(t.Context(), b, bench.Options{Dir: t.TempDir(), Log: "receipt.xes"}); fault.CodeOf(err) != "bench.parameter" {
		t.Errorf("a log for a benchmark that takes none: %v", err)
	}
	if _, err := bench.Find("no-such-thing"); fault.CodeOf(err) != "bench.unknown" {
		t.Errorf("an unknown name: %v", err)
	}
}

func TestResultsAreReadAgainAsTheyWereKept(t *testing.T) {
	// Given a result that was kept as its JSON.
	var order []string
	dir := t.TempDir()
	result, err := bench.Measure(t.Context(), turns(&order, []float64{1, 2}, []float64{3, 4}, bench.AtMost(9)), bench.Options{Dir: dir})
	if err != nil {
		t.Fatal(err)
	}
	text, err := json.Marshal(result)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "turns.json"), text, 0o600); err != nil {
		t.Fatal(err)
	}

	// When it is read, then it says the same; and a damaged one is told.
	read, err := bench.Read(dir)
	if err != nil {
		t.Fatal(err)
	}
	var before, after bytes.Buffer
	if err := errors.Join(result.Markdown(&before), read[0].Markdown(&after)); err != nil {
		t.Fatal(err)
	}
	if before.String() != after.String() || len(read) != 1 {
		t.Errorf("read again:\n%s\nwas\n%s", &after, &before)
	}
	if err := os.WriteFile(filepath.Join(dir, "turns-growth.json"), bytes.Replace(text, []byte(`"turns"`), []byte(`"turns-growth"`), 1), 0o600); err != nil {
		t.Fatal(err)
	}
	if read, err = bench.Read(dir); err != nil || len(read) != 2 || read[0].Benchmark != "turns" || read[1].Benchmark != "turns-growth" {
		t.Errorf("two results are not read in the order of their names: %+v (%v)", read, err)
	}
	if err := os.WriteFile(filepath.Join(dir, "torn.json"), text[:20], 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := bench.Read(dir); err == nil {
		t.Error("a torn result was read")
	}
}

func TestProfilesOfARunAreWritten(t *testing.T) {
	b, err := bench.Find("append")
	if err != nil {
		t.Fatal(err)
	}
	dir := filepath.Join(t.TempDir(), "profiles")
	opts := bench.Options{Dir: t.TempDir(), Profile: dir, Parameters: bench.Parameters{Events: small, Repetitions: 1}}
	if _, err := bench.Measure(t.Context(), b, opts); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"cpu", "allocs", "block", "mutex"} {
		text, err := os.ReadFile(filepath.Join(dir, name+".pprof"))
		if err != nil || !bytes.HasPrefix(text, []byte{0x1f, 0x8b}) {
			t.Errorf("%s: %v, %d bytes that are no profile", name, err, len(text))
		}
	}
}
