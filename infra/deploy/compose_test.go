package deploy_test

import (
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"dossierledger/infra/web"
)

// closing is how long the engines may take to close after a drain.
const closing = 20 * time.Second

func TestCompose(t *testing.T) {
	known := readSettings(t)
	base := document(t, "compose/compose.yaml")
	files := map[string]object{"compose.yaml": base}
	for _, file := range []string{"compose.clickhouse.yaml", "compose.cluster.yaml"} {
		files[file] = document(t, "compose/"+file)
	}
	for file, content := range files {
		// What has a name of its own stands alone; the others are added to the base.
		below := base
		if text(content, "name") != "" {
			below = content
		}
		for name, service := range mapping(content, "services") {
			where := file + ": " + name
			checkMounts(t, where, content, below, service)
			for variable := range mapping(service, "environment") {
				if name == "ledger" {
					known.checkVariable(t, where, variable)
				}
			}
			if text(content, "name") == "" && mapping(base, "services", name) != nil {
				continue // it adds to a service that is whole
			}
			checkImage(t, where, text(service, "image"))
			if len(list(service, "healthcheck", "test")) < 2 {
				t.Errorf("%s has no health check", where)
			}
			if text(service, "restart") != "unless-stopped" || !slices.Contains(list(service, "security_opt"), any("no-new-privileges:true")) {
				t.Errorf("%s is not restarted, or may gain privileges", where)
			}
		}
		for name, secret := range mapping(content, "secrets") {
			if path := text(secret, "file"); !strings.HasPrefix(path, "./secrets/") {
				t.Errorf("%s: the secret %s comes from %q", file, name, path)
			}
		}
	}
	if !strings.HasPrefix(read(t, "compose/secrets/.gitignore"), "*\n") {
		t.Error("git would take secrets")
	}
	if port := text(base, "services", "ledger", "ports", 0); port != "127.0.0.1:8080:"+listenPort(t) {
		t.Errorf("the port is %s", port)
	}
	checkComposedLedger(t, "compose.yaml", known, base)
	checkComposedLedger(t, "compose.cluster.yaml", known, files["compose.cluster.yaml"])
}

func checkComposedLedger(t *testing.T, file string, known settings, content object) {
	t.Helper()
	service := mapping(content, "services", "ledger")
	known.checkArguments(t, file, list(service, "command"))
	if at(service, "read_only") != true || !slices.Contains(list(service, "tmpfs"), any("/tmp")) {
		t.Errorf("%s: the ledger's file system is not read-only with a /tmp", file)
	}
	delay := time.Duration(0)
	if given := text(service, "environment", "LEDGER_DRAIN_DELAY"); given != "" {
		var err error
		if delay, err = time.ParseDuration(given); err != nil {
			t.Errorf("%s: %v", file, err)
		}
	}
	grace, err := time.ParseDuration(text(service, "stop_grace_period"))
	if err != nil || grace < delay+web.DrainTime+closing {
		t.Errorf("%s: the ledger has %v to stop (%v)", file, grace, err)
	}
	dockerfile := filepath.Join("compose", text(service, "build", "context"), text(service, "build", "dockerfile"))
	if filepath.Clean(dockerfile) != filepath.Join("..", "..", "infra", "deploy", containerfile) {
		t.Errorf("%s: the image is built from %s", file, dockerfile)
	}
	read(t, dockerfile)
	address := "http://127.0.0.1:" + listenPort(t) + "/readyz"
	if !slices.Contains(list(service, "healthcheck", "test"), any(address)) {
		t.Errorf("%s: the health check does not ask %s", file, address)
	}
}

// TestComposedCluster holds the services of the cluster to the names that their
// certificates and each other's settings have.
func TestComposedCluster(t *testing.T) {
	content, all := document(t, "compose/compose.cluster.yaml"), readManifests(t, cluster)
	for _, set := range []string{"kurrentdb", "nats"} {
		for i, name := range pods(all["StatefulSet/"+set]) {
			service := fmt.Sprintf("%s-%d", set, i)
			if !slices.Contains(list(content, "services", service, "networks", "inside", "aliases"), any(name)) {
				t.Errorf("%s is not known as %s", service, name)
			}
		}
	}
	set := map[string]bool{}
	for _, v := range list(all["StatefulSet/kurrentdb"], "spec", "template", "spec", "containers", 0, "env") {
		set[text(v, "name")] = true
	}
	for i, name := range pods(all["StatefulSet/kurrentdb"]) {
		settings := mapping(content, "services", fmt.Sprintf("kurrentdb-%d", i), "environment")
		var others []string
		for _, other := range pods(all["StatefulSet/kurrentdb"]) {
			if other != name {
				others = append(others, other+":2113")
			}
		}
		if text(settings, "KURRENTDB_GOSSIP_SEED") != strings.Join(others, ",") || text(settings, "KURRENTDB_NODE_HOST_ADVERTISE_AS") != name ||
			text(settings, "KURRENTDB_REPLICATION_HOST_ADVERTISE_AS") != name {
			t.Errorf("%s does not know itself or the others: %v", name, settings)
		}
		for setting := range settings {
			if !set[setting] && setting != "KURRENTDB_GOSSIP_SEED" {
				t.Errorf("%s sets %s, which the nodes in Kubernetes do not", name, setting)
			}
		}
	}
	if number(content, "services", "ledger", "deploy", "replicas") < 2 {
		t.Error("there are not several ledgers")
	}
}

// checkMounts holds that what a service mounts is declared, or lies here; and
// that ports are for this machine alone.
func checkMounts(t *testing.T, where string, own, base object, service any) {
	t.Helper()
	declared := func(kind, name string) bool {
		_, mine := mapping(own, kind)[name]
		_, below := mapping(base, kind)[name]
		return mine || below
	}
	here, err := filepath.Abs(".")
	if err != nil {
		t.Fatal(err)
	}
	for _, kind := range []string{"secrets", "networks"} {
		named := list(service, kind)
		for name := range mapping(service, kind) {
			named = append(named, name)
		}
		for _, each := range named {
			name, short := each.(string)
			if !short {
				name = text(each, "source")
			}
			if !declared(kind, name) {
				t.Errorf("%s: %s is not among the %s", where, name, kind)
			}
		}
	}
	mountedSecrets := list(service, "secrets")
	for variable, value := range mapping(service, "environment") {
		path, _ := value.(string)
		if name, ok := strings.CutPrefix(path, "/run/secrets/"); ok && !slices.Contains(mountedSecrets, any(name)) {
			t.Errorf("%s: %s names the secret %s, which the service does not have", where, variable, name)
		}
	}
	for _, volume := range list(service, "volumes") {
		source, _, _ := strings.Cut(volume.(string), ":")
		if !strings.HasPrefix(source, ".") {
			if !declared("volumes", source) {
				t.Errorf("%s: %s is not among the volumes", where, source)
			}
			continue
		}
		path := filepath.Join(here, "compose", source)
		if _, err := os.Stat(path); err != nil || !strings.HasPrefix(path, here+string(filepath.Separator)) || !strings.HasSuffix(volume.(string), ":ro") {
			t.Errorf("%s mounts %s, which is not there, lies elsewhere, or can be written", where, volume)
		}
	}
	for _, port := range list(service, "ports") {
		if !strings.HasPrefix(port.(string), "127.0.0.1:") {
			t.Errorf("%s: the port %s is open to the network", where, port)
		}
	}
}

// TestPrometheusScrapesServices holds that Prometheus and Grafana look for what
// the compose file starts and mounts.
func TestPrometheusScrapesServices(t *testing.T) {
	services := mapping(document(t, "compose/compose.yaml"), "services")
	prometheus := document(t, "prometheus/prometheus.yaml")
	jobs := map[string]bool{}
	for _, scrape := range list(prometheus, "scrape_configs") {
		jobs[text(scrape, "job_name")] = true
		for _, target := range list(scrape, "static_configs", 0, "targets") {
			host, port, _ := strings.Cut(target.(string), ":")
			if services[host] == nil || host == "ledger" && port != listenPort(t) {
				t.Errorf("Prometheus scrapes %s", target)
			}
		}
	}
	if !jobs["ledger"] {
		t.Errorf("the rules are about the job ledger; there are %v", slices.Collect(maps.Keys(jobs)))
	}
	mounts := list(services, "prometheus", "volumes")
	for _, rules := range list(prometheus, "rule_files") {
		if !slices.Contains(mounts, any("../prometheus/rules.yaml:"+rules.(string)+":ro")) {
			t.Errorf("the rules %s are not mounted", rules)
		}
	}
	source := document(t, "grafana/provisioning/datasources/prometheus.yaml")
	if text(source, "datasources", 0, "url") != "http://prometheus:9090" || text(source, "datasources", 0, "uid") != "prometheus" {
		t.Error("Grafana does not ask Prometheus")
	}
	folder := text(document(t, "grafana/provisioning/dashboards/ledger.yaml"), "providers", 0, "options", "path")
	if !slices.Contains(list(services, "grafana", "volumes"), any("../grafana/dashboard.json:"+folder+"/ledger.json:ro")) {
		t.Errorf("the dashboard is not mounted in %s", folder)
	}
}
