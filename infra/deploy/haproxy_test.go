package deploy_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// TestLoadBalancer lets HAProxy itself read its configuration.
func TestLoadBalancer(t *testing.T) {
	config := read(t, "haproxy/haproxy.cfg")
	if !strings.Contains(config, "ledger:"+listenPort(t)+" ") || !strings.Contains(config, "uri /readyz ") {
		t.Error("it does not lead to the ledger's port, or does not ask whether it is ready")
	}
	haproxy, err := exec.LookPath("haproxy")
	if err != nil {
		t.Skip("haproxy is not installed: its configuration is not read by it")
	}
	// The certificate of the site is the operator's; here it is one of ours.
	folder := t.TempDir()
	if out, err := makeCertificates(t, folder, "site", "localhost"); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	site := filepath.Join(folder, "site.pem")
	if err := os.WriteFile(site, []byte(read(t, filepath.Join(folder, "site.crt"))+read(t, filepath.Join(folder, "site.key"))), 0o600); err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(folder, "haproxy.cfg")
	if err := os.WriteFile(file, []byte(strings.ReplaceAll(config, "/etc/haproxy/site.pem", site)), 0o600); err != nil {
		t.Fatal(err)
	}
	out, err := exec.Command(haproxy, "-c", "-f", file).CombinedOutput()
	if err != nil || strings.Contains(string(out), "WARNING") {
		t.Errorf("%v: %s", err, out)
	}
}
