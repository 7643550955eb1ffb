package soak

import (
	"context"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/hanwen/go-fuse/v2/fs"
	"github.com/hanwen/go-fuse/v2/fuse"
	"golang.org/x/sys/unix"
)

// disk is a file system of the test's own: what is written goes through the
// kernel to this process and on to a small tmpfs. It can be full (really: the
// tmpfs is), slow, fail to sync, and lose power: then each file loses what was
// written to it and not synced since a moment of its own, and the write at that
// moment is torn.
//
// Names are as a journalling file system keeps them: making, renaming and
// removing a file last as they were done.
//
// The kernel keeps no pages of its own of these files (FOPEN_DIRECT_IO). With
// them a read can miss a write that has returned: where it finds that a file
// changed it throws the file's pages away, also one whose write is on its way
// here, and keeps what it then reads from before that write.
type disk struct {
	t       *testing.T
	dir     string // where programs see it
	backing string // the tmpfs

	mu sync.Mutex
	// unsynced are the writes of each file that no sync has covered, oldest
	// first, as what is needed to undo them.
	unsynced map[string][]undo
	delay    time.Duration // of a write; a sync takes ten times as long
	sick     bool
}

type undo struct {
	offset int64
	old    []byte
	size   int64 // of the file before
	length int64
	at     time.Time
}

const (
	// undoMax bounds what is remembered of a file that is never synced.
	undoMax = 2048
	// writtenAfter is when a kernel has written by itself what nobody synced.
	writtenAfter = 40 * time.Second
)

// mountDisk gives a disk of a size in bytes, or skips where this machine or user
// cannot have one.
func mountDisk(t *testing.T, bytes int) *disk {
	t.Helper()
	base, err := os.MkdirTemp("", "soak-disk-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(base) })
	d := &disk{t: t, dir: filepath.Join(base, "mount"), backing: filepath.Join(base, "backing"), unsynced: map[string][]undo{}}
	for _, dir := range []string{d.dir, d.backing} {
		if err := os.Mkdir(dir, 0o700); err != nil {
			t.Fatal(err)
		}
	}
	if err := syscall.Mount("tmpfs", d.backing, "tmpfs", 0, "mode=0700,size="+strconv.Itoa(bytes)); err != nil {
		t.Skipf("a small file system cannot be mounted (%v): run as root to test full, slow and sick disks and loss of power", err)
	}
	t.Cleanup(func() {
		if err := syscall.Unmount(d.backing, syscall.MNT_DETACH); err != nil {
			t.Error(err)
		}
	})
	var st syscall.Stat_t
	if err := syscall.Stat(d.backing, &st); err != nil {
		t.Fatal(err)
	}
	root := &fs.LoopbackRoot{Path: d.backing, Dev: st.Dev}
	top := &node{LoopbackNode: fs.LoopbackNode{RootData: root}, disk: d}
	root.RootNode = top
	brief := 10 * time.Second
	server, err := fs.Mount(d.dir, top, &fs.Options{
		AttrTimeout: &brief, EntryTimeout: &brief,
		MountOptions: fuse.MountOptions{DirectMountStrict: true, FsName: "soak", Name: "soak", MaxWrite: 1 << 20},
	})
	if err != nil {
		t.Skipf("a file system in user space cannot be mounted (%v): it needs root and /dev/fuse, to test full, slow and sick disks and loss of power", err)
	}
	t.Cleanup(func() {
		if err := server.Unmount(); err != nil {
			t.Errorf("unmount: %v", err)
			_ = syscall.Unmount(d.dir, syscall.MNT_DETACH)
		}
	})
	return d
}

// fill takes all room that is left.
func (d *disk) fill() {
	f, err := os.Create(filepath.Join(d.backing, "filler"))
	if err != nil {
		d.t.Error(err)
		return
	}
	defer func() { _ = f.Close() }()
	for size := int64(64 << 20); size >= 4096; {
		var st syscall.Statfs_t
		if err := syscall.Fstatfs(int(f.Fd()), &st); err != nil {
			d.t.Error(err)
			return
		}
		if size > int64(st.Bavail)*st.Bsize {
			size /= 2
			continue
		}
		info, err := f.Stat()
		if err != nil {
			d.t.Error(err)
			return
		}
		if syscall.Fallocate(int(f.Fd()), 0, info.Size(), size) != nil {
			size /= 2
		}
	}
}

// makeRoom gives back what fill took.
func (d *disk) makeRoom() {
	if err := os.Remove(filepath.Join(d.backing, "filler")); err != nil {
		d.t.Error(err)
	}
}

func (d *disk) setSick(sick bool) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.sick = sick
}

// slow makes writes and, more, syncs take long for a while.
func (d *disk) slow(delay, span time.Duration) {
	d.set(delay)
	time.Sleep(span)
	d.set(0)
}

func (d *disk) set(delay time.Duration) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.delay = delay
}

// losePower forgets writes that were not synced. No program may have the disk
// open. It returns how many writes were lost, the torn ones included.
func (d *disk) losePower(r *rand.Rand) (lost int) {
	d.mu.Lock()
	defer d.mu.Unlock()
	for name, writes := range d.unsynced {
		for len(writes) > 0 && time.Since(writes[0].at) > writtenAfter {
			writes = writes[1:]
		}
		keep := r.IntN(len(writes) + 1)
		f, err := os.OpenFile(filepath.Join(d.backing, name), os.O_RDWR, 0)
		if err != nil {
			continue // it was removed since
		}
		for i := len(writes) - 1; i >= keep; i-- {
			w := writes[i]
			lost++
			if i == keep && w.length > 1 && r.IntN(2) == 0 {
				w.tear(d.t, f, r)
				continue
			}
			w.apply(d.t, f)
		}
		if err := f.Close(); err != nil {
			d.t.Error(err)
		}
	}
	clear(d.unsynced)
	return lost
}

// apply puts a file back to what it was before a write.
func (u undo) apply(t *testing.T, f *os.File) {
	if _, err := f.WriteAt(u.old, u.offset); err != nil && len(u.old) > 0 {
		t.Error(err)
	}
	if err := f.Truncate(u.size); err != nil {
		t.Error(err)
	}
}

// tear leaves the beginning of a write and, of the rest, what was there before or
// nothing but zeros.
func (u undo) tear(t *testing.T, f *os.File, r *rand.Rand) {
	cut := r.Int64N(u.length)
	if cut < int64(len(u.old)) {
		if _, err := f.WriteAt(u.old[cut:], u.offset+cut); err != nil {
			t.Error(err)
		}
	}
	if end := u.offset + u.length; end > u.size {
		if err := f.Truncate(max(u.size, u.offset+cut)); err != nil {
			t.Error(err)
		}
		if r.IntN(2) == 0 {
			if err := f.Truncate(end); err != nil {
				t.Error(err)
			}
		}
	}
}

// node and handle put the disk's faults between the kernel and the tmpfs.
type node struct {
	fs.LoopbackNode
	disk *disk
}

// WrapChild makes every file and folder below one of the disk's too.
func (n *node) WrapChild(context.Context, fs.InodeEmbedder) fs.InodeEmbedder {
	return &node{LoopbackNode: fs.LoopbackNode{RootData: n.RootData}, disk: n.disk}
}

// handle is an open file.
type handle struct {
	*fs.LoopbackFile
	node *node
}

var (
	_ fs.NodeCreater   = (*node)(nil)
	_ fs.NodeOpener    = (*node)(nil)
	_ fs.NodeSetattrer = (*node)(nil)
	_ fs.NodeFsyncer   = (*node)(nil)
	_ fs.NodeRenamer   = (*node)(nil)
	_ fs.NodeUnlinker  = (*node)(nil)
	_ fs.FileWriter    = (*handle)(nil)
	_ fs.FileWritever  = (*handle)(nil)
	_ fs.FileFsyncer   = (*handle)(nil)
)

func (n *node) name() string { return n.Path(n.Root()) }

// Create implements fs.NodeCreater.
func (n *node) Create(ctx context.Context, name string, flags, mode uint32, out *fuse.EntryOut) (*fs.Inode, fs.FileHandle, uint32, syscall.Errno) {
	inode, f, more, errno := n.LoopbackNode.Create(ctx, name, flags, mode, out)
	if errno != 0 {
		return inode, f, more, errno
	}
	made, ok := inode.Operations().(*node)
	if !ok {
		return nil, nil, 0, syscall.EIO
	}
	return inode, &handle{LoopbackFile: f.(*fs.LoopbackFile), node: made}, more | fuse.FOPEN_DIRECT_IO, 0
}

// Open implements fs.NodeOpener.
func (n *node) Open(ctx context.Context, flags uint32) (fs.FileHandle, uint32, syscall.Errno) {
	// Undoing a write needs to read what was there before.
	if flags&syscall.O_ACCMODE == syscall.O_WRONLY {
		flags = flags&^syscall.O_ACCMODE | syscall.O_RDWR
	}
	if flags&syscall.O_TRUNC != 0 {
		n.remember(0, -1)
	}
	f, more, errno := n.LoopbackNode.Open(ctx, flags)
	if errno != 0 {
		return f, more, errno
	}
	return &handle{LoopbackFile: f.(*fs.LoopbackFile), node: n}, more | fuse.FOPEN_DIRECT_IO, 0
}

// Rename implements fs.NodeRenamer. What a file has not synced goes with it.
func (n *node) Rename(ctx context.Context, name string, parent fs.InodeEmbedder, newName string, flags uint32) syscall.Errno {
	errno := n.LoopbackNode.Rename(ctx, name, parent, newName, flags)
	if errno == 0 {
		from := filepath.Join(n.name(), name)
		to := filepath.Join(parent.EmbeddedInode().Path(n.Root()), newName)
		n.disk.renamed(from, to, flags&unix.RENAME_EXCHANGE != 0)
	}
	return errno
}

// renamed moves what a file, or the files of a folder, have not synced.
func (d *disk) renamed(from, to string, exchanged bool) {
	d.mu.Lock()
	defer d.mu.Unlock()
	after := map[string][]undo{}
	for name, writes := range d.unsynced {
		switch {
		case name == from || strings.HasPrefix(name, from+"/"):
			after[to+strings.TrimPrefix(name, from)] = writes
		case name != to && !strings.HasPrefix(name, to+"/"):
			after[name] = writes
		case exchanged:
			after[from+strings.TrimPrefix(name, to)] = writes
		}
	}
	d.unsynced = after
}

// Unlink implements fs.NodeUnlinker.
func (n *node) Unlink(ctx context.Context, name string) syscall.Errno {
	errno := n.LoopbackNode.Unlink(ctx, name)
	if errno == 0 {
		n.disk.mu.Lock()
		defer n.disk.mu.Unlock()
		delete(n.disk.unsynced, filepath.Join(n.name(), name))
	}
	return errno
}

// Setattr implements fs.NodeSetattrer; it sets the size of files.
func (n *node) Setattr(ctx context.Context, f fs.FileHandle, in *fuse.SetAttrIn, out *fuse.AttrOut) syscall.Errno {
	if size, ok := in.GetSize(); ok {
		n.remember(int64(size), -1)
	}
	if own, ok := f.(*handle); ok {
		f = own.LoopbackFile
	}
	return n.LoopbackNode.Setattr(ctx, f, in, out)
}

// Fsync implements fs.NodeFsyncer: of folders, whose names last anyway, and of
// files whose handle does not take it.
func (n *node) Fsync(ctx context.Context, f fs.FileHandle, flags uint32) syscall.Errno {
	if own, ok := f.(*handle); ok {
		return own.Fsync(ctx, flags)
	}
	return 0
}

// remember notes what a write of a length at an offset (a negative one: to the
// end of the file) is going to change.
func (n *node) remember(offset, length int64) {
	path := filepath.Join(n.disk.backing, n.name())
	f, err := os.Open(path)
	if err != nil {
		return
	}
	defer func() { _ = f.Close() }() // it was only read
	info, err := f.Stat()
	if err != nil {
		return
	}
	size := info.Size()
	if length < 0 {
		length = max(0, size-offset)
	}
	var old []byte
	if offset < size {
		old = make([]byte, min(length, size-offset))
		if _, err := f.ReadAt(old, offset); err != nil {
			n.disk.t.Errorf("read %s: %v", path, err)
			return
		}
	}
	d := n.disk
	d.mu.Lock()
	defer d.mu.Unlock()
	writes := append(d.unsynced[n.name()], undo{offset: offset, old: old, size: size, length: length, at: time.Now()})
	d.unsynced[n.name()] = writes[max(0, len(writes)-undoMax):]
}

// PassthroughFd keeps the kernel from writing to the tmpfs past this process.
func (h *handle) PassthroughFd() (int, bool) { return 0, false }

// Write implements fs.FileWriter.
func (h *handle) Write(ctx context.Context, data []byte, offset int64) (uint32, syscall.Errno) {
	d := h.node.disk
	d.mu.Lock()
	delay := d.delay
	d.mu.Unlock()
	time.Sleep(delay)
	h.node.remember(offset, int64(len(data)))
	return h.LoopbackFile.Write(ctx, data, offset)
}

// Writev implements fs.FileWritever: what comes in pieces is one write too.
func (h *handle) Writev(ctx context.Context, data [][]byte, offset int64) (uint32, syscall.Errno) {
	return h.Write(ctx, slices.Concat(data...), offset)
}

// Fsync implements fs.FileFsyncer.
func (h *handle) Fsync(ctx context.Context, flags uint32) syscall.Errno {
	d := h.node.disk
	name := h.node.name()
	d.mu.Lock()
	delay, sick := d.delay, d.sick && (strings.HasSuffix(name, ".log") || strings.HasSuffix(name, ".segment"))
	written := len(d.unsynced[name])
	d.mu.Unlock()
	time.Sleep(10 * delay)
	if sick {
		return syscall.EIO
	}
	errno := h.LoopbackFile.Fsync(ctx, flags)
	if errno == 0 {
		d.mu.Lock()
		// What was written while this was syncing may not be covered.
		d.unsynced[name] = d.unsynced[name][min(written, len(d.unsynced[name])):]
		if len(d.unsynced[name]) == 0 {
			delete(d.unsynced, name)
		}
		d.mu.Unlock()
	}
	return errno
}
