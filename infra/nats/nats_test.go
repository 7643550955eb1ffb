package nats_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"fmt"
	"log/slog"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"dossierledger/domain/fault"
	"dossierledger/infra/nats"
	"dossierledger/infra/nats/natstest"
	"github.com/nats-io/nats-server/v2/server"
)

var quiet = slog.New(slog.DiscardHandler)

func write(t *testing.T, name, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// certificate makes a certificate for loopback that signs itself.
func certificate(t *testing.T) (certFile, keyFile string) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "test"}, IsCA: true, BasicConstraintsValid: true,
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour), IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)},
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	secret, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	return write(t, "cert.pem", string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}))),
		write(t, "key.pem", string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: secret})))
}

func TestConnectingWithTLSAndAPassword(t *testing.T) {
	cert, key := certificate(t)
	pair, err := tls.LoadX509KeyPair(cert, key)
	if err != nil {
		t.Fatal(err)
	}
	s := natstest.With(t, func(o *server.Options) {
		o.Username, o.Password = "ledger", "sesame-7"
		o.TLSConfig = &tls.Config{Certificates: []tls.Certificate{pair}, MinVersion: tls.VersionTLS12}
	})
	address := "tls://" + s.Addr().String()
	connect := func(text string) error {
		conn, err := nats.Connect(t.Context(), write(t, "nats.yaml", text), "test", quiet)
		if err == nil {
			conn.Close()
		}
		return err
	}
	if err := connect(fmt.Sprintf("servers: [%s]\nuser: ledger\npassword: sesame-7\nca: %s\n", address, cert)); err != nil {
		t.Error(err)
	}
	for name, text := range map[string]string{
		"a wrong password":    fmt.Sprintf("servers: [%s]\nuser: ledger\npassword: sesame-8\nca: %s\n", address, cert),
		"no password":         fmt.Sprintf("servers: [%s]\nca: %s\n", address, cert),
		"an unknown server":   fmt.Sprintf("servers: [%s]\nuser: ledger\npassword: sesame-7\n", address),
		"nobody at the port":  "servers: ['tls://127.0.0.1:1']\nuser: ledger\npassword: sesame-7\n",
		"a password in a URL": fmt.Sprintf("servers: ['tls://ledger:sesame-8@%s']\nca: %s\n", s.Addr(), cert),
	} {
		err := connect(text)
		if fault.CodeOf(err) != nats.CodeUnavailable || strings.Contains(fmt.Sprint(err), "sesame") {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestAFileThatDoesNotSayHowToReachNATS(t *testing.T) {
	for name, text := range map[string]string{
		"empty":                        "",
		"not YAML":                     "servers: [sesame",
		"no servers":                   "user: ledger\npassword: sesame\n",
		"an unknown key":               "servers: ['nats://a:4222']\npasword: sesame\n",
		"a password of nobody":         "servers: ['nats://a:4222']\npassword: sesame\n",
		"user and credentials":         "servers: ['nats://a:4222']\nuser: a\npassword: sesame\ncredentials: b\n",
		"a certificate without key":    "servers: ['nats://a:4222']\ncertificate: a\n",
		"no address":                   "servers: ['sesame']\n",
		"an address that is none":      "servers: ['nats://a:sesame@b:port']\n",
		"authorities that are nothing": "servers: ['nats://a:4222']\nca: " + write(t, "ca.pem", "nothing") + "\n",
	} {
		_, err := nats.Connect(t.Context(), write(t, "nats.yaml", text), "test", quiet)
		if fault.CodeOf(err) != nats.CodeFile || strings.Contains(fmt.Sprint(err), "sesame") {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := nats.Connect(t.Context(), filepath.Join(t.TempDir(), "nothing"), "test", quiet); err == nil {
		t.Error("a file that is not there was read")
	}
}
