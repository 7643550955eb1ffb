package deploy_test

import (
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
	files := map[string]object{"compose.yaml": base, "compose.clickhouse.yaml": document(t, "compose/compose.clickhouse.yaml")}
	for file, content := range files {
		for name, service := range mapping(content, "services") {
			where := file + ": " + name
			checkMounts(t, where, content, base, service)
			for variable := range mapping(service, "environment") {
				if name == "ledger" {
					known.checkVariable(t, where, variable)
				}
			}
			if file != "compose.yaml" && mapping(base, "services", name) != nil {
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
	checkComposedLedger(t, known, base)
}

func checkComposedLedger(t *testing.T, known settings, base object) {
	service := mapping(base, "services", "ledger")
	known.checkArguments(t, "compose.yaml", list(service, "command"))
	if at(service, "read_only") != true || !slices.Contains(list(service, "tmpfs"), any("/tmp")) {
		t.Error("the ledger's file system is not read-only with a /tmp")
	}
	grace, err := time.ParseDuration(text(service, "stop_grace_period"))
	if err != nil || grace < web.DrainTime+closing {
		t.Errorf("the ledger has %v to stop (%v)", grace, err)
	}
	dockerfile := filepath.Join("compose", text(service, "build", "context"), text(service, "build", "dockerfile"))
	if filepath.Clean(dockerfile) != filepath.Join("..", "..", "infra", "deploy", containerfile) {
		t.Errorf("the image is built from %s", dockerfile)
	}
	read(t, dockerfile)
	address := "http://127.0.0.1:" + listenPort(t) + "/readyz"
	if !slices.Contains(list(service, "healthcheck", "test"), any(address)) {
		t.Errorf("the health check does not ask %s", address)
	}
	if text(service, "ports", 0) != "127.0.0.1:8080:"+listenPort(t) {
		t.Errorf("the port is %v", list(service, "ports"))
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
		for _, name := range list(service, kind) {
			if !declared(kind, name.(string)) {
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
