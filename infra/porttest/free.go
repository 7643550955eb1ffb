// Package porttest gives tests ports to listen on.
package porttest

import (
	"fmt"
	"math/rand/v2"
	"net"
	"sync"
	"testing"
)

// given are the ports that Free gave in this process.
var given sync.Map

// Free gives loopback ports that nobody listens on, none of them twice. They
// are below those that the system gives to whoever asks for any, so that none is
// taken by another test before it is listened on, or while a server is stopped.
func Free(t testing.TB, n int) []int {
	t.Helper()
	var ports []int
	for range 1000 * n {
		if len(ports) == n {
			return ports
		}
		port := 20000 + rand.IntN(12000)
		l, err := net.Listen("tcp", fmt.Sprintf("127.0.0.1:%d", port))
		if err != nil {
			continue
		}
		if err := l.Close(); err != nil {
			t.Fatal(err)
		}
		if _, twice := given.LoadOrStore(port, true); !twice {
			ports = append(ports, port)
		}
	}
	t.Fatalf("%d of %d free ports were found", len(ports), n)
	return nil
}
