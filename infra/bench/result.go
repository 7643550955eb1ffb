package bench

import (
	"encoding/json"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"text/tabwriter"
	"time"
)

// Result is what one run of a benchmark gave. Its JSON is kept, so members are
// added and never renamed.
type Result struct {
	Benchmark   string      `json:"benchmark"`
	About       string      `json:"about"`
	Began       time.Time   `json:"began"`
	Seconds     float64     `json:"seconds"`
	Parameters  Parameters  `json:"parameters"`
	Environment Environment `json:"environment"`
	Pairs       []Compared  `json:"pairs,omitempty"`
	Growths     []Growth    `json:"growths,omitempty"`
}

// Compared is a pair with what was measured.
type Compared struct {
	Name     string    `json:"name"`
	Unit     string    `json:"unit"`
	Subject  Measured  `json:"subject"`
	Baseline *Measured `json:"baseline,omitempty"`
	// Ratio is the subject over the baseline measured next to it.
	Ratio *Spread   `json:"ratio,omitempty"`
	Goals []Reached `json:"goals,omitempty"`
}

// Measured is one side with what was measured.
type Measured struct {
	Name    string            `json:"name"`
	Value   Spread            `json:"value"`
	Figures map[string]Spread `json:"figures,omitempty"`
}

// Read reads the results that are kept in a folder, one file for each
// benchmark, in the order of their names.
func Read(dir string) ([]Result, error) {
	paths, err := filepath.Glob(filepath.Join(dir, "*.json"))
	if err != nil {
		return nil, fmt.Errorf("results of benchmarks: %w", err)
	}
	slices.SortFunc(paths, func(a, b string) int { // as names: "a" is before "a-growth", though "." is behind "-"
		return strings.Compare(strings.TrimSuffix(a, ".json"), strings.TrimSuffix(b, ".json"))
	})
	var results []Result
	for _, path := range paths {
		text, err := os.ReadFile(path)
		if err != nil {
			return nil, fmt.Errorf("results of benchmarks: %w", err)
		}
		var r Result
		if err := json.Unmarshal(text, &r); err != nil {
			return nil, fmt.Errorf("results of benchmarks: %s: %w", path, err)
		}
		results = append(results, r)
	}
	return results, nil
}

// Print writes the result as lines for people.
func (r *Result) Print(out io.Writer) error {
	e := r.Environment
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	fmt.Fprintf(w, "%s: %s\n", r.Benchmark, r.About)
	fmt.Fprintf(w, "%d cores, %s, %s, %s, load %.1f to %.1f, %s s\n\n",
		e.Cores, e.System, e.Go, e.FileSystem, e.LoadBegin, e.LoadEnd, number(r.Seconds))
	for _, row := range r.rows() {
		fmt.Fprintln(w, strings.Join(row, "\t"))
	}
	return w.Flush()
}

// Markdown writes the result as a section of a page.
func (r *Result) Markdown(out io.Writer) error {
	e := r.Environment
	var text strings.Builder
	fmt.Fprintf(&text, "### %s\n\n%s\n\nMeasured on %s: %d cores, %s, %s, load %.1f at the beginning and %.1f at the end",
		r.Benchmark, r.About, r.Began.Format(time.DateOnly), e.Cores, e.Go, e.FileSystem, e.LoadBegin, e.LoadEnd)
	if n := r.Parameters.Repetitions; n > 0 {
		fmt.Fprintf(&text, "; %d repetitions", n)
	}
	text.WriteString(".\n\n")
	for _, block := range [][][]string{r.pairRows(), r.growthRows()} {
		for i, row := range block {
			fmt.Fprintf(&text, "| %s |\n", strings.Join(row, " | "))
			if i == 0 {
				text.WriteString("|" + strings.Repeat(" --- |", len(row)) + "\n")
			}
		}
		if len(block) > 0 {
			text.WriteString("\n")
		}
	}
	_, err := io.WriteString(out, text.String())
	return err
}

func (r *Result) rows() [][]string {
	rows := r.pairRows()
	if growths := r.growthRows(); len(growths) > 0 {
		if len(rows) > 0 {
			rows = append(rows, nil)
		}
		rows = append(rows, growths...)
	}
	return rows
}

// pairRows has a head and a row for each pair.
func (r *Result) pairRows() [][]string {
	if len(r.Pairs) == 0 {
		return nil
	}
	rows := [][]string{{"what", "here", "baseline", "ratio", "goal", "met"}}
	for _, p := range r.Pairs {
		row := []string{p.Name, p.Subject.Value.text() + " " + p.Unit + p.Subject.figures(), "", "", "", ""}
		if p.Baseline != nil {
			row[2] = p.Baseline.Name + ": " + p.Baseline.Value.text() + p.Baseline.figures()
			row[3] = p.Ratio.text()
		}
		var goals, met []string
		for _, g := range p.Goals {
			goals, met = append(goals, g.text()), append(met, yes(g.Met))
		}
		row[4], row[5] = strings.Join(goals, "; "), strings.Join(met, "; ")
		rows = append(rows, row)
	}
	return rows
}

// growthRows has a head and a row for each growth, with a column for each size.
func (r *Result) growthRows() [][]string {
	if len(r.Growths) == 0 {
		return nil
	}
	var sizes []int
	for _, g := range r.Growths {
		for _, p := range g.Points {
			if !slices.Contains(sizes, p.Size) {
				sizes = append(sizes, p.Size)
			}
		}
	}
	slices.Sort(sizes)
	head := []string{"what"}
	for _, size := range sizes {
		head = append(head, "at "+thousands(int64(size)))
	}
	rows := [][]string{append(head, "exponent", "goal", "met")}
	for _, g := range r.Growths {
		row := []string{strings.TrimSuffix(g.Name+", "+g.Unit, ", ")}
		for _, size := range sizes {
			cell := ""
			if i := slices.IndexFunc(g.Points, func(p Point) bool { return p.Size == size }); i >= 0 {
				cell = number(g.Points[i].Cost.Median)
			}
			row = append(row, cell)
		}
		row = append(row, fmt.Sprintf("%.2f", g.Exponent))
		if g.Goal != nil {
			row = append(row, g.Goal.text(), yes(g.Goal.Met))
		} else {
			row = append(row, "", "")
		}
		rows = append(rows, row)
	}
	return rows
}

// text is the median with what is around it.
func (s Spread) text() string {
	if len(s.Samples) < 2 {
		return number(s.Median)
	}
	return fmt.Sprintf("%s (%s–%s)", number(s.Median), number(s.Least), number(s.Most))
}

// figures lists the medians of what was seen beside the value.
func (m Measured) figures() string {
	var names []string
	for name := range m.Figures {
		names = append(names, name)
	}
	slices.Sort(names)
	var text strings.Builder
	for _, name := range names {
		what, amount := quantity(name, m.Figures[name].Median)
		fmt.Fprintf(&text, "; %s %s", what, amount)
	}
	return text.String()
}

// quantity words a figure: its name's end is its unit.
func quantity(name string, value float64) (what, amount string) {
	what = strings.ReplaceAll(name, "_", " ")
	if of, ok := strings.CutSuffix(what, " bytes"); ok {
		return of, number(value/1e6) + " MB"
	}
	return what, number(value)
}

func (g Reached) text() string {
	limit, sign := g.AtLeast, "≥"
	if limit == nil {
		limit, sign = g.AtMost, "≤"
	}
	if g.Of == ofValue {
		return sign + " " + number(*limit)
	}
	what, amount := quantity(g.Of, *limit)
	return what + " " + sign + " " + amount
}

func yes(met bool) string {
	if met {
		return "yes"
	}
	return "no"
}
