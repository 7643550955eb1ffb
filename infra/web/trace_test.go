package web

import (
	"regexp"
	"strings"
	"testing"
)

var traceparent = regexp.MustCompile(`^00-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2}$`)

func FuzzTraceparent(f *testing.F) {
	for _, seed := range []string{
		"", "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01", "00-00000000000000000000000000000000-b7ad6b7169203331-01",
		"ff-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01", "00-0AF7651916CD43DD8448EB211C80319C-b7ad6b7169203331-01", "x\r\ny",
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, header string) {
		s := spanOf(header)
		if !traceparent.MatchString(s.header()) || s.trace == strings.Repeat("0", 32) || s.id == strings.Repeat("0", 16) {
			t.Fatalf("%q becomes %q", header, s.header())
		}
		if strings.HasPrefix(header, s.header()[:35]) && strings.HasPrefix(header, s.header()[:52]) {
			t.Fatalf("%q: its own span is the parent's", header)
		}
	})
}

func FuzzLocalPath(f *testing.F) {
	for _, seed := range []string{"", "/", "/dossiers?q=1", "//evil", `/\evil`, "https://evil", "/%2F/evil", "/\t/evil", "javascript:x"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, next string) {
		got := localPath(next)
		if !strings.HasPrefix(got, "/") || strings.HasPrefix(got, "//") || strings.ContainsAny(got, "\\\r\n") {
			t.Fatalf("%q leads to %q", next, got)
		}
	})
}
