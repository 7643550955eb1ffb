package deploy_test

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"regexp"
	"slices"
	"strings"
	"testing"

	"dossierledger/infra/eventstore/esdb"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"
)

// series are the metrics that a program shows, each with its labels' values.
type series map[string]map[string][]string

var (
	sample     = regexp.MustCompile(`(?m)^([a-zA-Z_:][a-zA-Z0-9_:]*)(?:\{(.*)\})? \S+$`)
	sampleItem = regexp.MustCompile(`([a-zA-Z_][a-zA-Z0-9_]*)="((?:[^"\\]|\\.)*)"`)
)

func readSeries(shown string) series {
	all := series{}
	for _, m := range sample.FindAllStringSubmatch(shown, -1) {
		if all[m[1]] == nil {
			all[m[1]] = map[string][]string{}
		}
		for _, item := range sampleItem.FindAllStringSubmatch(m[2], -1) {
			all[m[1]][item[1]] = append(all[m[1]][item[1]], item[2])
		}
	}
	return all
}

// late are metrics that the program shows from their first count on.
var late = series{"ledger_projection_failures_total": {"projection": nil, "kind": nil}}

// foreign are the metrics of others: of Prometheus itself, of node exporter and of
// the kubelet.
var foreign = []string{
	"up", "node_filesystem_avail_bytes", "node_filesystem_size_bytes",
	"kubelet_volume_stats_available_bytes", "kubelet_volume_stats_capacity_bytes",
}

// scraped are labels that Prometheus adds to all that it scrapes.
var scraped = []string{"job", "instance"}

// selector is a metric in an expression, with what is asked of its labels.
type selector struct {
	metric string
	labels [][3]string // name, operator, value
}

var (
	grouping = regexp.MustCompile(`\b(?:by|without|on|ignoring|group_left|group_right)\s*\(([^)]*)\)`)
	metricAt = regexp.MustCompile(`([a-zA-Z_:][a-zA-Z0-9_:]*)\s*(\{[^}]*\}|\(|"|)`)
	matcher  = regexp.MustCompile(`([a-zA-Z_][a-zA-Z0-9_]*)\s*(=~|!~|!=|=)\s*"([^"]*)"`)
	duration = regexp.MustCompile(`\[[^\]]*\]`)
	words    = []string{"and", "or", "unless", "bool"}
)

// selectors finds the metrics of an expression of PromQL, and the labels by which
// it groups. It is no parser: it knows what these files use.
func selectors(expression string) (found []selector, groups []string) {
	for _, m := range grouping.FindAllStringSubmatch(expression, -1) {
		for name := range strings.SplitSeq(m[1], ",") {
			groups = append(groups, strings.TrimSpace(name))
		}
	}
	rest := duration.ReplaceAllString(grouping.ReplaceAllString(expression, " "), "")
	for _, m := range metricAt.FindAllStringSubmatch(rest, -1) {
		if m[2] == "(" || slices.Contains(words, m[1]) {
			continue
		}
		s := selector{metric: m[1]}
		for _, l := range matcher.FindAllStringSubmatch(m[2], -1) {
			s.labels = append(s.labels, [3]string{l[1], l[2], l[3]})
		}
		found = append(found, s)
	}
	return found, groups
}

func TestSelectors(t *testing.T) {
	found, groups := selectors(`sum by (le, route) (rate(a_bucket{job="l", route!~".*/s"}[5m])) / on (instance) b_total > 0.5 unless c == bool 1`)
	var names []string
	for _, s := range found {
		names = append(names, s.metric)
	}
	if strings.Join(names, " ") != "a_bucket b_total c" || strings.Join(groups, " ") != "le route instance" {
		t.Errorf("metrics %v, groups %v", names, groups)
	}
	if len(found[0].labels) != 2 || found[0].labels[1] != [3]string{"route", "!~", ".*/s"} {
		t.Errorf("labels %v", found[0].labels)
	}
}

// check holds that an expression names metrics, labels, states, routes and
// projections that the program shows.
func (all series) check(t *testing.T, where, expression string) {
	t.Helper()
	found, groups := selectors(expression)
	if len(found) == 0 {
		t.Errorf("%s names no metric", where)
	}
	grouped := map[string]bool{}
	for _, s := range found {
		shown, ok := all[s.metric]
		if !ok {
			shown, ok = late[s.metric]
		}
		if slices.Contains(foreign, s.metric) {
			for _, name := range scraped {
				grouped[name] = true
			}
			continue
		}
		if !ok {
			t.Errorf("%s names the metric %s, which does not exist", where, s.metric)
			continue
		}
		for name := range shown {
			grouped[name] = true
		}
		for _, l := range s.labels {
			if slices.Contains(scraped, l[0]) {
				continue
			}
			values, ok := shown[l[0]]
			if !ok {
				t.Errorf("%s asks %s for its %s, which it does not have", where, s.metric, l[0])
			}
			if l[0] == "state" || l[0] == "projection" || l[0] == "route" && l[1] == "=" {
				for value := range strings.SplitSeq(l[2], "|") {
					if !slices.Contains(values, value) {
						t.Errorf("%s asks %s for the %s %q; there are %v", where, s.metric, l[0], value, values)
					}
				}
			}
		}
	}
	for _, name := range groups {
		if !grouped[name] && !slices.Contains(scraped, name) {
			t.Errorf("%s groups by %s, which none of its metrics has", where, name)
		}
	}
}

var alertName = regexp.MustCompile(`^Ledger[A-Z][A-Za-z]+$`)

// TestMetricsExist holds the alerts and the dashboard to a running ledger.
func TestMetricsExist(t *testing.T) {
	if testing.Short() {
		t.Skip("-short: nothing is served")
	}
	l := serve(t)
	for _, path := range []string{"/healthz", "/readyz"} {
		if status, body := l.get(t, path); status != http.StatusOK {
			t.Errorf("%s answers %d: %s", path, status, body)
		}
	}
	if status, _ := l.get(t, "/api/v1/reports/nothing"); status < 400 {
		t.Errorf("a report that does not exist is answered with %d", status)
	}
	_, shown := l.get(t, "/metrics")
	metrics := readSeries(shown + onEventStoreDB(t))
	if len(metrics["ledger_projection_state"]["state"]) == 0 || len(metrics["ledger_http_requests_total"]["status"]) == 0 {
		t.Fatalf("the metrics were not understood:\n%s", shown)
	}
	t.Run("alerts", func(t *testing.T) { checkAlerts(t, metrics) })
	t.Run("dashboard", func(t *testing.T) { checkDashboard(t, metrics) })
}

// onEventStoreDB are the metrics that are added where the ledger is on an EventStoreDB.
func onEventStoreDB(t *testing.T) string {
	t.Helper()
	metrics := prometheus.NewRegistry()
	metrics.MustRegister(esdb.NewMetrics())
	answer := httptest.NewRecorder()
	promhttp.HandlerFor(metrics, promhttp.HandlerOpts{}).ServeHTTP(answer, httptest.NewRequest(http.MethodGet, "/metrics", nil))
	return answer.Body.String()
}

func checkAlerts(t *testing.T, metrics series) {
	described := read(t, "../../docs/deployment.md")
	names := map[string]bool{}
	for _, group := range list(document(t, "prometheus/rules.yaml"), "groups") {
		for _, rule := range list(group, "rules") {
			name := text(rule, "alert")
			if !alertName.MatchString(name) || names[name] {
				t.Errorf("the alert %q has no name of its own", name)
			}
			names[name] = true
			metrics.check(t, name, text(rule, "expr"))
			if severity := text(rule, "labels", "severity"); severity != "page" && severity != "ticket" {
				t.Errorf("%s has the severity %q", name, severity)
			}
			if text(rule, "annotations", "summary") == "" {
				t.Errorf("%s says nothing", name)
			}
			if !strings.Contains(described, "| `"+name+"` |") {
				t.Errorf("docs/deployment.md does not say what %s means", name)
			}
		}
	}
	for _, name := range regexp.MustCompile("`(Ledger[A-Z][A-Za-z]+)`").FindAllStringSubmatch(described, -1) {
		if !names[name[1]] {
			t.Errorf("docs/deployment.md describes %s, which is no alert", name[1])
		}
	}
	if len(names) < 10 {
		t.Errorf("only %d alerts were found", len(names))
	}
}

func checkDashboard(t *testing.T, metrics series) {
	var dashboard struct {
		UID    string
		Panels []struct {
			ID                 int
			Title, Description string
			Targets            []struct{ Expr, LegendFormat string }
		}
	}
	if err := json.Unmarshal([]byte(read(t, "grafana/dashboard.json")), &dashboard); err != nil {
		t.Fatal(err)
	}
	ids := map[int]bool{}
	for _, p := range dashboard.Panels {
		if ids[p.ID] || p.Title == "" || p.Description == "" || len(p.Targets) == 0 {
			t.Errorf("the panel %d (%s) has no number of its own, no words or no targets", p.ID, p.Title)
		}
		ids[p.ID] = true
		for _, target := range p.Targets {
			metrics.check(t, p.Title, target.Expr)
		}
	}
	if len(ids) < 10 {
		t.Errorf("only %d panels were found", len(ids))
	}
}
