//go:build !linux

package chdb

// keepingSignalHandlers is never reached where the engine has no build: Verify
// refuses those platforms first.
func keepingSignalHandlers(f func() error) error { return f() }
