package cli

import (
	"bytes"
	"encoding/json"
	"reflect"
	"strings"
	"testing"

	"github.com/alecthomas/kong"
)

// told is what a server says of its settings at its start. That it cannot listen
// ends it there.
func told(t *testing.T, args ...string) (settings map[string]struct{ Value, From any }, said string) {
	t.Helper()
	var out, errs bytes.Buffer
	if code := Run(append([]string{"serve", "--listen", "127.0.0.1:99999"}, args...), strings.NewReader(""), &out, &errs); code == exitDone {
		t.Fatal("it served")
	}
	for line := range strings.Lines(errs.String()) {
		var is struct {
			Msg      string
			Settings map[string]struct{ Value, From any }
		}
		if json.Unmarshal([]byte(line), &is) == nil && is.Msg == "configuration" {
			settings = is.Settings
		}
	}
	return settings, out.String() + errs.String()
}

func TestAServerTellsItsSettingsAndWhereTheyComeFrom(t *testing.T) {
	t.Setenv("LEDGER_RATE", "7")
	t.Setenv("LEDGER_PROXY", "10.0.0.7,192.168.0.0/16")
	file := write(t, "ledger.yaml", "clickhouse-cluster: main\nserve: {rate: 9, body-mb: 3}\n")
	keys := write(t, "issuer.pem", "")
	settings, said := told(t, "--config", file, "--key-file", keys, "--jwks-url", "https://id.example.gov.vn/jwks", "--https")
	if settings == nil {
		t.Fatalf("nothing was told: %s", said)
	}
	for name, want := range map[string][2]any{
		"data": {"./data", "default"}, "rate": {"7", "environment"}, "body-mb": {"3", "file"}, "clickhouse-cluster": {"main", "file"},
		"key-file": {[]any{keys}, "flag"}, "jwks-url": {"https://id.example.gov.vn/jwks", "flag"}, "https": {"true", "flag"},
		"proxy": {[]any{"10.0.0.7", "192.168.0.0/16"}, "environment"}, "log": {"info", "default"}, "reminder": {"16h0m0s", "default"},
		"config": {file, "flag"},
	} {
		if got := settings[name]; !reflect.DeepEqual(got.Value, want[0]) || got.From != want[1] {
			t.Errorf("%s is told as %v, not %v", name, got, want)
		}
	}
}

// textFlags are the flags of `ledger serve` that take words.
func textFlags(t *testing.T) []*kong.Flag {
	t.Helper()
	parser, err := kong.New(&commandLine{})
	if err != nil {
		t.Fatal(err)
	}
	parsed, err := parser.Parse([]string{"serve"})
	if err != nil {
		t.Fatal(err)
	}
	var all []*kong.Flag
	for _, flag := range parsed.Flags() {
		if _, words := textsOf(parsed.FlagValue(flag)); words && flag.Enum == "" {
			all = append(all, flag)
		}
	}
	return all
}

// A new flag must say by its placeholder what it holds, or it is not told.
func TestEveryFlagOfTheServerIsOfAKnownKind(t *testing.T) {
	flags := textFlags(t)
	for _, flag := range flags {
		if shown[flag.PlaceHolder] == nil {
			t.Errorf("--%s has the placeholder %q, for which settings.go has no rule", flag.Name, flag.PlaceHolder)
		}
	}
	if len(flags) < 12 {
		t.Errorf("only %d flags were found", len(flags))
	}
}

// Whatever is given in place of a file's name, an address or a name: what is
// secret in it is not told, neither in the line of settings nor in the refusal.
func TestNoSecretIsTold(t *testing.T) {
	const secret, key = "geheim-Mật-9", "aGVsbG8gd29ybGQhIGhlbGxvIHdvcmxkISBoZWxsbyE="
	hostile := map[string]string{
		"a DSN":                                 "clickhouse://ledger:" + secret + "@clickhouse:9000/ledger",
		"an address with a user":                "https://u:" + secret + "@id.example.gov.vn/jwks",
		"an address with a user, badly written": "https://u:" + secret + "%zz@id.example.gov.vn/jwks",
		"an address with a token":               "https://id.example.gov.vn/jwks?token=" + secret,
		"an address with a fragment":            "https://id.example.gov.vn/jwks#" + secret,
		"host with a password":                  "u:" + secret + "@clickhouse:9000",
		"a pair":                                "password=" + secret,
		"another pair":                          "./x;Token: " + secret,
		"a key in PEM form":                     "-----BEGIN PRIVATE KEY-----\n" + secret,
		"two lines":                             "name\n" + secret,
		"a key in base64":                       key,
	}
	for _, flag := range textFlags(t) {
		if flag.Name == "config" { // it is read by the parser, before there are settings
			continue
		}
		for what, value := range hostile {
			t.Run(flag.Name+"/"+what, func(t *testing.T) {
				settings, said := told(t, "--"+flag.Name+"="+value)
				if flag.Name == "listen" { // the refusal of an address repeats it
					text, err := json.Marshal(settings)
					if err != nil {
						t.Fatal(err)
					}
					said = string(text)
				}
				if strings.Contains(said, secret) || strings.Contains(said, key) {
					t.Errorf("it is told: %s", said)
				}
			})
		}
	}
}
