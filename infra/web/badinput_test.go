package web_test

import (
	"bufio"
	"compress/gzip"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"encoding/base64"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"

	"dossierledger/infra/web"
	"dossierledger/infra/web/auth"
)

// Bad input at every door: each gets a clear refusal, and nothing is half done.

func TestBadBodiesAreRefusedClearly(t *testing.T) {
	s := open(t, nil)
	path := s.submitted()
	before := s.get("", path).header.Get("ETag")
	for name, c := range map[string]struct {
		body   string
		status int
		code   string
		field  string
	}{
		"empty":              {" ", 400, "request.body-missing", ""},
		"no JSON":            {"hello", 400, "request.malformed-json", ""},
		"cut off":            {`{"slip":"TN-1"`, 400, "request.malformed-json", ""},
		"a list":             {`["TN-1"]`, 400, "request.wrong-type", ""},
		"null":               {`null`, 400, "request.wrong-type", ""},
		"two objects":        {`{"slip":"TN-1"}{"slip":"TN-2"}`, 400, "request.malformed-json", ""},
		"an unknown field":   {`{"slip":"TN-1","status":10}`, 400, "request.unknown-field", "status"},
		"another case":       {`{"Slip":"TN-1"}`, 400, "request.unknown-field", "Slip"},
		"a field twice":      {`{"slip":"TN-1","slip":"TN-2"}`, 400, "request.duplicate-field", "slip"},
		"a wrong type":       {`{"slip":17}`, 400, "request.wrong-type", "slip"},
		"nested for ever":    {strings.Repeat(`{"slip":`, 5000) + "1" + strings.Repeat("}", 5000), 400, "request.too-deep", ""},
		"no UTF-8":           {"{\"slip\":\"\xff\"}", 400, "request.malformed-json", ""},
		"nothing of it":      {`{}`, 400, "dossier.input-missing", "slip"},
		"a line in a number": {`{"slip":"TN\n1"}`, 400, "dossier.input-invalid", "slip"},
		"too large":          {`{"slip":"` + strings.Repeat("x", 2<<20) + `"}`, 413, "request.too-large", ""},
	} {
		t.Run(name, func(t *testing.T) {
			refusal := s.post(deskOfficer, path+"/receive", c.body).is(t, c.status).object(t)
			if refusal["code"] != c.code {
				t.Fatalf("code %v, want %s: %v", refusal["code"], c.code, refusal)
			}
			if c.field != "" && fmt.Sprint(refusal["missing"]) != "["+c.field+"]" {
				t.Errorf("it names %v, want %s", refusal["missing"], c.field)
			}
		})
	}
	s.do(call{as: deskOfficer, method: "POST", path: path + "/receive", body: `{"slip":"TN-1"}`, header: map[string]string{"Content-Type": "text/plain"}}).
		refused(t, http.StatusUnsupportedMediaType, "request.content-type")
	for door, encoding := range map[string]string{path + "/receive": "gzip", "/api/v1/dossiers": "br, identity", "/language": "deflate"} {
		got := s.do(call{as: deskOfficer, method: "POST", path: door, body: compressed(t, `{"slip":"TN-1"}`), header: map[string]string{"Content-Encoding": encoding}})
		got.refused(t, http.StatusUnsupportedMediaType, "request.content-encoding")
		if accepted := got.header.Get("Accept-Encoding"); accepted != "identity" {
			t.Errorf("%s: it says %q is accepted", door, accepted)
		}
	}
	if after := s.get("", path).header.Get("ETag"); after != before {
		t.Errorf("refused requests moved the dossier from %s to %s", before, after)
	}
	// A nested field is named by its whole path.
	body := strings.Replace(submission(), `"name":"Nguyễn Văn Mẫu"`, `"name":"x","surname":"y"`, 1)
	p := s.post(citizen, "/api/v1/dossiers", body).refused(t, 400, "request.unknown-field")
	if fmt.Sprint(p["missing"]) != "[applicant.surname]" {
		t.Errorf("it names %v", p["missing"])
	}
}

func compressed(t *testing.T, text string) string {
	t.Helper()
	var out strings.Builder
	w := gzip.NewWriter(&out)
	if _, err := w.Write([]byte(text)); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return out.String()
}

func TestBadParametersAreRefusedClearly(t *testing.T) {
	s := open(t, nil)
	path := s.submitted()
	for address, status := range map[string]int{
		path + "?nothing=such":                                   400,
		path + "/replay?at=yesterday":                            400,
		path + "/replay?at=2026-11-16T02:00:00Z&revision=1":      400,
		path + "/replay?revision=-1":                             400,
		path + "/replay?revision=1&revision=2":                   400,
		path + "/replay?basis=guessed":                           400,
		path + "/replay?at=2001-01-01":                           404,
		path + "/events?limit=0":                                 400,
		path + "/events?limit=ten":                               400,
		"/api/v1/dossiers/" + strings.Repeat("x", 600):           400,
		"/api/v1/dossiers/%ff":                                   400,
		"/api/v1/dossiers/%00":                                   400,
		"/api/v1/dossiers/..%2f..%2fetc%2fpasswd":                404,
		"/api/v1/dossiers/no-such":                               404,
		"/api/v1/dossiers/%20":                                   404,
		"/api/v1/procedures/..":                                  404,
		"/api/v1/procedures?limit=100000":                        400,
		"/api/v1/procedures?q=" + strings.Repeat("x", 500):       400,
		"/api/v1/agencies/no-such":                               404,
		"/api/v1/nothing":                                        404,
		"/api/v1/search?q=" + url.QueryEscape("'; DROP TABLE x"): 503,
		path + "?purpose=" + strings.Repeat("x", 5000):           414,
	} {
		got := s.get(auditor, address)
		if got.status != status || got.object(t)["code"] == "" {
			t.Errorf("%.80s: %d, want %d: %.200s", address, got.status, status, got.body)
		}
	}
	s.do(call{as: deskOfficer, method: "DELETE", path: path}).refused(t, http.StatusMethodNotAllowed, "http.method-not-allowed")
	for name, value := range map[string]string{"Idempotency-Key": strings.Repeat("k", 256), "Occurred-At": "long ago", "If-Match": `"x"`} {
		a := s.do(call{as: deskOfficer, method: "POST", path: path + "/receive", body: `{"slip":"TN-1"}`, header: map[string]string{name: value}})
		if a.status != http.StatusBadRequest {
			t.Errorf("%s: %.30s: %d", name, value, a.status)
		}
	}
	// Out of order, in the future, and by one who may not say when.
	at := func(who, when string) answer {
		return s.do(call{as: who, method: "POST", path: path + "/attach-document", body: document(""), header: map[string]string{"Occurred-At": when}})
	}
	at(deskOfficer, "2026-11-15T02:00:00Z").refused(t, 400, "dossier.before-last-event")
	at(deskOfficer, "2026-12-01T02:00:00Z").refused(t, 400, "occurred.in-future")
	at(citizen, "2026-11-16T02:00:00Z").refused(t, 403, "occurred.not-yours")
	s.post(deskOfficer, path+"/sign", `{"hash":"`+hash+`"}`).refused(t, 403, "dossier.forbidden")
	s.post(deskOfficer, path+"/provide-supplement", `{}`).refused(t, 409, "dossier.no-supplement")
	s.post(stranger, path+"/receive", `{"slip":"TN-1"}`).refused(t, 403, "auth.forbidden")
}

func TestForgedTokensAreRefused(t *testing.T) {
	s := open(t, nil)
	good := s.token(auditor)
	now := s.clock.now()
	claims := func(change func(jwt.MapClaims)) jwt.MapClaims {
		c := jwt.MapClaims{
			"sub": auditor, "role": "auditor", "iss": auth.DevIssuerName, "aud": auth.DevAudience,
			"exp": now.Add(time.Hour).Unix(), "nbf": now.Unix(),
		}
		change(c)
		return c
	}
	_, strangersKey, err := ed25519.GenerateKey(rand.Reader)
	must(t, err)
	ecKey, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	must(t, err)
	sign := func(method jwt.SigningMethod, key any, c jwt.MapClaims) string {
		text, err := jwt.NewWithClaims(method, c).SignedString(key)
		must(t, err)
		return text
	}
	same := func(jwt.MapClaims) {}
	parts := strings.Split(good, ".")
	admin := base64.RawURLEncoding.EncodeToString([]byte(`{"sub":"admin-1","role":"admin","iss":"` + auth.DevIssuerName + `","aud":"` + auth.DevAudience + `","exp":99999999999}`))
	for name, token := range map[string]string{
		"another's key":     sign(jwt.SigningMethodEdDSA, strangersKey, claims(same)),
		"another algorithm": sign(jwt.SigningMethodES256, ecKey, claims(same)),
		"no algorithm":      sign(jwt.SigningMethodNone, jwt.UnsafeAllowNoneSignatureType, claims(same)),
		"a shared secret":   sign(jwt.SigningMethodHS256, []byte("secret"), claims(same)),
		"other content":     parts[0] + "." + admin + "." + parts[2],
		"no signature":      parts[0] + "." + parts[1] + ".",
		"no token":          "x",
		"a huge one":        strings.Repeat("a", 9000),
	} {
		a := s.do(call{method: "GET", path: "/api/v1/me", header: map[string]string{"Authorization": "Bearer " + token}})
		a.refused(t, http.StatusUnauthorized, "auth.token")
		if !strings.Contains(a.header.Get("WWW-Authenticate"), "invalid_token") {
			t.Errorf("%s: challenge %q", name, a.header.Get("WWW-Authenticate"))
		}
		if strings.Contains(s.logs.String(), token) && len(token) > 5 {
			t.Errorf("%s: the token is in the log", name)
		}
	}
	s.do(call{method: "GET", path: "/api/v1/me", header: map[string]string{"Authorization": "Basic YTpi"}}).refused(t, 401, "auth.scheme")
	s.get("", "/api/v1/me").refused(t, 401, "auth.required")
	s.get(auditor, "/api/v1/me").is(t, 200)
	s.clock.pass(auth.DevLifetime + time.Minute)
	s.do(call{method: "GET", path: "/api/v1/me", header: map[string]string{"Authorization": "Bearer " + good}}).refused(t, 401, "auth.token")
}

func TestWhoAsksTooOftenWaits(t *testing.T) {
	s := open(t, func(c *web.Config, _ *web.Dependencies) { c.Rate, c.Burst = 1, 5 })
	const anything = "/api/v1/agencies?limit=1"
	for range 5 {
		s.get("", anything).is(t, 200)
	}
	a := s.get("", anything)
	a.refused(t, http.StatusTooManyRequests, "request.rate")
	if a.header.Get("Retry-After") == "" {
		t.Error("no Retry-After")
	}
	s.get("", "/healthz").is(t, 200)        // whoever watches the ledger is never held back
	s.get(auditor, "/api/v1/me").is(t, 200) // another caller has a bucket of their own
	// Guessing tokens is asking too.
	s.do(call{method: "GET", path: anything, header: map[string]string{"Authorization": "Bearer guess"}}).refused(t, http.StatusTooManyRequests, "request.rate")
	s.clock.pass(2 * time.Second)
	s.get("", anything).is(t, 200)
}

// What a well-behaved client cannot send: raw bytes on the connection.
func TestBytesThatAreNoRequest(t *testing.T) {
	s := open(t, nil)
	address := strings.TrimPrefix(s.url, "http://")
	for name, c := range map[string]struct {
		bytes  string
		status int
	}{
		"huge headers":       {"GET /healthz HTTP/1.1\r\nHost: x\r\nX: " + strings.Repeat("y", 40<<10) + "\r\n\r\n", 431},
		"a bad escape":       {"GET /api/v1/dossiers/%zz HTTP/1.1\r\nHost: x\r\n\r\n", 400},
		"a bad query":        {"GET /api/v1/procedures?q=%zz HTTP/1.1\r\nHost: x\r\n\r\n", 400},
		"no request":         {"hello\r\n\r\n", 400},
		"a path trick":       {"GET /api/v1/dossiers/../../metrics HTTP/1.1\r\nHost: x\r\n\r\n", 404},
		"two authorisations": {"GET /api/v1/me HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer a\r\nAuthorization: Bearer b\r\n\r\n", 400},
		"a long body":        {"POST /api/v1/dossiers HTTP/1.1\r\nHost: x\r\nContent-Length: 99999999\r\n\r\n", 413},
	} {
		conn, err := net.Dial("tcp", address)
		must(t, err)
		must(t, conn.SetDeadline(time.Now().Add(2*time.Minute)))
		_, err = conn.Write([]byte(c.bytes))
		must(t, err)
		response, err := http.ReadResponse(bufio.NewReader(conn), nil)
		if err != nil {
			t.Errorf("%s: %v", name, err)
		} else if response.StatusCode != c.status {
			t.Errorf("%s: %d, want %d", name, response.StatusCode, c.status)
		}
		_ = conn.Close()
	}
}
