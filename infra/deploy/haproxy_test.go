package deploy_test

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"dossierledger/infra/porttest"
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

// node is what a load balancer sees of a ledger: requests, and whether it is ready.
type node struct {
	server   *httptest.Server
	drains   atomic.Bool
	answered atomic.Int64
}

func startNode(t *testing.T) *node {
	t.Helper()
	n := &node{}
	n.server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path != "/readyz" {
			n.answered.Add(1)
			time.Sleep(5 * time.Millisecond)
		} else if n.drains.Load() {
			w.WriteHeader(http.StatusServiceUnavailable)
		}
	}))
	t.Cleanup(n.server.Close)
	return n
}

var template = regexp.MustCompile(`(?m)^ *server-template ledger- 1-3 .*$`)

// TestANodeThatDrainsLosesNoRequest lets HAProxy spread requests over three nodes, of
// which one says that it drains, goes on for a while, and then closes. Nobody who
// asks meanwhile is refused, and then the others have it all.
func TestANodeThatDrainsLosesNoRequest(t *testing.T) {
	haproxy, err := exec.LookPath("haproxy")
	if err != nil {
		t.Skip("haproxy is not installed: no requests go through it")
	}
	folder := t.TempDir()
	if out, err := makeCertificates(t, folder, "site", "127.0.0.1"); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	site := filepath.Join(folder, "site.pem")
	if err := os.WriteFile(site, []byte(read(t, filepath.Join(folder, "site.crt"))+read(t, filepath.Join(folder, "site.key"))), 0o600); err != nil {
		t.Fatal(err)
	}
	nodes, servers := []*node{startNode(t), startNode(t), startNode(t)}, ""
	for i, n := range nodes {
		servers += fmt.Sprintf("    server ledger-%d %s\n", i+1, n.server.Listener.Addr())
	}
	ports := porttest.Free(t, 2)
	config := strings.NewReplacer("/etc/haproxy/site.pem", site, "maxconn 20000", "maxconn 200", "bind :8443", fmt.Sprintf("bind 127.0.0.1:%d", ports[0]), "bind :8080", fmt.Sprintf("bind 127.0.0.1:%d", ports[1])).
		Replace(template.ReplaceAllString(read(t, "haproxy/haproxy.cfg"), servers))
	file := filepath.Join(folder, "haproxy.cfg")
	if err := os.WriteFile(file, []byte(config), 0o600); err != nil {
		t.Fatal(err)
	}
	balancer := exec.Command(haproxy, "-db", "-f", file)
	var said strings.Builder
	balancer.Stdout, balancer.Stderr = &said, &said
	if err := balancer.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = balancer.Process.Kill() // it may have ended
		_ = balancer.Wait()         // by that kill
		if t.Failed() {
			t.Log(said.String()[max(0, said.Len()-4000):])
		}
	})
	roots := x509.NewCertPool()
	roots.AppendCertsFromPEM([]byte(read(t, filepath.Join(folder, "ca.crt"))))
	client := &http.Client{Timeout: 20 * time.Second, Transport: &http.Transport{TLSClientConfig: &tls.Config{RootCAs: roots, MinVersion: tls.VersionTLS12}, MaxIdleConnsPerHost: 8}}
	ask := func(path string) (int, error) {
		response, err := client.Get(fmt.Sprintf("https://127.0.0.1:%d%s", ports[0], path))
		if err != nil {
			return 0, err
		}
		_, err = io.Copy(io.Discard, response.Body)
		return response.StatusCode, errors.Join(err, response.Body.Close())
	}
	eventually(t, "requests are answered", func() bool {
		status, failure := ask("/")
		if err = failure; err == nil && status != http.StatusOK {
			err = fmt.Errorf("status %d", status)
		}
		return err == nil
	}, &err)
	if status, err := ask("/metrics"); err != nil || status != http.StatusNotFound {
		t.Errorf("/metrics is answered with %d (%v)", status, err)
	}

	var asking sync.WaitGroup
	over := make(chan struct{})
	var asked, failed atomic.Int64
	for range 4 {
		asking.Go(func() {
			for {
				select {
				case <-over:
					return
				default:
				}
				asked.Add(1)
				if status, err := ask("/"); err != nil || status != http.StatusOK {
					failed.Add(1)
					t.Errorf("a request is answered with %d (%v)", status, err)
				}
			}
		})
	}
	several := func(n *node) {
		t.Helper()
		before := n.answered.Load()
		eventually(t, "a node has requests", func() bool { return n.answered.Load() > before+10 }, &err)
	}
	for _, n := range nodes {
		several(n)
	}
	leaving := nodes[0]
	leaving.drains.Store(true)
	eventually(t, "a node that drains is left out", func() bool {
		before := leaving.answered.Load()
		for _, n := range nodes[1:] {
			several(n)
		}
		return leaving.answered.Load() == before
	}, &err)
	leaving.server.Close()
	for _, n := range nodes[1:] {
		several(n)
	}
	close(over)
	asking.Wait()
	t.Logf("%d requests, %d failed", asked.Load(), failed.Load())
}
