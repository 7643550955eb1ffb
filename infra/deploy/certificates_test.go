package deploy_test

import (
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
)

func makeCertificates(t *testing.T, args ...string) (string, error) {
	t.Helper()
	if _, err := exec.LookPath("openssl"); err != nil {
		t.Skip("openssl is not installed: no certificates are made")
	}
	out, err := exec.Command("sh", append([]string{"certificates/make.sh"}, args...)...).CombinedOutput()
	return string(out), err
}

// The certificates are what a node of KurrentDB and its clients need: signed by the
// authority, for the hosts, to be a server and a client, and for nobody else to read.
func TestCertificates(t *testing.T) {
	folder := filepath.Join(t.TempDir(), "certificates")
	if out, err := makeCertificates(t, folder, "kurrentdb-1", "kurrentdb-1,172.30.80.11"); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	first, err := os.ReadFile(filepath.Join(folder, "kurrentdb-1.crt"))
	if err != nil {
		t.Fatal(err)
	}
	// Again, with one more: what was there stays, under the same authority.
	if out, err := makeCertificates(t, folder, "kurrentdb-1", "other", "kurrentdb-2", "kurrentdb-2"); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	if again, err := os.ReadFile(filepath.Join(folder, "kurrentdb-1.crt")); err != nil || string(again) != string(first) {
		t.Errorf("a certificate that was there was made again (%v)", err)
	}
	authority, err := os.ReadFile(filepath.Join(folder, "ca.crt"))
	if err != nil {
		t.Fatal(err)
	}
	roots := x509.NewCertPool()
	roots.AppendCertsFromPEM(authority)
	for name, hosts := range map[string][]string{"kurrentdb-1": {"kurrentdb-1", "172.30.80.11"}, "kurrentdb-2": {"kurrentdb-2"}} {
		pair, err := tls.LoadX509KeyPair(filepath.Join(folder, name+".crt"), filepath.Join(folder, name+".key"))
		if err != nil {
			t.Fatal(err)
		}
		for _, host := range hosts {
			for _, use := range []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth} {
				if _, err := pair.Leaf.Verify(x509.VerifyOptions{Roots: roots, DNSName: host, KeyUsages: []x509.ExtKeyUsage{use}}); err != nil {
					t.Errorf("%s for %s: %v", name, host, err)
				}
			}
		}
		if pair.Leaf.IsCA || pair.Leaf.Subject.CommonName != "eventstoredb-node" || pair.Leaf.VerifyHostname("elsewhere") == nil {
			t.Errorf("%s: %v", name, pair.Leaf.Subject)
		}
	}
	block, _ := pem.Decode(authority)
	if root, err := x509.ParseCertificate(block.Bytes); err != nil || !root.IsCA {
		t.Errorf("the authority is none: %v", err)
	}
	for _, key := range []string{"ca.key", "kurrentdb-1.key"} {
		if info, err := os.Stat(filepath.Join(folder, key)); err != nil || info.Mode().Perm() != 0o600 {
			t.Errorf("%s can be read by others (%v)", key, err)
		}
	}
	if _, err := makeCertificates(t, folder, "a name without hosts"); err == nil {
		t.Error("a name without hosts was taken")
	}
}
