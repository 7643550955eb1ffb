package bench

import (
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
)

// Environment is what a figure depends on. What a system does not tell is left out.
type Environment struct {
	Cores       int     `json:"cores"`
	Processor   string  `json:"processor,omitempty"`
	MemoryBytes int64   `json:"memory_bytes,omitempty"`
	System      string  `json:"system"`
	Go          string  `json:"go"`
	FileSystem  string  `json:"file_system,omitempty"`
	LoadBegin   float64 `json:"load_begin"`
	LoadEnd     float64 `json:"load_end"`
}

// environment looks at the machine and at the disk that a folder is on.
func environment(dir string) Environment {
	return Environment{
		Cores: runtime.NumCPU(), Processor: processor(), MemoryBytes: memoryBytes(),
		System: strings.TrimSpace(runtime.GOOS + "/" + runtime.GOARCH + " " + kernelFile("/proc/sys/kernel/osrelease")),
		Go:     runtime.Version(), FileSystem: fileSystem(dir), LoadBegin: loadAverage(),
	}
}

// kernelFile is a file that Linux makes; empty elsewhere.
func kernelFile(path string) string {
	text, err := os.ReadFile(path)
	if err != nil {
		return ""
	}
	return strings.TrimSpace(string(text))
}

// loadAverage is how many programs have wanted to run, over the last minute.
func loadAverage() float64 {
	first, _, _ := strings.Cut(kernelFile("/proc/loadavg"), " ")
	load, err := strconv.ParseFloat(first, 64)
	if err != nil {
		return 0
	}
	return load
}

func processor() string {
	for line := range strings.Lines(kernelFile("/proc/cpuinfo")) {
		if name, value, _ := strings.Cut(line, ":"); strings.TrimSpace(name) == "model name" {
			return strings.TrimSpace(value)
		}
	}
	return ""
}

func memoryBytes() int64 {
	for line := range strings.Lines(kernelFile("/proc/meminfo")) {
		if value, ok := strings.CutPrefix(line, "MemTotal:"); ok {
			kib, err := strconv.ParseInt(strings.TrimSpace(strings.TrimSuffix(strings.TrimSpace(value), "kB")), 10, 64)
			if err == nil {
				return kib << 10
			}
		}
	}
	return 0
}

// fileSystem is the type of the file system that a folder is on: that of the
// longest mount point above it.
func fileSystem(dir string) string {
	path, err := filepath.EvalSymlinks(dir)
	if err != nil {
		return ""
	}
	longest, kind := "", ""
	for line := range strings.Lines(kernelFile("/proc/self/mounts")) {
		fields := strings.Fields(line)
		if len(fields) < 3 {
			continue
		}
		at := strings.TrimSuffix(fields[1], "/")
		if (path == at || strings.HasPrefix(path, at+"/")) && len(at) >= len(longest) {
			longest, kind = at, fields[2]
		}
	}
	return kind
}
