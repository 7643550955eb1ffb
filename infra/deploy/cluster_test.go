package deploy_test

import (
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"dossierledger/infra/keys"
	"dossierledger/infra/nats"
	"dossierledger/infra/porttest"
	"github.com/EventStore/EventStore-Client-Go/v4/esdb"
	"github.com/nats-io/nats-server/v2/server"
)

// pods lists the names under which the pods of a set find each other.
func pods(set object) []string {
	var names []string
	for i := range number(set, "spec", "replicas") {
		names = append(names, fmt.Sprintf("%s-%d.%s", text(set, "metadata", "name"), i, text(set, "spec", "serviceName")))
	}
	return names
}

// TestKurrentDB holds the nodes' settings to their pods, ports and certificates, and
// docs/deployment.md to them. No KurrentDB reads them here.
func TestKurrentDB(t *testing.T) {
	set := readManifests(t, cluster)["StatefulSet/kurrentdb"]
	container := mapping(set, "spec", "template", "spec", "containers", 0)
	variables, mounted := map[string]string{}, map[string]bool{}
	for _, v := range list(container, "env") {
		variables[text(v, "name")] = text(v, "value")
	}
	for _, m := range list(container, "volumeMounts") {
		mounted[text(m, "mountPath")] = true
	}
	own := "$(POD)." + text(set, "spec", "serviceName")
	for name, want := range map[string]string{
		"CLUSTER_SIZE": fmt.Sprint(number(set, "spec", "replicas")), "DISCOVER_VIA_DNS": "true", "CLUSTER_DNS": text(set, "spec", "serviceName"),
		"NODE_HOST_ADVERTISE_AS": own, "REPLICATION_HOST_ADVERTISE_AS": own, "RUN_PROJECTIONS": "None",
		"NODE_PORT": fmt.Sprint(number(container, "ports", 0, "containerPort")), "REPLICATION_PORT": fmt.Sprint(number(container, "ports", 1, "containerPort")),
	} {
		if got := variables["KURRENTDB_"+name]; got != want {
			t.Errorf("KURRENTDB_%s is %q, want %q", name, got, want)
		}
	}
	for _, name := range []string{"CERTIFICATE_FILE", "CERTIFICATE_PRIVATE_KEY_FILE"} {
		if path := variables["KURRENTDB_"+name]; !mounted[filepath.Dir(path)] {
			t.Errorf("KURRENTDB_%s is %s, where nothing is mounted", name, path)
		}
	}
	for _, name := range []string{"TRUSTED_ROOT_CERTIFICATES_PATH", "DB", "LOG"} {
		if path := variables["KURRENTDB_"+name]; !mounted[path] {
			t.Errorf("KURRENTDB_%s is %s, where nothing is mounted", name, path)
		}
	}
	if number(set, "spec", "replicas") != 3 {
		t.Error("there are not three nodes")
	}
	for _, probe := range []string{"startupProbe", "livenessProbe", "readinessProbe"} {
		if text(container, probe, "httpGet", "path") != "/health/live" || text(container, probe, "httpGet", "scheme") != "HTTPS" {
			t.Errorf("the %s is %v", probe, mapping(container, probe))
		}
	}
	documented := read(t, "../../docs/deployment.md")
	var addresses []string
	for _, pod := range pods(set) {
		addresses = append(addresses, pod+":2113")
	}
	for _, text := range []string{
		"make.sh certificates kurrentdb " + strings.Join(append(pods(set), "kurrentdb"), ","), // discovery asks for the service's name
		"@" + strings.Join(addresses, ",") + "?",
	} {
		if !strings.Contains(documented, text) {
			t.Errorf("docs/deployment.md does not say: %s", text)
		}
	}
	written := connectionLine.FindStringSubmatch(documented)
	if written == nil {
		t.Fatal("docs/deployment.md does not say how KurrentDB is reached")
	}
	folder := t.TempDir()
	if out, err := makeCertificates(t, folder, "kurrentdb", "kurrentdb"); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	client, err := esdb.ParseConnectionString(strings.NewReplacer("$LEDGER_KURRENTDB", "n0123", "/secrets/cluster/", folder+"/").Replace(written[1]))
	if err != nil || client.DisableTLS || client.SkipCertificateVerification || len(client.GossipSeeds) != len(addresses) || client.Username != "ledger" || client.Password != "n0123" {
		t.Errorf("the connection string is read as %+v (%v)", client, err)
	}
}

var connectionLine = regexp.MustCompile(`echo "(esdb://[^"]+)" > eventstore`)

var natsBlock = regexp.MustCompile(`(?s)cat > nats\.yaml <<YAML\n(.*?)\nYAML`)
var accountsBlock = regexp.MustCompile(`(?s)cat > accounts\.conf <<CONF\n(.*?)\nCONF`)

// TestNATS runs three servers from their configuration, with certificates and
// accounts made as docs/deployment.md makes them, and keeps a key in them as ledgers
// do, also while one is away. Only addresses and folders are others.
func TestNATS(t *testing.T) {
	set := readManifests(t, cluster)["StatefulSet/nats"]
	documented := read(t, "../../docs/deployment.md")
	if made := "nats " + strings.Join(pods(set), ","); !strings.Contains(documented, made) {
		t.Errorf("docs/deployment.md makes no certificate for %s", made)
	}
	of, accounts := natsBlock.FindStringSubmatch(documented), accountsBlock.FindStringSubmatch(documented)
	if of == nil || accounts == nil {
		t.Fatal("docs/deployment.md does not say how NATS is reached, or by whom")
	}
	fill := strings.NewReplacer("$LEDGER_NATS", "a-password-of-ours", "$SYSTEM_NATS", "another-password")
	folder := t.TempDir()
	if out, err := makeCertificates(t, filepath.Join(folder, "certificates"), "nats", strings.Join(pods(set), ",")+",127.0.0.1"); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	write := func(path, text string) string {
		path = filepath.Join(folder, path)
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	write("accounts/accounts.conf", fill.Replace(accounts[1]))
	conf := read(t, cluster+"/config/nats.conf")
	reach := strings.ReplaceAll(fill.Replace(of[1]), "/secrets/cluster/", filepath.Join(folder, "certificates")+"/")
	free := porttest.Free(t, 2*len(pods(set)))
	clients, routes := free[:len(free)/2], free[len(free)/2:]
	for i, pod := range pods(set) {
		for _, named := range []struct {
			text  *string
			port  string
			other int
		}{{&conf, "6222", routes[i]}, {&reach, "4222", clients[i]}} {
			if !strings.Contains(*named.text, "tls://"+pod+":"+named.port) {
				t.Errorf("%s:%s is not named", pod, named.port)
			}
			*named.text = strings.ReplaceAll(*named.text, pod+":"+named.port, fmt.Sprintf("127.0.0.1:%d", named.other))
		}
	}
	var servers []*server.Server
	for i := range pods(set) {
		servers = append(servers, startNATS(t, write(fmt.Sprintf("nats-%d.conf", i), strings.NewReplacer(
			"0.0.0.0:4222", fmt.Sprintf("127.0.0.1:%d", clients[i]), "0.0.0.0:6222", fmt.Sprintf("127.0.0.1:%d", routes[i]),
			"0.0.0.0:8222", "127.0.0.1:-1", "/etc/nats/certificates", filepath.Join(folder, "certificates"), "/tmp/nats.pid", filepath.Join(folder, fmt.Sprintf("%d.pid", i)),
			`"/data"`, fmt.Sprintf("%q", filepath.Join(folder, fmt.Sprint(i))), "$SERVER_NAME", fmt.Sprintf("nats-%d", i),
		).Replace(conf))))
	}
	connection, err := nats.Connect(t.Context(), write("nats.yaml", reach), "test", slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	defer connection.Close()
	masterFile := filepath.Join(folder, "master.key")
	if err := keys.MakeMaster(masterFile); err != nil {
		t.Fatal(err)
	}
	master, err := keys.ReadMaster(masterFile)
	if err != nil {
		t.Fatal(err)
	}
	var vault keys.Vault
	eventually(t, "the servers choose who leads", func() bool {
		vault, err = keys.OpenShared(t.Context(), connection, master, keys.SharedOptions{Replicas: len(servers), Logger: slog.New(slog.DiscardHandler)})
		return err == nil
	}, &err)
	defer vault.Close() //nolint:errcheck // the test is over
	eventually(t, "a key is kept", func() bool { _, err = vault.Seal(t.Context(), "citizen-an", []byte("a"), nil); return err == nil }, &err)
	servers[0].Shutdown()
	eventually(t, "a key is kept while a server is away", func() bool { _, err = vault.Seal(t.Context(), "citizen-binh", []byte("b"), nil); return err == nil }, &err)
}

func eventually(t *testing.T, what string, holds func() bool, err *error) {
	t.Helper()
	for deadline := time.Now().Add(5 * time.Minute); !holds(); time.Sleep(50 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("it did not come about: %s: %v", what, *err)
		}
	}
}

// startNATS starts a server as a file says, which stops with the test.
func startNATS(t *testing.T, file string) *server.Server {
	t.Helper()
	options, err := server.ProcessConfigFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if !options.SyncAlways || !options.Cluster.NoAdvertise || options.SystemAccount == "" {
		t.Errorf("%s: what was acknowledged may be lost, addresses are told that no certificate has, or there is no account for operators", file)
	}
	options.NoSigs, options.NoLog = true, true
	s, err := server.NewServer(options)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Shutdown(); s.WaitForShutdown() })
	go s.Start()
	if !s.ReadyForConnections(5 * time.Minute) {
		t.Fatalf("%s: the server does not start", file)
	}
	return s
}
