//go:build !linux

package soak

import (
	"math/rand/v2"
	"testing"
	"time"
)

// disk needs Linux.
type disk struct{ dir string }

func mountDisk(t *testing.T, _ int) *disk {
	t.Skip("a disk of the test's own, to be full, slow, sick and without power, needs Linux")
	return nil
}

func (*disk) fill()                        {}
func (*disk) makeRoom()                    {}
func (*disk) setSick(bool)                 {}
func (*disk) slow(_, _ time.Duration)      {}
func (*disk) losePower(*rand.Rand) (n int) { return 0 }
