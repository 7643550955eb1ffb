package auth_test

import (
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"errors"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"

	"dossierledger/domain/event"
	"dossierledger/infra/web/auth"
)

const issuer, audience = "https://id.example", "ledger"

func check(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func token(t *testing.T, method jwt.SigningMethod, key any, change func(jwt.MapClaims), header ...string) string {
	t.Helper()
	claims := jwt.MapClaims{
		"iss": issuer, "aud": audience, "sub": "o-1", "role": "officer", "agency": "H15", "department": "one-stop",
		"exp": time.Now().Add(time.Hour).Unix(),
	}
	if change != nil {
		change(claims)
	}
	made := jwt.NewWithClaims(method, claims)
	if len(header) > 0 {
		made.Header["kid"] = header[0]
	}
	text, err := made.SignedString(key)
	check(t, err)
	return text
}

func publicPEM(t *testing.T, key crypto.PublicKey) string {
	t.Helper()
	der, err := x509.MarshalPKIXPublicKey(key)
	check(t, err)
	file := filepath.Join(t.TempDir(), "key.pem")
	check(t, os.WriteFile(file, pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: der}), 0o600))
	return file
}

func TestTokensOfEachAlgorithmByPEMFiles(t *testing.T) {
	edPublic, ed, err := ed25519.GenerateKey(rand.Reader)
	check(t, err)
	ec, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	check(t, err)
	rs, err := rsa.GenerateKey(rand.Reader, 2048)
	check(t, err)
	v, err := auth.NewVerifier(t.Context(), auth.Config{
		Issuer: issuer, Audience: audience, KeyFiles: []string{publicPEM(t, edPublic), publicPEM(t, ec.Public()), publicPEM(t, rs.Public())},
	})
	check(t, err)
	for method, key := range map[jwt.SigningMethod]any{jwt.SigningMethodEdDSA: ed, jwt.SigningMethodES256: ec, jwt.SigningMethodRS256: rs} {
		who, err := v.Verify(token(t, method, key, nil))
		if want := (event.Actor{ID: "o-1", Role: "officer", Agency: "H15", Department: "one-stop"}); err != nil || who.Actor != want {
			t.Errorf("%s: %+v, %v", method.Alg(), who.Actor, err)
		}
	}
	publicBytes, err := os.ReadFile(publicPEM(t, rs.Public()))
	check(t, err)
	for name, text := range map[string]string{
		"a public key as shared secret": token(t, jwt.SigningMethodHS256, publicBytes, nil),
		"another hash":                  token(t, jwt.SigningMethodRS512, rs, nil),
		"another issuer":                token(t, jwt.SigningMethodEdDSA, ed, func(c jwt.MapClaims) { c["iss"] = "https://other" }),
		"another audience":              token(t, jwt.SigningMethodEdDSA, ed, func(c jwt.MapClaims) { c["aud"] = "other" }),
		"no end":                        token(t, jwt.SigningMethodEdDSA, ed, func(c jwt.MapClaims) { delete(c, "exp") }),
		"ended":                         token(t, jwt.SigningMethodEdDSA, ed, func(c jwt.MapClaims) { c["exp"] = time.Now().Add(-time.Hour).Unix() }),
		"not yet":                       token(t, jwt.SigningMethodEdDSA, ed, func(c jwt.MapClaims) { c["nbf"] = time.Now().Add(time.Hour).Unix() }),
		"nobody":                        token(t, jwt.SigningMethodEdDSA, ed, func(c jwt.MapClaims) { c["sub"] = "" }),
		"the ledger itself":             token(t, jwt.SigningMethodEdDSA, ed, func(c jwt.MapClaims) { c["role"] = "system" }),
		"no role":                       token(t, jwt.SigningMethodEdDSA, ed, func(c jwt.MapClaims) { delete(c, "role") }),
		"an officer of nowhere":         token(t, jwt.SigningMethodEdDSA, ed, func(c jwt.MapClaims) { delete(c, "agency") }),
		"a citizen of an agency":        token(t, jwt.SigningMethodEdDSA, ed, func(c jwt.MapClaims) { c["role"] = "citizen" }),
		"a name with a line in it":      token(t, jwt.SigningMethodEdDSA, ed, func(c jwt.MapClaims) { c["sub"] = "a\nb" }),
	} {
		if who, err := v.Verify(text); !errors.Is(err, auth.ErrToken) {
			t.Errorf("%s: %+v, %v", name, who, err)
		}
	}
	// Clocks may differ a little.
	if _, err := v.Verify(token(t, jwt.SigningMethodEdDSA, ed, func(c jwt.MapClaims) { c["exp"] = time.Now().Add(-5 * time.Second).Unix() })); err != nil {
		t.Errorf("five seconds late: %v", err)
	}
}

func TestTokensByASetOfKeys(t *testing.T) {
	public, private, err := ed25519.GenerateKey(rand.Reader)
	check(t, err)
	set, err := json.Marshal(map[string]any{"keys": []any{map[string]string{
		"kty": "OKP", "crv": "Ed25519", "kid": "k1", "alg": "EdDSA", "use": "sig", "x": base64.RawURLEncoding.EncodeToString(public),
	}}})
	check(t, err)
	file := filepath.Join(t.TempDir(), "jwks.json")
	check(t, os.WriteFile(file, set, 0o600))
	site := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write(set) }))
	defer site.Close()
	for name, config := range map[string]auth.Config{"file": {JWKSFile: file}, "address": {JWKSURL: site.URL}} {
		config.Issuer, config.Audience = issuer, audience
		ctx, cancel := context.WithCancel(t.Context())
		v, err := auth.NewVerifier(ctx, config)
		check(t, err)
		if _, err := v.Verify(token(t, jwt.SigningMethodEdDSA, private, nil, "k1")); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		if _, err := v.Verify(token(t, jwt.SigningMethodEdDSA, private, nil, "k2")); !errors.Is(err, auth.ErrToken) {
			t.Errorf("%s: a key that is not in the set: %v", name, err)
		}
		cancel()
	}
}

func TestSettingsThatCannotWorkAreRefused(t *testing.T) {
	weak, err := rsa.GenerateKey(rand.Reader, 1024)
	check(t, err)
	_, private, err := ed25519.GenerateKey(rand.Reader)
	check(t, err)
	der, err := x509.MarshalPKCS8PrivateKey(private)
	check(t, err)
	secret := filepath.Join(t.TempDir(), "private.pem")
	check(t, os.WriteFile(secret, pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der}), 0o600))
	for name, config := range map[string]auth.Config{
		"no issuer":     {Audience: audience, JWKSFile: "x"},
		"no keys":       {Issuer: issuer, Audience: audience},
		"two sources":   {Issuer: issuer, Audience: audience, JWKSFile: "x", JWKSURL: "http://x"},
		"no such file":  {Issuer: issuer, Audience: audience, KeyFiles: []string{"/nonexistent"}},
		"a weak key":    {Issuer: issuer, Audience: audience, KeyFiles: []string{publicPEM(t, weak.Public())}},
		"a private key": {Issuer: issuer, Audience: audience, KeyFiles: []string{secret}},
	} {
		if _, err := auth.NewVerifier(t.Context(), config); err == nil {
			t.Errorf("%s was taken", name)
		}
	}
}

func TestTheDevelopmentIssuerOutlivesARestart(t *testing.T) {
	file := filepath.Join(t.TempDir(), "issuer.pem")
	first, err := auth.OpenDevIssuer(file, nil, nil)
	check(t, err)
	text, _, err := first.Issue("auditor-1")
	check(t, err)
	again, err := auth.OpenDevIssuer(file, nil, nil)
	check(t, err)
	if who, err := again.Verifier().Verify(text); err != nil || who.Role != event.RoleAuditor {
		t.Errorf("%+v, %v", who, err)
	}
	if _, _, err := again.Issue("nobody"); !errors.Is(err, auth.ErrPersona) {
		t.Errorf("nobody: %v", err)
	}
	if info, err := os.Stat(file); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("the key's file: %v, %v", info.Mode(), err)
	}
}
