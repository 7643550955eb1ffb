package bench

import (
	"bytes"
	"context"
	"fmt"
	"os/exec"
	"strconv"
	"strings"
	"sync"
	"time"
)

// peakEvery is how often the memory of a program that runs is looked at. The
// kernel keeps the most itself, so that only what a program takes in its last
// moments can be missed.
const peakEvery = 20 * time.Millisecond

// program is the ledger's binary as a process of its own.
type program struct {
	command *exec.Cmd
	began   time.Time
	said    spoken
	ended   chan error
	most    int64
}

// spoken is what a program has written so far.
type spoken struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (s *spoken) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.text.Write(p)
}

func (s *spoken) String() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.text.String()
}

// start begins a command of the ledger's binary.
func (r *Run) start(ctx context.Context, args ...string) (*program, error) {
	p := &program{command: exec.CommandContext(ctx, r.Program, args...), ended: make(chan error, 1)}
	p.command.Stdout, p.command.Stderr = &p.said, &p.said
	p.began = time.Now()
	if err := p.command.Start(); err != nil {
		return nil, fmt.Errorf("ledger %s: %w", args[0], err)
	}
	go func() { p.ended <- p.command.Wait() }()
	return p, nil
}

// ran runs a command of the ledger's binary to its end and tells the seconds that
// it took, with the seconds of CPU and, on Linux, the most memory that was
// resident.
func (r *Run) ran(ctx context.Context, args ...string) (Sample, error) {
	p, err := r.start(ctx, args...)
	if err != nil {
		return Sample{}, err
	}
	err = p.wait()
	took := time.Since(p.began)
	if err != nil {
		return Sample{}, fmt.Errorf("ledger %s: %w: %s", strings.Join(args, " "), err, p.said.String())
	}
	state := p.command.ProcessState
	s := Seconds(took).With(cpuTime, (state.UserTime() + state.SystemTime()).Seconds())
	if p.most > 0 {
		s = s.With(peakMemory, float64(p.most))
	}
	return s, nil
}

// The figures for the seconds of CPU, and for the most memory that was resident.
const (
	cpuTime    = "cpu_s"
	peakMemory = "peak_memory_bytes"
)

// wait waits for the end and looks at the memory meanwhile.
func (p *program) wait() error {
	look := time.NewTicker(peakEvery)
	defer look.Stop()
	for {
		select {
		case err := <-p.ended:
			return err
		case <-look.C:
			p.most = max(p.most, p.memory("VmHWM"))
		}
	}
}

// memory is a size that Linux tells of a process, in bytes: VmRSS is what is
// resident, VmHWM the most that was. Elsewhere, and of a process that has ended,
// it is 0.
func (p *program) memory(field string) int64 {
	status := kernelFile("/proc/" + strconv.Itoa(p.command.Process.Pid) + "/status")
	for line := range strings.Lines(status) {
		if rest, ok := strings.CutPrefix(line, field+":"); ok {
			kib, err := strconv.ParseInt(strings.TrimSpace(strings.TrimSuffix(strings.TrimSpace(rest), "kB")), 10, 64)
			if err == nil {
				return kib << 10
			}
		}
	}
	return 0
}
