package cli

import (
	"fmt"
	"io"
	"runtime/debug"
)

type versionCommand struct{}

type versionInfo struct {
	Version string `json:"version"`
	Go      string `json:"go"`
}

// Run prints which build this is.
func (c *versionCommand) Run(w *world) error {
	v := build()
	return w.print(v, func(out io.Writer) error {
		_, err := fmt.Fprintf(out, "ledger %s (%s)\n", v.Version, v.Go)
		return err
	})
}

func build() versionInfo {
	v := versionInfo{Version: "unknown"}
	if info, ok := debug.ReadBuildInfo(); ok {
		v.Version, v.Go = info.Main.Version, info.GoVersion
	}
	return v
}
