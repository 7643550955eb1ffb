// Package room keeps Pebble, which takes any failure of its log for fatal, alive
// on a disk that is full, and readable on one that is sick. A write that finds no
// room waits for it and then goes on; any other failure of a write that matters
// stops writing until the store is opened again. Those who wait for an answer
// meanwhile hear of it by an alarm, so that nobody hangs with the disk.
package room

import (
	"sync"
	"sync/atomic"

	"github.com/cockroachdb/pebble/v2/vfs"
)

// Disk is what a store knows of its disk. Whoever writes and the file system
// below share it.
type Disk struct {
	// low is set while free space is below what the store keeps free; stuck is
	// set while a write waits for room.
	low   atomic.Bool
	stuck atomic.Bool

	// running is set when the store has been opened. Before, errors are
	// returned at once, so that opening fails instead of waiting.
	running atomic.Bool

	mu     sync.Mutex
	broken error
	// alarm is closed when appends on their way must be answered now. A new one
	// takes its place when room is made.
	alarm chan struct{}
	rung  bool

	closing chan struct{}
}

// New makes a disk that is well.
func New() *Disk {
	return &Disk{alarm: make(chan struct{}), closing: make(chan struct{})}
}

// Over puts the disk's patience between Pebble and a file system.
func (d *Disk) Over(fs vfs.FS) vfs.FS { return patient{FS: fs, disk: d} }

// Opened says that the store has been opened: from now on writes wait for room.
func (d *Disk) Opened() { d.running.Store(true) }

// Release lets go every write that waits, with its error. It is for closing, and
// called once.
func (d *Disk) Release() { close(d.closing) }

// SetLow says whether less is free than the store keeps free, and returns what
// was said before.
func (d *Disk) SetLow(low bool) (was bool) { return d.low.Swap(low) }

// Full says whether nothing may be written for want of room.
func (d *Disk) Full() bool { return d.low.Load() || d.stuck.Load() }

// Alarm returns the channel that is closed when writes cannot go on.
func (d *Disk) Alarm() <-chan struct{} {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.alarm
}

// Broken says what made writing stop until the store is opened again, or nil.
func (d *Disk) Broken() error {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.broken
}

func (d *Disk) ring() {
	if !d.rung {
		d.rung = true
		close(d.alarm)
	}
}

func (d *Disk) outOfRoom() {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.stuck.Store(true)
	d.ring()
}

func (d *Disk) hasRoom() {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.stuck.Store(false)
	if d.rung && d.broken == nil {
		d.rung = false
		d.alarm = make(chan struct{})
	}
}

// BreakOff marks the store as unable to write until it is opened again.
func (d *Disk) BreakOff(err error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.broken == nil {
		d.broken = err
	}
	d.ring()
}
