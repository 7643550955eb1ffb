package keys

import (
	"cmp"
	"context"
	"errors"
	"time"

	"dossierledger/domain/fault"
	"dossierledger/infra/room"
	"golang.org/x/sync/singleflight"
)

// Refusals of a folder whose disk does not take keys. Keys that are there are
// read all the same.
var (
	// ErrFull is for a new key, or the destruction of one, without room for it.
	ErrFull = fault.New(fault.Full, "keys.full", "the disk of the key store is full")
	// ErrSick is for a disk that failed otherwise; the folder takes no new keys
	// until it is opened again.
	ErrSick = fault.New(fault.Unavailable, "keys.unwritable", "the key store could not write")
)

const (
	// reserveMax is the free space below which no key is made, the same as the
	// event store's, so that neither fills the disk for the other; a small disk
	// has less.
	reserveMax = 64 << 20
	// settleGrace is how long whoever waits for a new key waits on when the disk
	// has no room: what is only read does not need any.
	settleGrace = time.Second
)

// hasRoom looks whether a key may be written now.
func (v *Folder) hasRoom() error {
	if usage, err := v.fs.GetDiskUsage(v.dir); err == nil {
		v.disk.SetLow(usage.AvailBytes < min(reserveMax, usage.TotalBytes/8))
	}
	return v.unwritable()
}

// unwritable says why no key can be written now, or nil.
func (v *Folder) unwritable() error {
	if err := v.disk.Broken(); err != nil {
		return fault.New(ErrSick.Kind, ErrSick.Code, "the key store in %s could not write and takes no new keys until it is opened again: %w", v.dir, err)
	}
	if v.disk.Full() {
		return fullIn(v.dir)
	}
	return nil
}

func fullIn(dir string) error {
	return fault.New(ErrFull.Kind, ErrFull.Code, "the disk of the key store in %s is full; it goes on by itself when there is room", dir)
}

// fullOr is an error, or the fault that says that it was want of room.
func fullOr(dir string, err error) error {
	if room.NoRoom(err) {
		return errors.Join(fullIn(dir), err)
	}
	return err
}

// await waits for a key that is read or made. A key whose write hangs, because
// the disk has filled up that moment, is not waited for: it will be there, and
// whoever asks again gets that one, when there is room.
func (v *Folder) await(ctx context.Context, made <-chan singleflight.Result, alarm <-chan struct{}) (any, error) {
	select {
	case m := <-made:
		return m.Val, m.Err
	case <-ctx.Done():
		return nil, ctx.Err()
	case <-alarm:
	}
	grace := time.NewTimer(settleGrace)
	defer grace.Stop()
	select {
	case m := <-made:
		return m.Val, m.Err
	case <-ctx.Done():
		return nil, ctx.Err()
	case <-grace.C:
	}
	return nil, cmp.Or(v.unwritable(), fullIn(v.dir))
}

// shut closes the folder. A write that hangs is let go, and then the engine is
// left as it is until the process ends; opening recovers as after a crash.
func (v *Folder) shut() error {
	alarm := v.disk.Alarm()
	v.disk.Release()
	select {
	case <-alarm:
		return cmp.Or(v.unwritable(), fullIn(v.dir))
	default:
	}
	// Somebody's key may still be made for whom nobody waits any more.
	v.using.Lock()
	v.closed = true
	v.using.Unlock()
	return v.db.Close()
}
