// Package webhook delivers events to an address of the receiver by HTTP, signed as
// Standard Webhooks 1.0 does.
//
// A delivery is a POST of a CloudEvent in structured mode. The receiver has it when
// it answers with a status from 200 to 299; everything else, a redirect included,
// is a failure. webhook-id is the event's id, webhook-timestamp that of the attempt,
// and webhook-signature a list of one signature for each secret: HMAC-SHA256 over
// id, timestamp and body.
//
// Only the configured address is ever called: redirects are not followed, and a
// proxy is used only where one is configured. Of an answer nothing is kept but its
// status.
package webhook

import (
	"bytes"
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"strconv"
	"strings"
	"time"

	"dossierledger/infra/outbound"
)

// DefaultTimeout is how long an answer may take.
const DefaultTimeout = 15 * time.Second

// answerMax bounds what is read of an answer, so that its connection can be used
// again.
const answerMax = 64 << 10

// Secrets have a length that the specification recommends.
const secretMin, secretMax = 24, 64

// secretPrefix begins a secret in text.
const secretPrefix = "whsec_"

// Config says how a receiver is called. What is secret is in files.
type Config struct {
	// URL is the address; https, unless AllowHTTP says otherwise.
	URL       string `yaml:"url"`
	AllowHTTP bool   `yaml:"allow_http"`
	// SecretFiles hold the secrets, one each: whsec_ and base64 of 24 to 64 bytes.
	// With two, both sign, so that a secret can be replaced without a gap.
	SecretFiles []string `yaml:"secret_files"`
	// TokenFile, where given, holds a bearer token that is sent too.
	TokenFile string `yaml:"token_file"`
	// CAFile is whom the receiver's certificate must come from (PEM) where that is
	// nobody whom the system trusts; CertFile and KeyFile are a certificate of the
	// ledger's own.
	CAFile   string `yaml:"ca_file"`
	CertFile string `yaml:"cert_file"`
	KeyFile  string `yaml:"key_file"`
	// Proxy is an HTTP proxy on the way; none is taken from the environment.
	Proxy string `yaml:"proxy"`
	// Timeout is how long an answer may take; 0 is DefaultTimeout.
	Timeout time.Duration `yaml:"timeout"`
}

// Validate reports what cannot be right.
func (c Config) Validate() error {
	var errs []error
	u, err := url.Parse(c.URL)
	switch {
	case err != nil || u.Host == "" || u.Scheme != "https" && u.Scheme != "http":
		errs = append(errs, errors.New("webhook: url is no address such as https://host/path"))
	case u.Scheme == "http" && !c.AllowHTTP:
		errs = append(errs, errors.New("webhook: url is not https; with allow_http events are sent in clear text"))
	case u.User != nil:
		errs = append(errs, errors.New("webhook: url holds no name or password; use token_file"))
	case u.Fragment != "":
		errs = append(errs, errors.New("webhook: url has a fragment"))
	}
	if len(c.SecretFiles) == 0 {
		errs = append(errs, errors.New("webhook: secret_files names no secret to sign with"))
	}
	if (c.CertFile == "") != (c.KeyFile == "") {
		errs = append(errs, errors.New("webhook: cert_file and key_file go together"))
	}
	if p, err := url.Parse(c.Proxy); c.Proxy != "" && (err != nil || p.Host == "" || p.User != nil) {
		errs = append(errs, errors.New("webhook: proxy is no address such as http://host:3128"))
	}
	if c.Timeout < 0 {
		errs = append(errs, errors.New("webhook: the timeout is negative"))
	}
	return errors.Join(errs...)
}

// Sender posts to a receiver.
type Sender struct {
	url     string
	secrets [][]byte
	token   string
	client  *http.Client
	now     func() time.Time
}

var _ outbound.Sender = (*Sender)(nil)

// New makes a sender. It reads the files; the receiver is not called.
func New(config Config) (*Sender, error) {
	if err := config.Validate(); err != nil {
		return nil, err
	}
	s := &Sender{url: config.URL, now: time.Now}
	for _, file := range config.SecretFiles {
		secret, err := readSecret(file)
		if err != nil {
			return nil, err
		}
		s.secrets = append(s.secrets, secret)
	}
	if config.TokenFile != "" {
		token, err := os.ReadFile(config.TokenFile)
		if err != nil {
			return nil, fmt.Errorf("webhook: %w", err)
		}
		s.token = strings.TrimSpace(string(token))
	}
	transport, err := config.transport()
	if err != nil {
		return nil, err
	}
	s.client = &http.Client{Transport: transport, Timeout: config.Timeout, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	if config.Timeout == 0 {
		s.client.Timeout = DefaultTimeout
	}
	return s, nil
}

// readSecret reads a secret without ever quoting it.
func readSecret(file string) ([]byte, error) {
	text, err := os.ReadFile(file)
	if err != nil {
		return nil, fmt.Errorf("webhook: %w", err)
	}
	encoded, ok := strings.CutPrefix(strings.TrimSpace(string(text)), secretPrefix)
	secret, err := base64.StdEncoding.DecodeString(encoded)
	if !ok || err != nil || len(secret) < secretMin || len(secret) > secretMax {
		return nil, fmt.Errorf("webhook: %s does not hold a secret, which is %s and base64 of %d to %d bytes", file, secretPrefix, secretMin, secretMax)
	}
	return secret, nil
}

func (c Config) transport() (*http.Transport, error) {
	trust := &tls.Config{MinVersion: tls.VersionTLS12}
	if c.CAFile != "" {
		text, err := os.ReadFile(c.CAFile)
		if err != nil {
			return nil, fmt.Errorf("webhook: %w", err)
		}
		trust.RootCAs = x509.NewCertPool()
		if !trust.RootCAs.AppendCertsFromPEM(text) {
			return nil, fmt.Errorf("webhook: %s holds no certificate", c.CAFile)
		}
	}
	if c.CertFile != "" {
		own, err := tls.LoadX509KeyPair(c.CertFile, c.KeyFile)
		if err != nil {
			return nil, fmt.Errorf("webhook: %w", err)
		}
		trust.Certificates = []tls.Certificate{own}
	}
	transport := &http.Transport{
		TLSClientConfig: trust, ForceAttemptHTTP2: true, MaxIdleConnsPerHost: 32, IdleConnTimeout: 90 * time.Second,
		MaxResponseHeaderBytes: answerMax,
	}
	if c.Proxy != "" {
		proxy, err := url.Parse(c.Proxy)
		if err != nil {
			return nil, errors.New("webhook: proxy is no address")
		}
		transport.Proxy = http.ProxyURL(proxy)
	}
	return transport, nil
}

// Send implements outbound.Sender.
func (s *Sender) Send(ctx context.Context, m outbound.Message) error {
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, s.url, bytes.NewReader(m.Body))
	if err != nil {
		return &outbound.Failure{Reason: "the request cannot be made"}
	}
	at := strconv.FormatInt(s.now().Unix(), 10)
	request.Header.Set("Content-Type", outbound.ContentType)
	request.Header.Set("User-Agent", "dossier-ledger")
	request.Header.Set("webhook-id", m.ID)
	request.Header.Set("webhook-timestamp", at)
	request.Header.Set("webhook-signature", s.signatures(m.ID, at, m.Body))
	if m.TraceParent != "" {
		request.Header.Set("traceparent", m.TraceParent)
	}
	if s.token != "" {
		request.Header.Set("Authorization", "Bearer "+s.token)
	}
	answer, err := s.client.Do(request)
	if err != nil {
		return &outbound.Failure{Reason: reason(err), Err: withoutAddress(err)}
	}
	defer answer.Body.Close() //nolint:errcheck // there is nothing more to be read
	// The status has come, and decides: what of the rest cannot be read is not missed.
	_, _ = io.CopyN(io.Discard, answer.Body, answerMax)
	if answer.StatusCode < 200 || answer.StatusCode > 299 {
		return &outbound.Failure{Reason: fmt.Sprintf("HTTP %d", answer.StatusCode), RetryAfter: retryAfter(answer.Header.Get("Retry-After"), s.now())}
	}
	return nil
}

// signatures signs with every secret.
func (s *Sender) signatures(id, at string, body []byte) string {
	all := make([]string, len(s.secrets))
	for i, secret := range s.secrets {
		mac := hmac.New(sha256.New, secret)
		mac.Write([]byte(id + "." + at + "."))
		mac.Write(body)
		all[i] = "v1," + base64.StdEncoding.EncodeToString(mac.Sum(nil))
	}
	return strings.Join(all, " ")
}

// retryAfter reads the header of that name: seconds or a date.
func retryAfter(text string, now time.Time) time.Duration {
	if seconds, err := strconv.Atoi(text); err == nil {
		return max(0, time.Duration(seconds)*time.Second)
	}
	if at, err := http.ParseTime(text); err == nil {
		return max(0, at.Sub(now))
	}
	return 0
}

// withoutAddress takes the address, which may hold a secret in its path or query,
// out of an error.
func withoutAddress(err error) error {
	if with, ok := errors.AsType[*url.Error](err); ok {
		return with.Err
	}
	return err
}

func reason(err error) string {
	if timeout, ok := errors.AsType[interface {
		error
		Timeout() bool
	}](err); ok && timeout.Timeout() {
		return "no answer in time"
	}
	if _, ok := errors.AsType[*tls.CertificateVerificationError](err); ok {
		return "the certificate is not trusted"
	}
	return "the receiver cannot be reached"
}

// Close implements outbound.Sender.
func (s *Sender) Close() error {
	s.client.CloseIdleConnections()
	return nil
}
