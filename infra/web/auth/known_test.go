package auth

import (
	"crypto/ed25519"
	"crypto/rand"
	"errors"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"
	"pgregory.net/rapid"
)

// A verifier that remembers says at every time what one says that sees the token
// for the first time, also when the clock is set back.
func TestARememberedTokenHoldsAsLongAsANewOne(t *testing.T) {
	public, private, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	keys := func(*jwt.Token) (any, error) { return public, nil }
	start := time.Date(2026, 11, 16, 2, 0, 0, 0, time.UTC)
	rapid.Check(t, func(t *rapid.T) {
		now := start
		config := Config{Issuer: "i", Audience: "a", Now: func() time.Time { return now }, Leeway: 30 * time.Second}
		remembers := newVerifier(config, keys)
		seconds := rapid.IntRange(-300, 300)
		var tokens []string
		for range rapid.IntRange(1, 3).Draw(t, "tokens") {
			claims := Claims{
				RegisteredClaims: jwt.RegisteredClaims{
					Subject: "s", Issuer: "i", Audience: jwt.ClaimStrings{"a"},
					ExpiresAt: jwt.NewNumericDate(start.Add(time.Duration(seconds.Draw(t, "end")) * time.Second)),
				},
				Role: "citizen",
			}
			if rapid.Bool().Draw(t, "begins") {
				claims.NotBefore = jwt.NewNumericDate(start.Add(time.Duration(seconds.Draw(t, "begin")) * time.Second))
			}
			token, err := jwt.NewWithClaims(jwt.SigningMethodEdDSA, claims).SignedString(private)
			if err != nil {
				t.Fatal(err)
			}
			tokens = append(tokens, token)
		}
		for range rapid.IntRange(1, 20).Draw(t, "requests") {
			now = start.Add(time.Duration(seconds.Draw(t, "now")) * time.Second)
			token := rapid.SampledFrom(tokens).Draw(t, "token")
			who, err := remembers.Verify(token)
			want, wantErr := newVerifier(config, keys).Verify(token)
			if who != want || (err == nil) != (wantErr == nil) {
				t.Fatalf("at %s: %+v, %v; a new one says %+v, %v", now, who, err, want, wantErr)
			}
		}
	})
}

func TestAWithdrawnKeyCountsForAMinuteAtMost(t *testing.T) {
	public, private, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	now, withdrawn := time.Now(), false
	v := newVerifier(Config{Issuer: "i", Audience: "a", Now: func() time.Time { return now }}, func(*jwt.Token) (any, error) {
		if withdrawn {
			return nil, errors.New("there is no such key")
		}
		return public, nil
	})
	token, err := jwt.NewWithClaims(jwt.SigningMethodEdDSA, Claims{
		RegisteredClaims: jwt.RegisteredClaims{Subject: "s", Issuer: "i", Audience: jwt.ClaimStrings{"a"}, ExpiresAt: jwt.NewNumericDate(now.Add(time.Hour))},
		Role:             "citizen",
	}).SignedString(private)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := v.Verify(token); err != nil {
		t.Fatal(err)
	}
	withdrawn = true
	now = now.Add(trustFor)
	if _, err := v.Verify(token); !errors.Is(err, ErrToken) {
		t.Errorf("a minute after its key was withdrawn: %v", err)
	}
}
