package webhook_test

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"dossierledger/infra/outbound"
	"dossierledger/infra/outbound/webhook"
	standard "github.com/standard-webhooks/standard-webhooks/libraries/go"
)

const (
	secret = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
	newer  = "whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oD"
)

func file(t testing.TB, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func sender(t testing.TB, config webhook.Config) *webhook.Sender {
	t.Helper()
	if config.SecretFiles == nil {
		config.SecretFiles = []string{file(t, secret+"\n")}
	}
	config.AllowHTTP = true
	s, err := webhook.New(config)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	return s
}

func message(id string) outbound.Message {
	return outbound.Message{Receiver: "portal", Key: "dossier-A-1", ID: id, Type: "dossier.received.v1",
		TraceParent: "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01", Body: []byte(`{"id":"` + id + `","data":"hồ sơ"}`)}
}

// site is a receiver that answers as it is told and keeps what it got.
type site struct {
	*httptest.Server
	mu     sync.Mutex
	answer func(http.ResponseWriter, *http.Request)
	heads  []http.Header
	bodies [][]byte
}

func newSite(t testing.TB, start func(http.Handler) *httptest.Server, answer func(http.ResponseWriter, *http.Request)) *site {
	t.Helper()
	s := &site{answer: answer}
	s.Server = start(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if err != nil {
			return // the sender broke off
		}
		s.mu.Lock()
		s.heads, s.bodies = append(s.heads, r.Header.Clone()), append(s.bodies, body)
		answer := s.answer
		s.mu.Unlock()
		answer(w, r)
	}))
	t.Cleanup(s.Close)
	return s
}

// answers changes what it does from now on. A request that its sender has given up
// may still be on its way in.
func (s *site) answers(answer func(http.ResponseWriter, *http.Request)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.answer = answer
}

func status(code int) func(http.ResponseWriter, *http.Request) {
	return func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(code) }
}

func failure(err error) outbound.Failure {
	var f *outbound.Failure
	if errors.As(err, &f) {
		return *f
	}
	return outbound.Failure{Reason: fmt.Sprint(err)}
}

// The signature is held to the library that the specification's authors give to
// receivers.
func TestAReceiverCanVerifyWithTheStandardLibrary(t *testing.T) {
	s := newSite(t, httptest.NewServer, status(http.StatusNoContent))
	both := sender(t, webhook.Config{URL: s.URL, SecretFiles: []string{file(t, newer), file(t, secret)}, TokenFile: file(t, "t0ken\n")})
	if err := both.Send(t.Context(), message("0190b3a4-0000-7000-8000-000000000001")); err != nil {
		t.Fatal(err)
	}
	head, body := s.heads[0], s.bodies[0]
	for _, known := range []string{secret, newer} {
		w, err := standard.NewWebhook(known)
		if err != nil {
			t.Fatal(err)
		}
		if err := w.Verify(body, head); err != nil {
			t.Errorf("it does not verify: %v", err)
		}
		if w.Verify(append([]byte(" "), body...), head) == nil {
			t.Error("a changed body verifies")
		}
	}
	if stranger, err := standard.NewWebhook("whsec_" + strings.Repeat("AAAA", 8)); err != nil || stranger.Verify(body, head) == nil {
		t.Errorf("it verifies with another secret (%v)", err)
	}
	if head.Get("Content-Type") != outbound.ContentType || head.Get("webhook-id") != message("0190b3a4-0000-7000-8000-000000000001").ID ||
		head.Get("Authorization") != "Bearer t0ken" || head.Get("traceparent") != message("").TraceParent {
		t.Errorf("%v", head)
	}
}

// What the docs tell authors of receivers to expect is what is signed.
func TestTheExampleOfTheDocsIsSignedSo(t *testing.T) {
	text, err := os.ReadFile("../../../docs/integration.md")
	if err != nil {
		t.Fatal(err)
	}
	example := regexp.MustCompile("(?s)For example, with the secret `(.*?)`, the id `(.*?)`, the timestamp `(.*?)` and the body `(.*?)`, the signature is `(.*?)`").FindStringSubmatch(string(text))
	if example == nil {
		t.Fatal("the docs give no example")
	}
	seconds, err := strconv.ParseInt(example[3], 10, 64)
	if err != nil {
		t.Fatal(err)
	}
	s := newSite(t, httptest.NewServer, status(200))
	snd := sender(t, webhook.Config{URL: s.URL, SecretFiles: []string{file(t, example[1])}})
	webhook.SetClock(snd, func() time.Time { return time.Unix(seconds, 0) })
	if err := snd.Send(t.Context(), outbound.Message{ID: example[2], Body: []byte(example[4])}); err != nil {
		t.Fatal(err)
	}
	if got := s.heads[0].Get("webhook-signature"); got != example[5] || s.heads[0].Get("webhook-timestamp") != example[3] {
		t.Errorf("it is signed %s", got)
	}
}

func TestOnlyASuccessIsOne(t *testing.T) {
	s := newSite(t, httptest.NewServer, nil)
	snd := sender(t, webhook.Config{URL: s.URL + "/hook?key=geheim"})
	for code, reason := range map[int]string{200: "", 202: "", 204: "", 301: "HTTP 301", 307: "HTTP 307", 400: "HTTP 400", 410: "HTTP 410", 429: "HTTP 429", 500: "HTTP 500"} {
		s.answers(func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Location", s.URL+"/elsewhere")
			w.Header().Set("Retry-After", "7")
			w.WriteHeader(code)
		})
		before := len(s.heads)
		f := failure(snd.Send(t.Context(), message("1")))
		if reason == "" {
			reason = "<nil>"
		} else if f.RetryAfter != 7*time.Second {
			t.Errorf("%d: to be tried after %v", code, f.RetryAfter)
		}
		if f.Reason != reason || len(s.heads) != before+1 {
			t.Errorf("%d: %s, %d calls", code, f.Reason, len(s.heads)-before)
		}
	}
}

func TestAReceiverThatDoesNotAnswerIsLeft(t *testing.T) {
	released := make(chan struct{})
	s := newSite(t, httptest.NewServer, func(_ http.ResponseWriter, r *http.Request) {
		select {
		case <-released:
		case <-r.Context().Done():
		}
	})
	defer close(released)
	snd := sender(t, webhook.Config{URL: s.URL + "/?key=geheim", Timeout: 50 * time.Millisecond})
	if f := failure(snd.Send(t.Context(), message("1"))); f.Reason != "no answer in time" || strings.Contains(f.Error(), "geheim") {
		t.Errorf("%v", &f)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := snd.Send(ctx, message("1")); err == nil {
		t.Error("it was delivered after its time")
	}
	away := sender(t, webhook.Config{URL: "http://127.0.0.1:1/?key=geheim"})
	if f := failure(away.Send(t.Context(), message("1"))); f.Reason != "the receiver cannot be reached" || strings.Contains(f.Error(), "geheim") {
		t.Errorf("%v", &f)
	}
	// An answer without end does not hold it up, nor does one that breaks off.
	s.answers(func(w http.ResponseWriter, r *http.Request) {
		for r.Context().Err() == nil {
			if _, err := w.Write(make([]byte, 4096)); err != nil {
				return
			}
		}
	})
	patient := sender(t, webhook.Config{URL: s.URL, Timeout: 2 * time.Minute})
	if err := patient.Send(t.Context(), message("1")); err != nil {
		t.Error(err)
	}
}

func TestCertificatesAreChecked(t *testing.T) {
	s := newSite(t, httptest.NewTLSServer, status(200))
	ca := file(t, string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: s.Certificate().Raw})))
	if f := failure(sender(t, webhook.Config{URL: s.URL}).Send(t.Context(), message("1"))); f.Reason != "the certificate is not trusted" {
		t.Errorf("unknown: %v", &f)
	}
	if err := sender(t, webhook.Config{URL: s.URL, CAFile: ca}).Send(t.Context(), message("1")); err != nil {
		t.Errorf("known: %v", err)
	}
	// With a certificate of the ledger's own, of which the receiver is sure.
	pool := x509.NewCertPool()
	pool.AddCert(s.Certificate())
	strict := newSite(t, func(h http.Handler) *httptest.Server {
		server := httptest.NewUnstartedServer(h)
		server.TLS = &tls.Config{ClientAuth: tls.RequireAnyClientCert, ClientCAs: pool}
		server.StartTLS()
		return server
	}, status(200))
	own := s.TLS.Certificates[0]
	key, err := x509.MarshalPKCS8PrivateKey(own.PrivateKey)
	if err != nil {
		t.Fatal(err)
	}
	config := webhook.Config{URL: strict.URL, CAFile: ca}
	if f := failure(sender(t, config).Send(t.Context(), message("1"))); f.Reason == "<nil>" {
		t.Error("without its own certificate it was let in")
	}
	config.CertFile, config.KeyFile = ca, file(t, string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: key})))
	if err := sender(t, config).Send(t.Context(), message("1")); err != nil {
		t.Errorf("with its own certificate: %v", err)
	}
}

func TestAProxyIsUsedOnlyWhereItIsConfigured(t *testing.T) {
	proxy := newSite(t, httptest.NewServer, status(200))
	t.Setenv("HTTP_PROXY", proxy.URL)
	t.Setenv("http_proxy", proxy.URL)
	if f := failure(sender(t, webhook.Config{URL: "http://receiver.invalid/"}).Send(t.Context(), message("1"))); f.Reason != "the receiver cannot be reached" {
		t.Errorf("by the environment: %v", &f)
	}
	if err := sender(t, webhook.Config{URL: "http://receiver.invalid/", Proxy: proxy.URL}).Send(t.Context(), message("1")); err != nil {
		t.Errorf("by the configuration: %v", err)
	}
}

func TestWrongConfigurationsAreRefusedAndTellNoSecret(t *testing.T) {
	good := []string{file(t, secret)}
	for name, c := range map[string]webhook.Config{
		"no address":     {SecretFiles: good},
		"clear text":     {URL: "http://127.0.0.1/", SecretFiles: good},
		"a file":         {URL: "file:///etc/passwd", SecretFiles: good},
		"a password":     {URL: "https://u:geheim@127.0.0.1/", SecretFiles: good},
		"a fragment":     {URL: "https://127.0.0.1/#x", SecretFiles: good},
		"no secret":      {URL: "https://127.0.0.1/"},
		"no such file":   {URL: "https://127.0.0.1/", SecretFiles: []string{filepath.Join(t.TempDir(), "none")}},
		"a short secret": {URL: "https://127.0.0.1/", SecretFiles: []string{file(t, "whsec_Z2VoZWlt")}},
		"no secret's":    {URL: "https://127.0.0.1/", SecretFiles: []string{file(t, "geheim")}},
		"half a pair":    {URL: "https://127.0.0.1/", SecretFiles: good, CertFile: "c.pem"},
		"no certificate": {URL: "https://127.0.0.1/", SecretFiles: good, CAFile: good[0]},
		"no token":       {URL: "https://127.0.0.1/", SecretFiles: good, TokenFile: filepath.Join(t.TempDir(), "none")},
		"an odd proxy":   {URL: "https://127.0.0.1/", SecretFiles: good, Proxy: "://"},
		"negative":       {URL: "https://127.0.0.1/", SecretFiles: good, Timeout: -1},
	} {
		if _, err := webhook.New(c); err == nil {
			t.Errorf("%s: it was taken", name)
		} else if strings.Contains(err.Error(), "geheim") || strings.Contains(err.Error(), "Z2VoZWlt") {
			t.Errorf("%s: it tells %v", name, err)
		}
	}
}
