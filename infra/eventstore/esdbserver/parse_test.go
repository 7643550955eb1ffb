package esdbserver

import (
	"context"
	"testing"

	"google.golang.org/grpc/metadata"
)

func FuzzCheckpoint(f *testing.F) {
	for _, seed := range []string{"0", "17", `"C:6/P:6"`, `"C:0/P:0"`, `"C:-1/P:-1"`, "null", "{}"} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		for _, stream := range []string{"a", allStream} {
			g := &group{key: groupKey{stream, "g"}}
			at, err := g.parsePlace(data)
			if err != nil {
				continue
			}
			if again, err := g.parsePlace(g.placeText(at)); err != nil || again != at {
				t.Errorf("%q is %d in %s, and then %d, %v", data, at, stream, again, err)
			}
		}
	})
}

func FuzzCredentials(f *testing.F) {
	for _, seed := range []string{"Basic YWRtaW46Y2hhbmdlaXQ=", "basic YWRtaW46OjI=", "Bearer x", "Basic", "Basic !"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, header string) {
		ctx := metadata.NewIncomingContext(context.Background(), metadata.Pairs("authorization", header))
		if login, password, ok := basicCredentials(ctx); !ok && login != "" && password != "" {
			t.Errorf("%q is refused and gives %q", header, login)
		}
	})
}
