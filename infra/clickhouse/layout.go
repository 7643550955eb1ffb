package clickhouse

import (
	"fmt"
	"strings"
	"text/template"
)

// Layout is how tables are made on the ClickHouse at hand. The SQL is the same
// everywhere; only this differs between one process, one server and a cluster.
type Layout struct {
	Cluster    string // name for ON CLUSTER; empty on a single server
	Replicated bool   // MergeTree engines become their replicated kinds
	// Local is the database of each shard's own tables; empty where there are no
	// shards. Over is then the one of the tables over all shards.
	Local, Over string
}

// Sharded reports whether rows are spread over shards.
func (l Layout) Sharded() bool { return l.Local != "" }

// Engine words a table engine: Engine("ReplacingMergeTree", "version") is
// "ReplacingMergeTree(version)", or "ReplicatedReplacingMergeTree(version)".
// A replicated table's path is the servers' default, which holds the table's
// UUID: so tables can be exchanged, and made again under an old name.
func (l Layout) Engine(name string, arguments ...string) string {
	if l.Replicated && strings.HasSuffix(name, "MergeTree") && !strings.HasPrefix(name, "Replicated") {
		name = "Replicated" + name
	}
	return name + "(" + strings.Join(arguments, ", ") + ")"
}

// OnCluster is the ON CLUSTER clause, or nothing.
func (l Layout) OnCluster() string {
	if l.Cluster == "" {
		return ""
	}
	return "ON CLUSTER " + Quote(l.Cluster)
}

// Render fills in an SQL template, in which {{engine "MergeTree"}} and
// {{on_cluster}} stand for what Engine and OnCluster say. name is for errors.
func (l Layout) Render(name, text string) (string, error) {
	t, err := template.New(name).Option("missingkey=error").Funcs(template.FuncMap{
		"engine":     l.Engine,
		"on_cluster": l.OnCluster,
	}).Parse(text)
	if err != nil {
		return "", fmt.Errorf("reading SQL template: %w", err)
	}
	var out strings.Builder
	if err := t.Execute(&out, nil); err != nil {
		return "", fmt.Errorf("filling in SQL template: %w", err)
	}
	return out.String(), nil
}

var nameEscapes = strings.NewReplacer("\\", "\\\\", "`", "\\`")

// Quote makes a name of any characters safe in SQL.
func Quote(name string) string { return "`" + nameEscapes.Replace(name) + "`" }
