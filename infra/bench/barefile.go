package bench

import (
	"errors"
	"fmt"
	"os"
)

// bareFile is the least that makes writes of many durable: one file that is
// only appended to, and one fdatasync for all that have come meanwhile.
// Nothing is checked and nothing can be found again.
type bareFile struct {
	file  *os.File
	queue chan bareWrite
	ended chan struct{}
}

type bareWrite struct {
	data []byte
	done chan error
}

func openBareFile(path string) (*bareFile, error) {
	file, err := os.Create(path)
	if err != nil {
		return nil, fmt.Errorf("bare file: %w", err)
	}
	f := &bareFile{file: file, queue: make(chan bareWrite, 1024), ended: make(chan struct{})}
	go f.run()
	return f, nil
}

// append returns when the data is on disk.
func (f *bareFile) append(data []byte) error {
	w := bareWrite{data, make(chan error, 1)}
	f.queue <- w
	return <-w.done
}

func (f *bareFile) run() {
	defer close(f.ended)
	var buffer []byte
	var group []bareWrite
	for first := range f.queue {
		group, buffer = append(group[:0], first), append(buffer[:0], first.data...)
		for more := true; more; {
			select {
			case w := <-f.queue:
				group, buffer = append(group, w), append(buffer, w.data...)
			default:
				more = false
			}
		}
		_, err := f.file.Write(buffer)
		if err == nil {
			err = syncData(f.file)
		}
		for _, w := range group {
			w.done <- err
		}
	}
}

// remove ends the writing and deletes the file.
func (f *bareFile) remove() error {
	close(f.queue)
	<-f.ended
	return errors.Join(f.file.Close(), os.Remove(f.file.Name()))
}
